// An example that stands for a count: the trace in which it happened.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "notch/abi.h"

namespace notch {

// The ids as W3C Trace Context has them, 16 and 8 bytes. A value; all zero means "none".
// The agent shows the last exemplar of each counter and bucket in the OpenMetrics and protobuf
// formats.
class Exemplar {
 public:
  Exemplar(std::span<const std::uint8_t, 16> trace_id,
           std::span<const std::uint8_t, 8> span_id) noexcept {
    std::memcpy(raw_.trace_id, trace_id.data(), sizeof raw_.trace_id);
    std::memcpy(raw_.span_id, span_id.data(), sizeof raw_.span_id);
  }

  const notch_exemplar* raw() const noexcept { return &raw_; }

 private:
  notch_exemplar raw_{};
};

}  // namespace notch
