// A segment without a file, for tests of the tally: entries go to a binder, cells are a vector.
// And what a test asks of a snapshot.
// Called by: tally's tests.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/family/snapshot.h"
#include "agent/tally/binder.h"
#include "agent/tally/tally.h"
#include "shm/series_cells.h"

namespace notch::testing {

inline shm::FamilyEntry family_entry(shm::FamilyType type, std::string name,
                                     std::vector<std::string> labels = {}) {
  shm::FamilyEntry entry;
  entry.type = type;
  entry.name = std::move(name);
  entry.help = "Help.";
  entry.label_names = std::move(labels);
  return entry;
}

inline shm::FamilyEntry counter_entry(std::string name, std::vector<std::string> labels = {}) {
  return family_entry(shm::FamilyType::kCounter, std::move(name), std::move(labels));
}

inline shm::FamilyEntry gauge_entry(std::string name, shm::GaugeMode mode) {
  shm::FamilyEntry entry = family_entry(shm::FamilyType::kGauge, std::move(name));
  entry.number = shm::NumberKind::kFloat;
  entry.gauge_mode = mode;
  return entry;
}

inline shm::FamilyEntry histogram_entry(std::string name, std::vector<double> bounds) {
  shm::FamilyEntry entry = family_entry(shm::FamilyType::kHistogram, std::move(name));
  entry.bounds = std::move(bounds);
  return entry;
}

inline shm::FamilyEntry native_entry(std::string name) {
  return family_entry(shm::FamilyType::kNativeHistogram, std::move(name));
}

class FakeSegment final : public agent::CellSource {
 public:
  explicit FakeSegment(agent::Tally& tally, std::uint32_t pid = 1, bool per_process = false,
                       std::uint64_t series_left = 1'000'000,
                       std::uint64_t page_bytes = 1'000'000'000)
      : tally_(tally), binder_(tally, binding_, per_process, series_left, page_bytes) {
    binding_.service = "shop";
    binding_.pid = pid;
    binding_.cell_capacity = 1'000'000;
    tally_.attach(binding_);
  }
  FakeSegment(const FakeSegment&) = delete;
  FakeSegment& operator=(const FakeSegment&) = delete;

  // Of this user; to be said before anything is defined.
  FakeSegment& of(std::uint32_t uid) {
    binding_.owner_uid = uid;
    return *this;
  }

  std::uint32_t define(shm::FamilyEntry entry) {
    entry.family = static_cast<std::uint32_t>(families_.size());
    families_.push_back(entry);
    binder_.on_family(std::move(entry));
    return static_cast<std::uint32_t>(families_.size() - 1);
  }

  // Returns the series' first cell.
  std::uint32_t add_series(std::uint32_t family, std::vector<std::string> values = {},
                           bool overflow = false) {
    shm::SeriesEntry entry;
    entry.overflow = overflow;
    entry.series = series_++;
    entry.family = family;
    entry.first_cell = static_cast<std::uint32_t>(cells.size());
    const shm::FamilyEntry& defined = families_[family];
    entry.cell_count = shm::series_cells(defined.type, defined.gauge_mode, defined.bounds.size());
    entry.label_values = std::move(values);
    const std::uint32_t first = entry.first_cell;
    cells.resize(cells.size() + entry.cell_count);
    binder_.on_series(std::move(entry));
    return first;
  }

  std::uint32_t add_overflow(std::uint32_t family) { return add_series(family, {}, true); }

  std::uint32_t add_chunk(std::uint32_t series, std::int32_t chunk, bool negative = false) {
    const auto first = static_cast<std::uint32_t>(cells.size());
    cells.resize(cells.size() + shm::kChunkBuckets);
    binder_.on_chunk({series, chunk, negative, first});
    return first;
  }

  // One family with one series.
  std::uint32_t add(shm::FamilyEntry entry) { return add_series(define(std::move(entry))); }

  void set_float(std::uint32_t cell, double value) {
    cells[cell] = std::bit_cast<std::uint64_t>(value);
  }
  void set_gauge(std::uint32_t cell, double value) {
    cells[cell] = std::bit_cast<std::uint64_t>(value) ^ shm::kGaugeMask;
  }

  void end(const agent::Moment& now = {}) { tally_.detach(binding_, now); }
  agent::Binding& binding() { return binding_; }
  std::uint64_t left_out(agent::Conflict reason) const {
    return binding_.conflicts[static_cast<std::size_t>(reason)];
  }

  void add_cells(std::uint32_t first_cell, std::span<std::uint64_t> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += cells[first_cell + i];
  }
  void add_float_cells(std::uint32_t first_cell, std::span<double> out) const override {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] += std::bit_cast<double>(cells[first_cell + i]);
    }
  }
  std::uint64_t shared_cell(std::uint32_t cell) const override { return cells[cell]; }
  bool whole() const override { return !cut_off; }

  bool cut_off = false;  // while it is read
  std::vector<std::uint64_t> cells;

 private:
  agent::Tally& tally_;
  agent::Binding binding_;
  agent::Binder binder_;
  std::vector<shm::FamilyEntry> families_;
  std::uint32_t series_ = 0;
};

inline agent::Snapshot gather(agent::Tally& tally, std::vector<FakeSegment*> segments,
                              const agent::Moment& now = {0, 1'000'000}) {
  tally.begin_gather();
  for (FakeSegment* segment : segments) tally.add(segment->binding(), *segment, now);
  return tally.finish_gather();
}

inline const agent::FamilySnapshot* find_family(const agent::Snapshot& snapshot,
                                                std::string_view name) {
  for (const agent::FamilySnapshot& family : snapshot.families) {
    if (family.family->name == name) return &family;
  }
  return nullptr;
}

inline const agent::Row* find_row(const agent::Snapshot& snapshot, std::string_view name,
                                  std::string_view labels) {
  const agent::FamilySnapshot* family = find_family(snapshot, name);
  if (family == nullptr) return nullptr;
  for (const agent::Row& row : family->rows) {
    if (row.labels == labels) return &row;
  }
  return nullptr;
}

// The row's n-th slot; nothing if there is no such row.
inline std::optional<std::uint64_t> slot(const agent::Snapshot& snapshot, std::string_view name,
                                         std::string_view labels = "service=\"shop\"",
                                         std::uint32_t n = 0) {
  const agent::Row* row = find_row(snapshot, name, labels);
  if (row == nullptr) return std::nullopt;
  return find_family(snapshot, name)->slots[row->first_slot + n];
}

inline std::optional<double> float_slot(const agent::Snapshot& snapshot, std::string_view name,
                                        std::string_view labels = "service=\"shop\"",
                                        std::uint32_t n = 0) {
  const auto bits = slot(snapshot, name, labels, n);
  return bits ? std::optional(std::bit_cast<double>(*bits)) : std::nullopt;
}

// Nothing if there is no row, or the gauge was never set.
inline std::optional<double> gauge(const agent::Snapshot& snapshot, std::string_view name,
                                   std::string_view labels = "service=\"shop\"") {
  const auto bits = slot(snapshot, name, labels);
  if (!bits || *bits == 0) return std::nullopt;
  return std::bit_cast<double>(*bits ^ shm::kGaugeMask);
}

}  // namespace notch::testing
