#include "client/preload/dns_figures.h"

#include <netdb.h>

#include <string_view>

#include "client/preload/definitions.h"

namespace notch::preload {

Histogram lookup_durations[kLookupErrors];

namespace {

// OpenTelemetry's advice.
constexpr double kDurationBounds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                      0.5,   0.75, 1,     2.5,  5,     7.5, 10};

struct Error {
  int code;
  std::string_view word;
};
constexpr Error kErrors[kLookupErrors] = {{0, ""},
                                          {EAI_NONAME, "EAI_NONAME"},
                                          {EAI_AGAIN, "EAI_AGAIN"},
                                          {EAI_FAIL, "EAI_FAIL"},
                                          {EAI_NODATA, "EAI_NODATA"},
                                          {EAI_SERVICE, "EAI_SERVICE"},
                                          {EAI_SYSTEM, "EAI_SYSTEM"},
                                          {1, "_OTHER"}};

}  // namespace

void define_dns_figures() noexcept {
  const Family duration =
      define_histogram("dns_lookup_duration_seconds", "Time that libc took to look a name up.",
                       "seconds", {"error_type"}, kDurationBounds, 0, 1);
  for (std::size_t i = 0; i < kLookupErrors; ++i) {
    lookup_durations[i] = Histogram(duration.with({kErrors[i].word}));
  }
}

std::size_t lookup_error(int code) noexcept {
  for (std::size_t i = 0; i < kLookupErrors; ++i) {
    if (kErrors[i].code == code) return i;
  }
  return kLookupErrors - 1;
}

}  // namespace notch::preload
