// Reads a segment: checks its header, follows its catalogue, sums its columns. The bytes are
// hostile: whatever they say, nothing outside the given span is read and every count has a maximum.
// Called by: agent/collect, the fuzz target, tests. It takes a span of mapped bytes and knows no files.
//
// Invariants
//   RDR1  A word of the span is read once into a local, then checked, then used.
//   RDR2  follow() never parses a record twice, and hands out copies, never views of the span.
//   RDR3  After a Fault the reader is finished: no later call reads the span again.
//   RDR4  Ids handed out are dense: family n and series n are the n-th of their kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shm/catalogue_entries.h"
#include "shm/catalogue_follower.h"
#include "shm/fault.h"
#include "shm/layout.h"

namespace notch::shm {

// A copy of the header's unchanging part.
struct SegmentInfo {
  std::uint64_t file_bytes = 0;
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::uint64_t start_time_ticks = 0;
  std::uint64_t pid_namespace = 0;
  std::uint64_t created_unix_ns = 0;
  std::uint64_t cell_capacity = 0;
  std::uint32_t column_capacity = 0;
  CountingMode counting_mode = CountingMode::kAtomic;
  std::array<std::uint8_t, 16> boot_id{};
  std::array<std::uint8_t, 16> segment_id{};
  std::array<std::uint8_t, kLineageKeyBytes> lineage_key{};
  std::string service;     // valid UTF-8
  std::string executable;  // valid UTF-8
};

struct ExemplarEntry {
  std::uint32_t cell = 0;
  double value = 0;
  std::uint64_t unix_time_ns = 0;
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
};

class SegmentReader {
 public:
  SegmentReader() = default;

  // Checks the header of `bytes` (the whole mapped file) and remembers the span. On kNone, info()
  // is filled and the other calls may be made for as long as the span stays mapped. Before it, and
  // after a Fault, they find nothing. REQUIRES: bytes.data() is at a multiple of 8.
  Fault attach(std::span<const std::byte> bytes, const ReaderLimits& limits);

  // The value found and the value wanted, as "major is 2, wanted 1"; empty before a Fault.
  const std::string& fault_detail() const noexcept { return fault_detail_; }

  const SegmentInfo& info() const noexcept { return info_; }

  // Hands every record published since the last call to `sink`. Cost: none if nothing is new.
  Fault follow(CatalogueSink& sink);

  // Whether follow() would hand something out, or tell a fault. Cost: one load.
  bool has_news() const noexcept;

  // Adds cells [first_cell, first_cell + out.size()), summed over the columns in force, to `out`,
  // as u64 (wrapping). Cells without memory count as zero. REQUIRES: attach() gave kNone.
  void add_cells(std::uint32_t first_cell, std::span<std::uint64_t> out) const noexcept;

  // The same for doubles: `out` takes the sum of the columns' doubles, not finite ones left out.
  void add_float_cells(std::uint32_t first_cell, std::span<double> out) const noexcept;

  // The cell in column 0 alone, which gauges use. Read a gauge's time before its value.
  std::uint64_t shared_cell(std::uint32_t cell) const noexcept;

  // Reads which columns are in force and how many cells have memory. To be called once before a
  // round of add_*(), so that the round sees one set of columns.
  void begin_round();

  // The memory the writer claimed by the last begin_round(): header, catalogue, exemplars, and the
  // committed cells of every column in force.
  std::uint64_t claimed_bytes() const noexcept { return claimed_bytes_; }

  // Makes `out` the exemplars written whole since the ring last wrapped, oldest first. Leaves it as
  // it is, for the cost of a single load, when none was written since the last call.
  void exemplars(std::vector<ExemplarEntry>& out);

  State state() const noexcept;
  std::uint64_t drops(DropReason reason) const noexcept;

  // Families, series and cells followed so far.
  std::uint32_t family_count() const noexcept { return catalogue_.family_count(); }
  std::uint32_t series_count() const noexcept { return catalogue_.series_count(); }

 private:
  Fault finish(Fault fault, std::string detail);
  std::size_t cells_with_memory(std::uint32_t first_cell, std::size_t wanted) const noexcept;

  // Set by attach(), constant until a Fault clears them.
  std::span<const std::byte> bytes_;
  const SegmentHeader* header_ = nullptr;
  SegmentInfo info_;
  std::uint64_t catalogue_capacity_ = 0;
  std::uint64_t values_offset_ = 0;
  std::uint64_t column_stride_ = 0;
  std::uint64_t exemplar_offset_ = 0;
  std::uint32_t exemplar_slots_ = 0;
  std::uint32_t exemplar_slot_bytes_ = 0;

  // Moved on by follow().
  CatalogueFollower catalogue_;
  Fault fault_ = Fault::kNone;
  std::string fault_detail_;

  // Set by begin_round().
  std::vector<const std::uint64_t*> columns_;
  const std::uint64_t* shared_column_ = nullptr;  // null while column 0 is not in force
  std::uint64_t cells_committed_ = 0;
  std::uint64_t claimed_bytes_ = 0;

  // Moved on by exemplars(): writes begun when the ring was last seen with none in progress.
  std::uint64_t exemplars_seen_ = 0;
};

}  // namespace notch::shm
