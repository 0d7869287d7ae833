// Takes a segment's catalogue into the tally: definitions judged and admitted, label text rendered,
// rows bound, runs made. Left out families and series are counted by reason, once per family and
// segment.
// Called by: collect, as the sink of SegmentReader::follow().
//
// Invariants
//   BI1  Whatever the entries say, the bound cells of a segment are at most those it has, so
//        what the agent keeps for it is bounded by the file.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "agent/family/conflict.h"
#include "agent/tally/binding.h"
#include "agent/tally/tally.h"

namespace notch::agent {

class Binder final : public shm::CatalogueSink {
 public:
  // Adds to `binding`, which must be attached to `tally`. At most `series_left` series are bound,
  // and series of at most `page_bytes` in all that this binding ever has.
  Binder(Tally& tally, Binding& binding, bool per_process, std::uint64_t series_left,
         std::uint64_t page_bytes);

  void on_family(shm::FamilyEntry&& entry) override;
  void on_series(shm::SeriesEntry&& entry) override;
  void on_chunk(const shm::ChunkEntry& entry) override;

 private:
  void count(Conflict conflict) { ++binding_.conflicts[static_cast<std::size_t>(conflict)]; }
  bool take_cells(std::uint64_t cells);
  std::uint32_t bind_row(const BoundFamily& family, const shm::SeriesEntry& entry);
  // Those that the agent itself puts in front.
  void begin_labels(const BoundFamily& family);
  // As RowRecord::group. FORMAT.md says which series are one group.
  std::uint32_t group_of(const BoundFamily& family, const shm::SeriesEntry& entry);
  // Valid until the next call.
  const std::string& labels_of(const BoundFamily& family, const shm::SeriesEntry& entry);
  void add_runs(const BoundFamily& family, std::uint32_t first_cell, std::uint32_t first_slot);

  Tally& tally_;
  Binding& binding_;
  const bool per_process_;
  std::uint64_t series_left_;
  const std::uint64_t page_bytes_;
  std::string labels_;
};

}  // namespace notch::agent
