#include "agent/host/family_list.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "agent/family/label_text.h"
#include "agent/family/metric_names.h"

namespace notch::agent {

FamilyList::FamilyList(std::string prefix, HostDrops& drops)
    : prefix_(std::move(prefix)), drops_(drops) {}

void FamilyList::begin_collector(std::string_view collector) {
  collectors_.emplace_back(collector);
  begun_ = {storage_->families.size(), storage_->rows.size(), storage_->slots.size(),
            storage_->labels.size()};
}

void FamilyList::undo() {
  // An exception may have come between two steps of an addition: each is cut on its own.
  storage_->families.resize(std::min(storage_->families.size(), begun_.families));
  storage_->rows.resize(std::min(storage_->rows.size(), begun_.rows));
  storage_->slots.resize(std::min(storage_->slots.size(), begun_.slots));
  storage_->labels.resize(std::min(storage_->labels.size(), begun_.label_bytes));
  stretches_.resize(std::min(stretches_.size(), begun_.families));
  label_texts_.resize(std::min(label_texts_.size(), begun_.rows));
}

void FamilyList::dropped(HostDrop reason, std::uint64_t count) {
  drops_.add(collectors_.back(), reason, count);
}

void FamilyList::begin(MetricType type, std::string_view name, std::string_view help) {
  std::string whole;
  whole.reserve(prefix_.size() + name.size());
  begin_whole_name(type, whole.append(prefix_).append(name), help);
}

void FamilyList::begin_whole_name(MetricType type, std::string_view name, std::string_view help) {
  Family& family = storage_->families.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  family.number = Number::kFloat;
  stretches_.push_back({storage_->rows.size(), 0, collectors_.size() - 1});
}

void FamilyList::add(double value, std::span<const HostLabel> labels) {
  std::string& text = storage_->labels;
  const std::size_t first = text.size();
  // append_label() puts a comma before every label but a text's first.
  row_text_.clear();
  for (const HostLabel& label : labels) append_label(row_text_, label.name, label.value);
  text += row_text_;
  label_texts_.push_back({first, row_text_.size()});
  Row row;
  row.first_slot = static_cast<std::uint32_t>(storage_->slots.size());
  storage_->rows.push_back(row);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const bool is_counter = storage_->families.back().type == MetricType::kCounter;
  storage_->slots.push_back(is_counter ? bits : ~bits);
  ++stretches_.back().rows;
}

void FamilyList::counter(std::string_view name, std::string_view help, double value) {
  begin(MetricType::kCounter, name, help);
  add(value);
}

void FamilyList::gauge(std::string_view name, std::string_view help, double value) {
  begin(MetricType::kGauge, name, help);
  add(value);
}

Snapshot FamilyList::finish() {
  const std::shared_ptr<Storage> storage = std::move(storage_);
  storage_ = std::make_unique<Storage>();
  for (std::size_t i = 0; i < label_texts_.size(); ++i) {
    storage->rows[i].labels =
        std::string_view(storage->labels).substr(label_texts_[i].first, label_texts_[i].size);
  }
  Snapshot snapshot;
  snapshot.families.reserve(stretches_.size());
  for (std::size_t i = 0; i < stretches_.size(); ++i) {
    const std::string& collector = collectors_[stretches_[i].collector];
    if (!is_metric_name(storage->families[i].name)) {
      drops_.add(collector, HostDrop::kInvalidName, 1);
      continue;
    }
    if (stretches_[i].rows == 0) continue;
    const std::span<Row> rows(storage->rows.data() + stretches_[i].first_row, stretches_[i].rows);
    const auto before = [](const Row& a, const Row& b) { return a.labels < b.labels; };
    const auto same = [](const Row& a, const Row& b) { return a.labels == b.labels; };
    std::stable_sort(rows.begin(), rows.end(), before);
    const auto kept = std::unique(rows.begin(), rows.end(), same) - rows.begin();
    drops_.add(collector, HostDrop::kDuplicateRow, rows.size() - static_cast<std::size_t>(kept));
    FamilySnapshot view;
    view.family = &storage->families[i];
    view.rows = rows.first(static_cast<std::size_t>(kept));
    view.slots = storage->slots.data();
    snapshot.families.push_back(view);
  }
  std::stable_sort(snapshot.families.begin(), snapshot.families.end(),
                   [](const FamilySnapshot& a, const FamilySnapshot& b) {
                     return a.family->name < b.family->name;
                   });
  snapshot.owners.push_back(storage);
  collectors_.clear();
  begun_ = {};
  stretches_.clear();
  label_texts_.clear();
  return snapshot;
}

}  // namespace notch::agent
