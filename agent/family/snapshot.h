// One moment's numbers, as the exposition writers read them: families in order, rows in order,
// slots. Made by: tally, agent_metrics, host figures. Read by: the three writers and nothing else.
//
// Invariants
//   SP1  A family name stands once; families are sorted by name; a row's labels stand once per
//        family.
//   SP2  Row order and label text are the same from one snapshot to the next.
//   SP3  What the views point at lives as long as the snapshot (`owners`).
//
// The slots of a row, from first_slot on, by the family's type (kRowParts of row_slots.h):
//   counter, gauge, unknown   1 slot: u64, i64 or the double's bits, as `number` says.
//                             Gauges and unknowns hold the *complement* of the double's bits; 0
//                             means there is no value, and the row is left out. (number is kFloat
//                             then.) A kSigned gauge is an up-down counter: the i64 itself, always
//                             present.
//   histogram                 bounds+1 bucket counts (not cumulative), then the sum as a
//                             double's bits
//   native histogram          none; `detail` is the index into `natives`
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/family/family.h"

namespace notch::agent {

struct Row {
  std::string_view
      labels;  // `a="x",b="y"` escaped as text 0.0.4 escapes label values; may be empty
  std::uint32_t first_slot = 0;
  std::uint32_t detail = 0;
  std::uint32_t created_unix_s = 0;  // when it is known to have been zero; 0: unknown
  bool overflow = false;  // of what a family's limit left without a row; left out while it is zero
  std::uint32_t group = 0;  // in shown_groups; 0: none
};

struct Exemplar {
  std::uint32_t slot = 0;  // the counter's slot, or the bucket's
  double value = 0;
  std::uint64_t unix_time_ns = 0;
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
};

// Receivers tell times apart by milliseconds.
constexpr std::uint64_t exemplar_ms(std::uint64_t unix_time_ns) noexcept {
  return unix_time_ns / 1'000'000;
}

// Buckets by Prometheus's index (bucket i of schema s covers (2^((i-1)/2^s), 2^(i/2^s)]),
// ascending, none empty. The count is the sum of all buckets and zero_count, by definition.
struct NativeValue {
  std::uint64_t zero_count = 0;
  double sum = 0;
  std::vector<std::pair<std::int32_t, std::uint64_t>> positive;
  std::vector<std::pair<std::int32_t, std::uint64_t>> negative;
  std::vector<Exemplar> exemplars;  // `slot` unused
};

struct FamilySnapshot {
  const Family* family = nullptr;
  std::span<const Row> rows;
  const std::uint64_t* slots = nullptr;  // Row::first_slot counts from here
  const NativeValue* natives = nullptr;  // Row::detail counts from here
  const std::uint8_t* shown_groups =
      nullptr;                          // by Row::group: 0 while none of its rows has counted
  std::span<const Exemplar> exemplars;  // ascending by slot; counters and classic histograms
};

struct Snapshot {
  std::vector<FamilySnapshot> families;
  std::vector<std::shared_ptr<const void>> owners;
};

}  // namespace notch::agent
