// Which rows a snapshot shows and in which order, and one round's numbers beside them.
// Called by: tally.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "agent/family/family.h"
#include "agent/family/snapshot.h"
#include "agent/tally/row_store.h"
#include "agent/tally/slot_store.h"

namespace notch::agent {

// Never changes once it is made: snapshots share it until rows come or go.
struct RowLayout {
  struct FamilyRows {
    std::uint32_t family = 0;
    std::uint32_t first_row = 0;
    std::uint32_t first_native = 0;
    std::uint32_t rows = 0;
    std::shared_ptr<const Family> definition;
  };
  struct QuietRow {
    std::uint32_t place = 0;  // in `families`
    std::uint32_t row = 0;    // in `rows`
  };

  std::uint64_t generation = 0;            // RowStore's when it was made
  std::vector<FamilyRows> families;        // by name
  std::vector<std::uint32_t> place_of;     // family id to index in `families`
  std::vector<Row> rows;                   // family by family
  std::vector<QuietRow> quiet_rows;        // those of a group
  std::uint32_t groups = 1;                // numbers of groups in use; 0 is none
  std::vector<std::uint32_t> native_rows;  // the tally's row ids, as Row::detail counts
  std::shared_ptr<const TextArena> text;
};

// Cost: a sort of the families and one pass over the rows.
std::shared_ptr<const RowLayout> make_layout(const RowStore& rows);

// REQUIRES: no row has come or gone since the layout was made; `slots` is of a finished round.
Snapshot make_snapshot(const RowStore& rows, const std::shared_ptr<const RowLayout>& layout,
                       const std::shared_ptr<const SlotStore::Buffer>& slots);

}  // namespace notch::agent
