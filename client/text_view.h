// The bytes of one of the ABI's texts. Called by: whatever reads what an application handed over.
#pragma once

#include <string_view>

#include "client/include/notch/abi.h"

namespace notch::client {

// A null pointer is an empty text, whatever length came with it.
inline std::string_view view(notch_text text) noexcept {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

}  // namespace notch::client
