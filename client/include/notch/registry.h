// The definitions: one registry per process, in which every metric has its name, help, unit and
// labels. Start here.
//
// Which to use:
//   it only grows, in whole steps: requests, bytes, errors      counter()
//   it only grows, not in whole steps: seconds of work          float_counter()
//   the program raises and lowers it: open connections          up_down_counter()
//   the program is told it: a temperature, a size, a limit      gauge(), of five modes
//   how long, how large; the bounds that matter are known       histogram()
//   how long, how large; any range, fine                        native_histogram()
//   the same by method, status, kind                            each of them as ..._family()
//
// Use:
//   auto requests = notch::counter_family({"http_requests_total", "Requests served.", {"code"}});
//   auto seconds = notch::histogram({"http_request_seconds", "Time of one."}, {0.01, 0.1, 1});
//   requests.with("200").add();
//   seconds.observe(0.042);
#pragma once

#if __cplusplus < 202002L
#error "notch's C++ headers need C++20: -std=c++20 or later; notch.h is for C"
#endif

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "notch/buckets.h"
#include "notch/counter.h"
#include "notch/family.h"
#include "notch/float_counter.h"
#include "notch/gauge.h"
#include "notch/histogram.h"
#include "notch/native_histogram.h"
#include "notch/status.h"
#include "notch/up_down_counter.h"

namespace notch {

// The names of a metric. They are snake_case with a namespace, end in the base unit if they have
// one, and a counter's ends in _total: http_requests_total, job_duration_seconds. Other units and
// CamelCase labels are taken; NOTCH_DEBUG=1 advises against them.
struct Metric {
  std::string_view name;
  std::string_view help;
  std::vector<std::string_view> labels = {};
  std::string_view unit = {};    // if given, the name must end in it (before _total)
  std::size_t series_limit = 0;  // label sets of this process; 0: 2000
};

// Each of these defines the metric, or finds it again if it is defined with the same words. A
// refused definition gives a family of null handles; `status`, if given, says which rule was
// broken, and NOTCH_DEBUG=1 in the environment prints it. Thread-safe; takes a lock; not for signal
// handlers, and a handler that interrupts one must return: if it leaves by siglongjmp, the lock is
// held for ever, and who needs it next waits for ever. The same holds for a with() of a new label
// set, and for reserve() and health(). Cost: some microseconds; the first one in a process attaches
// it to the agent (about 100 us).
Family<Counter> counter_family(const Metric& metric, Status* status = nullptr);
Family<FloatCounter> float_counter_family(const Metric& metric, Status* status = nullptr);
Family<UpDownCounter> up_down_counter_family(const Metric& metric, Status* status = nullptr);
Family<Gauge> gauge_family(const Metric& metric, GaugeMode mode = GaugeMode::kSum,
                           Status* status = nullptr);
Family<Histogram> histogram_family(const Metric& metric, const Buckets& buckets,
                                   Status* status = nullptr);
Family<NativeHistogram> native_histogram_family(const Metric& metric,
                                                const NativeOptions& options = {},
                                                Status* status = nullptr);

// The same for metrics without labels: the one series there is.
inline Counter counter(const Metric& metric, Status* status = nullptr) {
  return counter_family(metric, status).with();
}
inline FloatCounter float_counter(const Metric& metric, Status* status = nullptr) {
  return float_counter_family(metric, status).with();
}
inline UpDownCounter up_down_counter(const Metric& metric, Status* status = nullptr) {
  return up_down_counter_family(metric, status).with();
}
inline Gauge gauge(const Metric& metric, GaugeMode mode = GaugeMode::kSum,
                   Status* status = nullptr) {
  return gauge_family(metric, mode, status).with();
}
inline Histogram histogram(const Metric& metric, const Buckets& buckets, Status* status = nullptr) {
  return histogram_family(metric, buckets, status).with();
}
inline NativeHistogram native_histogram(const Metric& metric, const NativeOptions& options = {},
                                        Status* status = nullptr) {
  return native_histogram_family(metric, options, status).with();
}

}  // namespace notch

#include "notch/registry_inline.h"
