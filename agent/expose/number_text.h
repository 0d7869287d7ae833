// Numbers as the text formats spell them. Independent of the locale; nothing allocates.
// Called by: exposition_text.
//
// Invariants
//   NT1  No call writes more than kMaxNumberBytes; each returns the end of what it wrote.
//   NT2  A finite double is written so that it reads back as the same double.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>

namespace notch::agent {

inline constexpr std::size_t kMaxNumberBytes = 32;

inline char* put_u64(char* to, std::uint64_t value) noexcept {
  return std::to_chars(to, to + kMaxNumberBytes, value).ptr;
}

inline char* put_i64(char* to, std::int64_t value) noexcept {
  return std::to_chars(to, to + kMaxNumberBytes, value).ptr;
}

// A sample's value: `5`, `0.25`, `1e+300`, `+Inf`, `-Inf`, `NaN`. Whole numbers carry no point, as
// OpenMetrics wants them. Zero is `0` whatever its sign, as Go's writers have it.
char* put_double(char* to, double value) noexcept;

// A bucket's bound as the value of `le`. Series are told apart by these bytes, so they follow what
// each format's other writers do: `1` and `1e+06` in text 0.0.4, `1.0` and `1e+06` in OpenMetrics.
char* put_text_bound(char* to, double bound) noexcept;
char* put_openmetrics_bound(char* to, double bound) noexcept;

// Seconds with three decimals, the resolution Prometheus keeps.
char* put_seconds(char* to, std::uint64_t unix_time_ns) noexcept;

}  // namespace notch::agent
