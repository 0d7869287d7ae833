#include "agent/family/prometheus_cpp_families.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "agent/family/label_text.h"
#include "agent/family/metric_names.h"
#include "shm/utf8.h"

namespace notch::agent {
namespace {

using prometheus::ClientMetric;

struct OwnedFamily {
  Family family;
  std::vector<std::string> labels;  // one per row
  std::vector<Row> rows;
  std::vector<std::uint64_t> slots;
};

MetricType type_of(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return MetricType::kCounter;
    case prometheus::MetricType::Gauge:
      return MetricType::kGauge;
    case prometheus::MetricType::Histogram:
      return MetricType::kHistogram;
    default:
      return MetricType::kUnknown;
  }
}

// The labels sorted by name, as text. False if a name may not stand.
bool render_labels(const ClientMetric& metric, MetricType type, std::string& text) {
  std::vector<ClientMetric::Label> labels = metric.label;
  std::sort(labels.begin(), labels.end());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool repeated = i > 0 && labels[i].name == labels[i - 1].name;
    const bool reserved = type == MetricType::kHistogram && labels[i].name == "le";
    if (repeated || reserved || !is_label_name(labels[i].name)) return false;
    append_label(text, labels[i].name, labels[i].value);
  }
  return true;
}

std::vector<double> finite_bounds(const ClientMetric::Histogram& histogram) {
  std::vector<double> bounds;
  for (const auto& bucket : histogram.bucket) {
    if (!std::isinf(bucket.upper_bound) || bucket.upper_bound < 0) {
      bounds.push_back(bucket.upper_bound);
    }
  }
  return bounds;
}

bool are_bounds(const std::vector<double>& bounds) {
  const bool finite =
      std::ranges::all_of(bounds, [](double bound) { return std::isfinite(bound); });
  return finite && std::ranges::adjacent_find(bounds, std::greater_equal<>()) == bounds.end();
}

// A source that counts while it collects may show a bucket above the next: such a step counts 0.
void append_histogram(const ClientMetric::Histogram& histogram, std::vector<std::uint64_t>& slots) {
  std::uint64_t before = 0;
  const auto append = [&](std::uint64_t cumulative) {
    slots.push_back(cumulative > before ? cumulative - before : 0);
    before = std::max(before, cumulative);
  };
  for (const auto& bucket : histogram.bucket) {
    if (std::isfinite(bucket.upper_bound)) append(bucket.cumulative_count);
  }
  append(histogram.sample_count);
  slots.push_back(std::bit_cast<std::uint64_t>(histogram.sample_sum));
}

void append_slots(const ClientMetric& metric, MetricType type, std::vector<std::uint64_t>& slots) {
  switch (type) {
    case MetricType::kCounter:
      slots.push_back(std::bit_cast<std::uint64_t>(metric.counter.value));
      return;
    case MetricType::kGauge:
      slots.push_back(~std::bit_cast<std::uint64_t>(metric.gauge.value));
      return;
    case MetricType::kHistogram:
      append_histogram(metric.histogram, slots);
      return;
    default:
      slots.push_back(~std::bit_cast<std::uint64_t>(metric.untyped.value));
  }
}

class Conversion {
 public:
  Converted convert(const std::vector<prometheus::MetricFamily>& families);

 private:
  void drop(ConversionDrop reason, std::uint64_t count = 1) {
    result_.dropped[static_cast<std::size_t>(reason)] += count;
  }
  bool convert_family(const prometheus::MetricFamily& from, OwnedFamily& to);
  void add_row(const ClientMetric& metric, std::string labels, OwnedFamily& to);

  Converted result_;
};

bool Conversion::convert_family(const prometheus::MetricFamily& from, OwnedFamily& to) {
  if (!is_metric_name(from.name)) {
    drop(ConversionDrop::kFamilyName);
    return false;
  }
  if (from.type == prometheus::MetricType::Summary) {
    drop(ConversionDrop::kSummary);
    return false;
  }
  to.family.name = from.name;
  to.family.help = shm::valid_utf8(from.help);
  to.family.type = type_of(from.type);
  to.family.number = Number::kFloat;
  std::vector<std::pair<std::string, const ClientMetric*>> rows;
  for (const ClientMetric& metric : from.metric) {
    std::string labels;
    if (render_labels(metric, to.family.type, labels)) {
      rows.emplace_back(std::move(labels), &metric);
    } else {
      drop(ConversionDrop::kLabelName);
    }
  }
  std::ranges::stable_sort(rows, {}, &decltype(rows)::value_type::first);
  for (auto& [labels, metric] : rows) add_row(*metric, std::move(labels), to);
  return true;
}

void Conversion::add_row(const ClientMetric& metric, std::string labels, OwnedFamily& to) {
  if (!to.labels.empty() && to.labels.back() == labels) return drop(ConversionDrop::kDuplicateRow);
  if (to.family.type == MetricType::kHistogram) {
    std::vector<double> bounds = finite_bounds(metric.histogram);
    if (to.labels.empty() && are_bounds(bounds)) to.family.bounds = bounds;
    if (bounds != to.family.bounds) return drop(ConversionDrop::kOtherBounds);
  }
  Row row;
  row.first_slot = static_cast<std::uint32_t>(to.slots.size());
  append_slots(metric, to.family.type, to.slots);
  to.labels.push_back(std::move(labels));
  to.rows.push_back(row);
}

Converted Conversion::convert(const std::vector<prometheus::MetricFamily>& families) {
  auto owned = std::make_shared<std::vector<OwnedFamily>>();
  for (const prometheus::MetricFamily& family : families) {
    OwnedFamily to;
    if (convert_family(family, to)) owned->push_back(std::move(to));
  }
  std::ranges::stable_sort(*owned, {}, [](const OwnedFamily& f) { return f.family.name; });
  for (OwnedFamily& family : *owned) {
    for (std::size_t i = 0; i < family.rows.size(); ++i) family.rows[i].labels = family.labels[i];
    FamilySnapshot view;
    view.family = &family.family;
    view.rows = family.rows;
    view.slots = family.slots.data();
    result_.snapshot.families.push_back(view);
  }
  result_.snapshot.owners.push_back(std::move(owned));
  return std::move(result_);
}

}  // namespace

Converted convert_families(const std::vector<prometheus::MetricFamily>& families) {
  return Conversion().convert(families);
}

}  // namespace notch::agent
