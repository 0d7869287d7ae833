// The metrics of name lookups. Called by: dns.cc, which counts; life.cc, which has it defined.
#pragma once

#include <cstddef>

#include "notch/histogram.h"

namespace notch::preload {

inline constexpr std::size_t kLookupErrors = 8;

// By error_type: without one first, then those of lookup_error().
extern Histogram lookup_durations[kLookupErrors];

void define_dns_figures() noexcept;

// The place of an EAI_* code, or of 0 for none.
std::size_t lookup_error(int code) noexcept;

}  // namespace notch::preload
