// A dead segment's last numbers as changes of rows, on their way to the ledger: read from its cells, or summed from what was
// left out. Values alone.
// Called by: dead_rows, left_out_sum, resets; collect hands them on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "agent/family/family.h"
#include "agent/ledger/ledger_values.h"
#include "agent/tally/binding.h"

namespace notch::agent {

struct FoldDraft {
  std::vector<std::uint32_t> rows;  // of the tally, one per change
  std::vector<RowChange> changes;   // RowChange::row: of the ledger, once number_fold() was called
  std::vector<std::uint32_t> overflowed;  // rows whose numbers went to another row (TA5 of tally.h)
};

// A series' cells as what they add to its row. Of a gauge of mode last, its time at most
// `monotonic_ns`.
std::vector<std::uint64_t> read_slots(const Family& family, std::uint32_t first_cell,
                                      const CellSource& cells, std::uint64_t monotonic_ns);

// False for a histogram of which a bucket says what no process can have counted.
bool has_possible_buckets(const Family& family, std::span<const std::uint64_t> slots) noexcept;

// Adds a chunk's buckets to a change. An impossible one takes the change's slots away.
void add_chunk(const BoundChunk& chunk, const CellSource& cells, RowChange& change);

// Drops the changes without slots: they were found impossible. Returns how many.
std::size_t drop_impossible(FoldDraft& draft);

// True if the change adds nothing.
bool is_nothing(const RowChange& change);

// Ascending, each bucket once, however often a writer published the same chunk.
void order_buckets(std::vector<std::pair<std::int32_t, std::uint64_t>>& buckets);

}  // namespace notch::agent
