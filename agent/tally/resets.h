// The resets of the last round: a sum that only grows and is less than in the round before is taken as Prometheus takes a
// counter that is. The difference is added to what the dead left.
// Called by: tally.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/tally/fold_draft.h"
#include "agent/tally/overflow_rows.h"
#include "agent/tally/row_store.h"

namespace notch::agent {

class Resets {
 public:
  Resets(RowStore& rows, const OverflowRows& overflow) : rows_(rows), overflow_(overflow) {}

  // Those of the round that was just finished. Cost: a search for each slot; and if one is of a chunk, or of
  // no row, one pass over the rows.
  void find();

  // As in tally.h: to be numbered, written to the ledger, and then added.
  FoldDraft take();
  void add(const FoldDraft& draft);

 private:
  struct ChunkPlace {
    std::uint32_t first_slot;
    std::uint32_t row;
    std::int32_t chunk;
    bool negative;
  };

  std::uint32_t row_before(std::uint32_t slot) const;
  std::vector<ChunkPlace> chunk_places() const;  // by slot
  RowChange& change_of(std::uint32_t row, std::size_t& place);
  void keep_sums();

  RowStore& rows_;
  const OverflowRows& overflow_;
  FoldDraft found_;
};

}  // namespace notch::agent
