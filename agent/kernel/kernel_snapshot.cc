#include "agent/kernel/kernel_snapshot.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <string>
#include <utility>

#include "agent/family/label_text.h"
#include "ebpf/counter_rows.h"

namespace notch::agent {
namespace {

struct OwnedFamily {
  Family family;
  std::vector<std::string> labels;  // one per row
  std::vector<Row> rows;
  std::vector<std::uint64_t> slots;
  std::vector<NativeValue> natives;
};

MetricType type_of(ebpf::FamilyType type) {
  switch (type) {
    case ebpf::FamilyType::kCounter:
      return MetricType::kCounter;
    case ebpf::FamilyType::kGauge:
      return MetricType::kGauge;
    default:
      return MetricType::kNativeHistogram;
  }
}

std::string labels_text(ebpf::Labels labels) {
  std::sort(labels.begin(), labels.end());
  std::string text;
  for (const auto& [name, value] : labels) append_label(text, name, value);
  return text;
}

void add_value(const ebpf::FamilyRow& from, MetricType type, OwnedFamily& to) {
  Row& row = to.rows.emplace_back();
  if (type == MetricType::kNativeHistogram) {
    row.detail = static_cast<std::uint32_t>(to.natives.size());
    NativeValue& native = to.natives.emplace_back();
    native.zero_count = from.histogram.zero_count;
    native.sum = from.histogram.sum_s;
    native.positive = from.histogram.buckets;
    return;
  }
  row.first_slot = static_cast<std::uint32_t>(to.slots.size());
  const auto bits = std::bit_cast<std::uint64_t>(from.value);
  to.slots.push_back(type == MetricType::kGauge ? ~bits : bits);
}

OwnedFamily owned(const ebpf::KernelFamily& from) {
  OwnedFamily to;
  to.family.name = from.name;
  to.family.help = from.help;
  to.family.unit = from.unit;
  to.family.type = type_of(from.type);
  to.family.number = Number::kFloat;
  if (from.type == ebpf::FamilyType::kHistogram) {
    to.family.schema = NOTCH_TIME_SCHEMA;
    to.family.zero_threshold = ebpf::kTimeZeroThreshold_s;
  }
  std::vector<std::pair<std::string, const ebpf::FamilyRow*>> rows;
  for (const ebpf::FamilyRow& row : from.rows) rows.emplace_back(labels_text(row.labels), &row);
  std::ranges::sort(rows, {}, &decltype(rows)::value_type::first);
  for (auto& [labels, row] : rows) {
    add_value(*row, to.family.type, to);
    to.labels.push_back(std::move(labels));
  }
  return to;
}

}  // namespace

Snapshot kernel_snapshot(std::vector<ebpf::KernelFamily> families) {
  std::erase_if(families, [](const ebpf::KernelFamily& family) { return family.rows.empty(); });
  std::ranges::sort(families, {}, &ebpf::KernelFamily::name);
  auto all = std::make_shared<std::vector<OwnedFamily>>();
  all->reserve(families.size());
  Snapshot snapshot;
  for (const ebpf::KernelFamily& family : families) {
    OwnedFamily& to = all->emplace_back(owned(family));
    for (std::size_t i = 0; i < to.rows.size(); ++i) to.rows[i].labels = to.labels[i];
    FamilySnapshot& view = snapshot.families.emplace_back();
    view.family = &to.family;
    view.rows = to.rows;
    view.slots = to.slots.data();
    view.natives = to.natives.data();
  }
  snapshot.owners.push_back(std::move(all));
  return snapshot;
}

}  // namespace notch::agent
