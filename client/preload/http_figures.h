// What is counted of HTTP exchanges: OpenTelemetry's metrics, by Prometheus's names for them.
// Called by: connections.cc, which counts; life.cc, which has them defined.
//
// Every finished exchange is counted once in the body sizes. It is in the durations too if it has
// one: not where there was no clock, nor where its end was not seen; how many that are is counted
// beside it.
//
// Label sets are made as they come, in memory committed by the constructor; past their bounds, and
// while another thread makes one, an exchange counts in its family's overflow series.
#pragma once

#include <cstdint>

#include "client/preload/core.h"
#include "client/preload/http_exchange.h"
#include "client/preload/http_route.h"

namespace notch::preload {

// The values of the label "reason" of what is not told apart or not timed.
enum class Unobserved : std::uint8_t {
  kPipelined,   // requests: more were pending than are followed
  kContended,   // connections: two threads were in one at once
  kDescriptor,  // connections: the descriptor's number is too high, or there was no memory
  kUnended,     // exchanges: their bytes could no longer be followed, so they have no duration
  kUntimed,     // exchanges: there was no clock
};
inline constexpr int kUnobservedReasons = 5;

// `secure`: of https as well as of http. Returns what its label sets take.
LabelRoom define_http_figures(bool secure) noexcept;

// The overflow series of all families, while this process can still make series: children that count
// in its segment have them for what it has not made.
void make_overflow_series() noexcept;

void count_started(const HttpRequestStart& start) noexcept;
void count_finished(const HttpExchange& exchange, std::uint8_t endpoint,
                    const HttpRoutes& routes) noexcept;
void count_unobserved(Unobserved reason) noexcept;

}  // namespace notch::preload
