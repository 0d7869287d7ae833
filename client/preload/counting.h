// The body of most wrappers: the real call, counted, and now and then timed.
// Called by: io.cc, net.cc. `Figures` has operations, bytes and duration, and a count_error() of
// its own, which looks at errno and leaves it.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "client/preload/clock.h"
#include "notch/histogram.h"

namespace notch::preload {

[[gnu::noinline]] inline void count_duration(Histogram& duration, const Moment& start) noexcept {
  const double seconds = seconds_since(start);
  if (seconds >= 0) duration.observe(seconds);
}

// `result` is a number of bytes, or -1 and errno.
template <class Figures>
[[gnu::always_inline]] inline void count(Figures& figures, ssize_t result) noexcept {
  figures.operations.add();
  if (result > 0) [[likely]] {
    figures.bytes.add(static_cast<std::uint64_t>(result));
  } else if (result < 0) {
    count_error(figures);
  }
}

// Out of line, so that the usual way has no more registers to save than it needs.
template <class Figures, class Real, class... Arguments>
[[gnu::noinline]] auto timed(Figures& figures, Real real, Arguments... arguments) {
  const Moment start = now();
  const auto result = real(arguments...);
  count_duration(figures.duration, start);
  return result;
}

template <class Figures, class Real, class... Arguments>
[[gnu::always_inline]] inline auto sampled(Figures& figures, Real real, Arguments... arguments) {
  if (is_sampled()) [[unlikely]]
    return timed(figures, real, arguments...);
  return real(arguments...);
}

template <class Figures, class Real, class... Arguments>
[[gnu::always_inline]] inline ssize_t counted(Figures& figures, Real real, Arguments... arguments) {
  const ssize_t result = sampled(figures, real, arguments...);
  count(figures, result);
  return result;
}

}  // namespace notch::preload
