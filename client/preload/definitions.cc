#include "client/preload/definitions.h"

#include "client/preload/core.h"
#include "shm/layout.h"

namespace notch::preload {
namespace {

notch_text text(std::string_view view) noexcept {
  return {view.data(), view.size()};
}

struct Texts {
  notch_text all[shm::kMaxLabels];
  std::size_t count = 0;

  explicit Texts(Words words) noexcept {
    for (const std::string_view word : words) {
      if (count < shm::kMaxLabels) all[count++] = text(word);
    }
  }
};

Family define(std::string_view name, std::string_view help, std::string_view unit, Words labels,
              notch_definition definition) noexcept {
  const Texts names(labels);
  definition.name = text(name);
  definition.help = text(help);
  definition.unit = text(unit);
  definition.label_names = names.all;
  definition.label_count = names.count;
  return {notch_v1_define(&definition, nullptr)};
}

}  // namespace

notch_series Family::with(Words values) const noexcept {
  const Texts texts(values);
  return notch_v1_series(id, texts.all, texts.count);
}

notch_series Family::with_gauge(Words values) const noexcept {
  const notch_series series = with(values);
  note_gauge(series.offset);
  return series;
}

notch_series Family::with_now(Words values) const noexcept {
  const Texts texts(values);
  return make_series_now(id, texts.all, texts.count);
}

notch_series Family::overflow_now() const noexcept {
  return make_overflow_now(id);
}

Family define_counter(std::string_view name, std::string_view help, std::string_view unit,
                      Words labels, std::uint32_t quiet_labels) noexcept {
  notch_definition definition{};
  definition.quiet_labels = quiet_labels;
  definition.type = NOTCH_COUNTER;
  definition.number = NOTCH_UNSIGNED;
  return define(name, help, unit, labels, definition);
}

Family define_up_down_counter(std::string_view name, std::string_view help, std::string_view unit,
                              Words labels) noexcept {
  notch_definition definition{};
  definition.type = NOTCH_UP_DOWN_COUNTER;
  definition.number = NOTCH_SIGNED;
  return define(name, help, unit, labels, definition);
}

Family define_histogram(std::string_view name, std::string_view help, std::string_view unit,
                        Words labels, std::span<const double> bounds, std::size_t series_limit,
                        std::uint32_t quiet_labels) noexcept {
  notch_definition definition{};
  definition.quiet_labels = quiet_labels;
  definition.type = NOTCH_HISTOGRAM;
  definition.number = NOTCH_UNSIGNED;
  definition.bounds = bounds.data();
  definition.bound_count = bounds.size();
  definition.series_limit = series_limit;
  return define(name, help, unit, labels, definition);
}

}  // namespace notch::preload
