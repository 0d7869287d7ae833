// Adds up, by family, the counts of a dead segment's series that were left out: there is no room for
// their rows, but the family's total is kept in the user's overflow row.
// Called by: deaths, when a segment is read a last time.
//
// Invariants
//   LS1  Nothing that is bound is added, and no more cells than the segment has are read, however
//        many of its series share them.
//   LS2  Impossible counts add nothing, nor series that were left out for them: what those had
//        added before is in the sums.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "agent/tally/binding.h"
#include "agent/tally/tally.h"
#include "shm/catalogue_entries.h"

namespace notch::agent {

class LeftOutSum final : public shm::CatalogueSink {
 public:
  // The catalogue to follow is the one that `binding` was made of, from its beginning.
  LeftOutSum(const Tally& tally, const Binding& binding, const CellSource& cells);

  void on_family(shm::FamilyEntry&&) override {}
  void on_series(shm::SeriesEntry&& entry) override;
  void on_chunk(const shm::ChunkEntry& entry) override;

  // Adds a change of each family's overflow row to `draft`.
  void add_to(Tally& tally, FoldDraft& draft) &&;

 private:
  struct Sum {
    RowChange total;
    std::map<std::int32_t, std::uint64_t> positive;
    std::map<std::int32_t, std::uint64_t> negative;
  };

  bool take_cells(std::uint64_t cells);
  Sum& sum_of(std::uint32_t family);

  const Tally& tally_;
  const Binding& binding_;
  const CellSource& cells_;
  std::uint64_t cells_left_;
  std::size_t next_chunk_ = 0;                                // of the binding's
  std::unordered_map<std::uint32_t, std::uint32_t> natives_;  // series of native histograms: family
  std::map<std::uint32_t, Sum> sums_;                         // by the tally's family
};

}  // namespace notch::agent
