// Valid UTF-8 out of bytes nobody vouches for.
// Called by: segment_reader, for the header's texts.
#pragma once

#include <string>
#include <string_view>

namespace notch::shm {

// `text` with every byte that is not part of a well-formed sequence (Unicode 15, table 3-7)
// replaced by U+FFFD. Cost: one copy.
std::string valid_utf8(std::string_view text);

}  // namespace notch::shm
