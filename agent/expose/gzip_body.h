// A page's bytes as one gzip member. One, because curl and browsers read no further than the first.
// Called by: http, when the scraper takes gzip.
#pragma once

#include <cstddef>
#include <optional>

#include "agent/expose/body.h"

namespace notch::agent {

struct GzipOptions {
  int level = 1;  // 1 to 12; level 6 costs 3.5 times as much to save a tenth of the bytes
  std::size_t smallest_bytes = 1024;  // what is shorter goes out plain
};

// Nothing if the body is short, or gains nothing, or there is no memory for it: then it goes out as
// it is. Thread-safe. Cost: about 2 ns a byte at level 1; memory for the compressed bytes alone.
std::optional<Body> gzip_body(const Body& body, const GzipOptions& options);

}  // namespace notch::agent
