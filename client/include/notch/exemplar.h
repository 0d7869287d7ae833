// An example that stands for a count: the trace in which it happened.
//
// For counts that somebody will want to see one case of: errors, slow requests. It costs more than
// the count itself, so give it where it is rare, or for one in many.
//
// Use:
//   const std::uint8_t trace_id[16] = {0x4b, 0xf9}, span_id[8] = {0x01};  // the tracer's
//   notch::Counter failed = notch::counter({"failed_total", "Requests that failed."});
//   failed.add(1, notch::Exemplar(trace_id, span_id));
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
