#include "agent/tally/exemplar_store.h"

#include <algorithm>

namespace notch::agent {
namespace {

Exemplar exemplar_of(const shm::ExemplarEntry& entry, std::uint32_t offset) {
  Exemplar exemplar;
  exemplar.slot = offset;
  exemplar.value = entry.value;
  exemplar.unix_time_ns = entry.unix_time_ns;
  exemplar.trace_id = entry.trace_id;
  exemplar.span_id = entry.span_id;
  return exemplar;
}

// Among exemplars without a time the last one stays.
bool follows(const shm::ExemplarEntry& next, const Exemplar& last) {
  const std::uint64_t next_ms = exemplar_ms(next.unix_time_ns);
  const std::uint64_t last_ms = exemplar_ms(last.unix_time_ns);
  return next_ms > last_ms || (next_ms == 0 && last_ms == 0);
}

bool same(const shm::ExemplarEntry& entry, const Exemplar& kept) {
  return entry.unix_time_ns == kept.unix_time_ns && entry.value == kept.value &&
         entry.span_id == kept.span_id && entry.trace_id == kept.trace_id;
}

}  // namespace

void ExemplarStore::keep(std::uint32_t row, std::uint32_t offset, const shm::ExemplarEntry& entry) {
  const std::pair key(row, offset);
  const auto kept = of_slots_.find(key);
  if (kept == of_slots_.end()) {
    if (of_slots_.size() < kMaxExemplars) of_slots_.emplace(key, exemplar_of(entry, offset));
  } else if (follows(entry, kept->second)) {
    kept->second = exemplar_of(entry, offset);
  }
}

void ExemplarStore::keep_native(std::uint32_t row, const shm::ExemplarEntry& entry) {
  if (of_natives_.size() >= kMaxExemplars / kNativeExemplars && !of_natives_.contains(row)) return;
  std::vector<Exemplar>& exemplars = of_natives_[row];
  if (std::ranges::any_of(exemplars, [&](const Exemplar& kept) { return same(entry, kept); }))
    return;
  if (exemplars.size() >= kNativeExemplars) {
    if (!follows(entry, exemplars.front())) return;
    exemplars.erase(exemplars.begin());
  }
  const auto behind =
      std::ranges::upper_bound(exemplars, exemplar_ms(entry.unix_time_ns), {},
                               [](const Exemplar& kept) { return exemplar_ms(kept.unix_time_ns); });
  exemplars.insert(behind, exemplar_of(entry, 0));
}

void ExemplarStore::forget(std::uint32_t row) {
  of_slots_.erase(of_slots_.lower_bound({row, 0}), of_slots_.lower_bound({row + 1, 0}));
  of_natives_.erase(row);
}

void ExemplarStore::renumber(const std::vector<std::uint32_t>& new_rows) {
  // Node by node: rows are being moved, so nothing here may fail for want of memory.
  auto slots = std::exchange(of_slots_, {});
  while (!slots.empty()) {
    auto node = slots.extract(slots.begin());
    node.key().first = new_rows[node.key().first];
    of_slots_.insert(std::move(node));
  }
  auto natives = std::exchange(of_natives_, {});
  while (!natives.empty()) {
    auto node = natives.extract(natives.begin());
    node.key() = new_rows[node.key()];
    of_natives_.insert(std::move(node));
  }
}

const std::vector<Exemplar>* ExemplarStore::of_native(std::uint32_t row) const {
  const auto found = of_natives_.find(row);
  return found == of_natives_.end() ? nullptr : &found->second;
}

}  // namespace notch::agent
