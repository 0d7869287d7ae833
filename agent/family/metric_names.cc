#include "agent/family/metric_names.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "shm/utf8.h"

namespace notch::agent {
namespace {

constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The suffix of a counter's name in text 0.0.4.
constexpr std::string_view kTotal = "_total";

std::string sample_name(const shm::FamilyEntry& entry) {
  std::string name = entry.name;
  if (entry.type == shm::FamilyType::kCounter && !name.ends_with(kTotal)) name.append(kTotal);
  return name;
}

Combine combine_of(shm::GaugeMode mode) {
  switch (mode) {
    case shm::GaugeMode::kMin:
      return Combine::kMin;
    case shm::GaugeMode::kMax:
      return Combine::kMax;
    case shm::GaugeMode::kLast:
      return Combine::kLast;
    case shm::GaugeMode::kEach:
      return Combine::kEach;
    default:
      return Combine::kSum;
  }
}

bool are_bounds(const std::vector<double>& bounds) {
  return std::ranges::all_of(bounds, [](double bound) { return std::isfinite(bound); }) &&
         std::ranges::adjacent_find(bounds, [](double a, double b) { return !(a < b); }) ==
             bounds.end();
}

// Fills type, number, combine, schema and bounds; false if they do not go together.
bool take_shape(const shm::FamilyEntry& entry, Family& family) {
  switch (entry.type) {
    case shm::FamilyType::kCounter:
      family.type = MetricType::kCounter;
      family.number = entry.number == shm::NumberKind::kFloat ? Number::kFloat : Number::kUnsigned;
      return entry.number != shm::NumberKind::kSigned;
    case shm::FamilyType::kUpDownCounter:
      family.type = MetricType::kGauge;
      family.number = entry.number == shm::NumberKind::kFloat ? Number::kFloat : Number::kSigned;
      return true;
    case shm::FamilyType::kGauge:
      family.type = MetricType::kGauge;
      family.number = Number::kFloat;
      family.combine = combine_of(entry.gauge_mode);
      return true;
    case shm::FamilyType::kHistogram:
      family.type = MetricType::kHistogram;
      family.bounds = entry.bounds;
      return are_bounds(entry.bounds);
    case shm::FamilyType::kNativeHistogram:
      family.type = MetricType::kNativeHistogram;
      family.schema = entry.schema;
      family.zero_threshold = entry.zero_threshold;
      return entry.schema >= -4 && entry.schema <= 8 && std::isfinite(entry.zero_threshold) &&
             entry.zero_threshold >= 0;
  }
  return false;
}

}  // namespace

bool is_metric_name(std::string_view name) noexcept {
  return !name.empty() && !is_digit(name.front()) &&
         std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == ':'; });
}

bool is_label_name(std::string_view name) noexcept {
  return is_metric_name(name) && name.find(':') == std::string_view::npos;
}

bool is_reserved_label(std::string_view name) noexcept {
  return name.starts_with("__") || name == "le" || name == "quantile";
}

JudgedFamily judge_family(const shm::FamilyEntry& entry, bool with_pid) {
  JudgedFamily judged;
  const auto refuse = [&judged](Conflict fault) {
    judged.fault = fault;
    return std::move(judged);
  };
  if (!is_metric_name(entry.name)) return refuse(Conflict::kMetricName);
  if (!take_shape(entry, judged.family)) return refuse(Conflict::kDefinition);
  judged.family.name = sample_name(entry);
  judged.family.help = shm::valid_utf8(entry.help);
  judged.family.unit = shm::valid_utf8(entry.unit);
  // A gauge may come back to zero, and would leave the page.
  if (judged.family.type != MetricType::kGauge) judged.quiet_labels = entry.quiet_labels;
  const bool pid_is_ours = with_pid || judged.family.combine == Combine::kEach;
  for (std::uint32_t i = 0; i < entry.label_names.size(); ++i) {
    std::string name = entry.label_names[i];
    if (!is_label_name(name)) return refuse(Conflict::kLabelName);
    if (is_reserved_label(name)) return refuse(Conflict::kReservedLabel);
    if (name == "service" || (name == "pid" && pid_is_ours)) name.insert(0, "exported_");
    judged.columns.push_back({std::move(name), i});
  }
  std::ranges::sort(judged.columns, {}, &LabelColumn::name);
  if (std::ranges::adjacent_find(judged.columns, {}, &LabelColumn::name) != judged.columns.end()) {
    return refuse(Conflict::kRepeatedLabel);
  }
  return judged;
}

}  // namespace notch::agent
