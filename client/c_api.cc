// The calls of notch.h, each a thin coat over the C++ handles, so that both languages count the
// same way. Called by: programs in C, bindings.
#include "notch.h"

#include <array>
#include <cstring>

#include "client/registry.h"
#include "notch/registry.h"
#include "shm/layout.h"

namespace {

notch_text text_of(const char* text) noexcept {
  return {text, text == nullptr ? std::size_t{0} : std::strlen(text)};
}

uint32_t define(const notch_metric* metric, notch_definition definition,
                notch_error* error) noexcept {
  if (metric == nullptr) return notch_v1_define(nullptr, error);
  std::array<notch_text, notch::shm::kMaxLabels + 1> names{};
  for (std::size_t i = 0; i < metric->label_count && i < names.size(); ++i) {
    names[i] = metric->labels == nullptr ? notch_text{} : text_of(metric->labels[i]);
  }
  definition.name = text_of(metric->name);
  definition.help = text_of(metric->help);
  definition.unit = text_of(metric->unit);
  definition.label_names = names.data();
  definition.label_count = metric->label_count;
  definition.series_limit = metric->series_limit;
  return notch_v1_define(&definition, error);
}

// M is the C++ handle of the call's type. In C, ids of all families are numbers: the id of another
// type's family gives the null series, because that family's cells hold something else.
template <class M>
notch_series series(uint32_t family, const char* const* values) noexcept {
  const notch::client::FamilyShape* const shape = notch::client::find_family(family);
  if (shape == nullptr || shape->type != M::kType || shape->number != M::kNumber) {
    return notch_v1_series(0, nullptr, 0);
  }
  std::array<notch_text, notch::shm::kMaxLabels> texts{};
  const std::size_t count = values == nullptr ? 0 : shape->label_count;
  for (std::size_t i = 0; i < count; ++i) texts[i] = text_of(values[i]);
  return notch_v1_series(family, texts.data(), count);
}

notch_definition typed(uint32_t type, uint32_t number) noexcept {
  notch_definition definition{};
  definition.type = type;
  definition.number = number;
  return definition;
}

}  // namespace

extern "C" {

uint32_t notch_counter_family(const notch_metric* metric, notch_error* error) {
  return define(metric, typed(NOTCH_COUNTER, NOTCH_UNSIGNED), error);
}

uint32_t notch_float_counter_family(const notch_metric* metric, notch_error* error) {
  return define(metric, typed(NOTCH_COUNTER, NOTCH_FLOAT), error);
}

uint32_t notch_up_down_counter_family(const notch_metric* metric, notch_error* error) {
  return define(metric, typed(NOTCH_UP_DOWN_COUNTER, NOTCH_SIGNED), error);
}

uint32_t notch_gauge_family(const notch_metric* metric, enum notch_gauge_mode mode,
                            notch_error* error) {
  notch_definition definition = typed(NOTCH_GAUGE, NOTCH_FLOAT);
  definition.gauge_mode = static_cast<uint32_t>(mode);
  return define(metric, definition, error);
}

uint32_t notch_histogram_family(const notch_metric* metric, const double* bounds,
                                size_t bound_count, notch_error* error) {
  notch_definition definition = typed(NOTCH_HISTOGRAM, NOTCH_UNSIGNED);
  definition.bounds = bounds;
  definition.bound_count = bound_count;
  return define(metric, definition, error);
}

uint32_t notch_native_histogram_family(const notch_metric* metric, int schema,
                                       double zero_threshold, notch_error* error) {
  notch_definition definition = typed(NOTCH_NATIVE_HISTOGRAM, NOTCH_UNSIGNED);
  definition.schema = schema;
  definition.zero_threshold = zero_threshold == 0 ? 0x1p-128 : zero_threshold;
  return define(metric, definition, error);
}

notch_counter notch_counter_with(uint32_t family, const char* const* values) {
  return {series<notch::Counter>(family, values).offset};
}

notch_float_counter notch_float_counter_with(uint32_t family, const char* const* values) {
  return {series<notch::FloatCounter>(family, values).offset};
}

notch_up_down_counter notch_up_down_counter_with(uint32_t family, const char* const* values) {
  return {series<notch::UpDownCounter>(family, values).offset};
}

notch_gauge notch_gauge_with(uint32_t family, const char* const* values) {
  const notch::client::FamilyShape* const shape = notch::client::find_family(family);
  return {series<notch::Gauge>(family, values).offset,
          shape == nullptr ? uint32_t{NOTCH_GAUGE_SUM} : shape->gauge_mode};
}

notch_histogram notch_histogram_with(uint32_t family, const char* const* values) {
  return {series<notch::Histogram>(family, values)};
}

notch_native_histogram notch_native_histogram_with(uint32_t family, const char* const* values) {
  return {series<notch::NativeHistogram>(family, values)};
}

void notch_counter_add(notch_counter counter, uint64_t amount) {
  notch::Counter({counter.offset, nullptr}).add(amount);
}

void notch_float_counter_add(notch_float_counter counter, double amount) {
  notch::FloatCounter({counter.offset, nullptr}).add(amount);
}

void notch_up_down_counter_add(notch_up_down_counter counter, int64_t amount) {
  notch::UpDownCounter({counter.offset, nullptr}).add(amount);
}

void notch_gauge_set(notch_gauge gauge, double value) {
  notch::Gauge({gauge.offset, nullptr}, static_cast<notch::GaugeMode>(gauge.mode)).set(value);
}

void notch_gauge_add(notch_gauge gauge, double amount) {
  notch::Gauge({gauge.offset, nullptr}, static_cast<notch::GaugeMode>(gauge.mode)).add(amount);
}

void notch_histogram_observe(notch_histogram histogram, double value) {
  notch::Histogram(histogram.series).observe(value);
}

void notch_native_histogram_observe(notch_native_histogram histogram, double value) {
  notch::NativeHistogram(histogram.series).observe(value);
}

void notch_counter_add_exemplar(notch_counter counter, uint64_t amount,
                                const notch_exemplar* exemplar) {
  notch_counter_add(counter, amount);
  notch_v1_exemplar(counter.offset, static_cast<double>(amount), exemplar);
}

void notch_histogram_observe_exemplar(notch_histogram histogram, double value,
                                      const notch_exemplar* exemplar) {
  if (exemplar == nullptr) return notch_histogram_observe(histogram, value);
  notch::Histogram(histogram.series)
      .observe(value, notch::Exemplar(std::span(exemplar->trace_id), std::span(exemplar->span_id)));
}

}  // extern "C"
