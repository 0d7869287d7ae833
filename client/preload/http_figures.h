// The metrics of HTTP exchanges: OpenTelemetry's, by Prometheus's names for them.
// Called by: connections.cc, which counts; life.cc, which has them defined.
//
// Every exchange is counted once, in the durations or by reason among the unobserved: where its end
// was not seen, or its request, or where there was no clock. In the body sizes are those whose end
// was seen.
//
// Label sets are made as they come (core.h says where their memory is from), by one thread at a time
// (handover.h); past their bounds an exchange counts in its family's overflow series.
#pragma once

#include <cstdint>

#include "client/preload/core.h"
#include "client/preload/http/http_exchange.h"
#include "client/preload/http/http_route.h"

namespace notch::preload {

// The values of the label "reason" of exchanges that are in no duration: those of HttpLoss, in its
// order, and three more.
enum class Unobserved : std::uint8_t {
  kPipelined,
  kContended,
  kFraming,
  kUnended,
  kUnasked,
  kDescriptor,  // connections: the descriptor's number is too high, or there was no memory
  kUntimed,     // there was no clock
  kNoSeries,    // neither its label set nor its family's overflow series could be made
};
inline constexpr int kUnobservedReasons = 8;

// `secure`: of https as well as of http. Returns what its label sets take.
LabelRoom define_http_figures(bool secure) noexcept;

// The overflow series of all families, while this process can still make series: children that count
// in its segment have them for what it has not made.
void make_overflow_series() noexcept;

void count_started(const HttpRequestStart& start) noexcept;
void count_finished(const HttpExchange& exchange, std::uint8_t endpoint,
                    const HttpRoutes& routes) noexcept;
void count_lost(HttpRole role, HttpLoss loss) noexcept;
void count_unobserved(HttpRole role, Unobserved reason) noexcept;

}  // namespace notch::preload
