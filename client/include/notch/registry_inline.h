// The bodies of registry.h: each turns a Metric into the ABI's definition. Included by registry.h
// alone. Not for users.
#pragma once

#include <array>

#include "notch/registry.h"

namespace notch {

namespace detail {

template <class M>
inline std::uint32_t define(const Metric& metric, notch_definition definition, Status* status) {
  std::vector<notch_text> names;
  names.reserve(metric.labels.size());
  for (const std::string_view label : metric.labels) names.push_back({label.data(), label.size()});
  definition.name = {metric.name.data(), metric.name.size()};
  definition.help = {metric.help.data(), metric.help.size()};
  definition.unit = {metric.unit.data(), metric.unit.size()};
  definition.label_names = names.data();
  definition.label_count = names.size();
  definition.type = M::kType;
  definition.number = M::kNumber;
  definition.series_limit = metric.series_limit;
  return notch_v1_define(&definition, status != nullptr ? status->raw() : nullptr);
}

}  // namespace detail

inline Family<Counter> counter_family(const Metric& metric, Status* status) {
  return Family<Counter>(detail::define<Counter>(metric, {}, status));
}

inline Family<FloatCounter> float_counter_family(const Metric& metric, Status* status) {
  return Family<FloatCounter>(detail::define<FloatCounter>(metric, {}, status));
}

inline Family<UpDownCounter> up_down_counter_family(const Metric& metric, Status* status) {
  return Family<UpDownCounter>(detail::define<UpDownCounter>(metric, {}, status));
}

inline Family<Gauge> gauge_family(const Metric& metric, GaugeMode mode, Status* status) {
  notch_definition definition{};
  definition.gauge_mode = static_cast<std::uint32_t>(mode);
  return Family<Gauge>(detail::define<Gauge>(metric, definition, status), mode);
}

inline Family<Histogram> histogram_family(const Metric& metric, const Buckets& buckets,
                                          Status* status) {
  notch_definition definition{};
  definition.bounds = buckets.bounds().data();
  definition.bound_count = buckets.bounds().size();
  return Family<Histogram>(detail::define<Histogram>(metric, definition, status));
}

inline Family<NativeHistogram> native_histogram_family(const Metric& metric,
                                                       const NativeOptions& options,
                                                       Status* status) {
  notch_definition definition{};
  definition.schema = options.schema;
  definition.zero_threshold = options.zero_threshold;
  return Family<NativeHistogram>(detail::define<NativeHistogram>(metric, definition, status));
}

}  // namespace notch
