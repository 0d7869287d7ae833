// Makes snapshots for the exposition's tests: say the family, then its rows.
// Called by: tests of the writers, exposition_page.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "agent/family/snapshot.h"

namespace notch::agent {

class SnapshotBuilder {
 public:
  Family& family(MetricType type, const std::string& name, const std::string& help = "") {
    Source& source = sources_.emplace_back();
    source.family.name = name;
    source.family.help = help;
    source.family.type = type;
    const bool complement = type == MetricType::kGauge || type == MetricType::kUnknown;
    source.family.number = complement ? Number::kFloat : Number::kUnsigned;
    return source.family;
  }

  // Rows of the family named last.
  void row(const std::string& labels, std::initializer_list<std::uint64_t> slots) {
    Source& source = sources_.back();
    const auto first_slot = static_cast<std::uint32_t>(source.slots.size());
    source.slots.insert(source.slots.end(), slots);
    source.rows.push_back({source.labels.emplace_back(labels), first_slot, 0});
  }
  // Of the row named last.
  void created(std::uint32_t unix_s) { sources_.back().rows.back().created_unix_s = unix_s; }
  // The row named last is its family's overflow row.
  void mark_overflow() { sources_.back().rows.back().overflow = true; }
  void set(const std::string& labels, double value) { row(labels, {~bits(value)}); }
  void unset(const std::string& labels) { row(labels, {0}); }
  void native(const std::string& labels, NativeValue value) {
    Source& source = sources_.back();
    const auto detail = static_cast<std::uint32_t>(source.natives.size());
    source.natives.push_back(std::move(value));
    source.rows.push_back({source.labels.emplace_back(labels), 0, detail});
  }
  void exemplar(std::uint32_t slot, double value,
                std::uint64_t unix_time_ns = 1'700'000'000'250'000'000) {
    sources_.back().exemplars.push_back(traced(value, unix_time_ns));
    sources_.back().exemplars.back().slot = slot;
  }

  static std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

  static Exemplar traced(double value, std::uint64_t unix_time_ns) {
    Exemplar exemplar;
    exemplar.value = value;
    exemplar.unix_time_ns = unix_time_ns;
    exemplar.trace_id.fill(0xAB);
    exemplar.span_id.fill(0x0C);
    return exemplar;
  }

  // Views of this builder, which must outlive it.
  Snapshot snapshot() const {
    Snapshot snapshot;
    for (const Source& source : sources_) {
      FamilySnapshot family;
      family.family = &source.family;
      family.rows = source.rows;
      family.slots = source.slots.data();
      family.natives = source.natives.data();
      family.exemplars = source.exemplars;
      snapshot.families.push_back(family);
    }
    return snapshot;
  }

 private:
  struct Source {
    Family family;
    std::deque<std::string> labels;
    std::vector<Row> rows;
    std::vector<std::uint64_t> slots;
    std::vector<NativeValue> natives;
    std::vector<Exemplar> exemplars;
  };

  std::deque<Source> sources_;
};

}  // namespace notch::agent
