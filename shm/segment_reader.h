// Reads a segment: checks its header, follows its catalogue, sums its columns. The bytes are
// hostile: whatever they say, nothing outside the given span is read and every count has a maximum.
// Called by: agent/collect, the fuzz target, tests. Knows no files: it takes a span of mapped
// bytes.
//
// Invariants
//   R1  A word of the span is read once into a local, then checked, then used.
//   R2  follow() never parses a record twice, and hands out copies, never views of the span.
//   R3  After a Fault the reader is finished: no later call reads the span again.
//   R4  Ids handed out are dense: family n and series n are the n-th of their kind.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shm/layout.h"

namespace notch::shm {

// What stands in the way of reading a segment; the agent counts rejected segments by it.
enum class Fault : std::uint8_t {
  kNone = 0,
  kTooShort,        // shorter than a header: not a segment, or cut off
  kNotASegment,     // magic differs
  kOtherByteOrder,  // written by a machine of the other byte order
  kNewerVersion,    // a major version this reader does not know
  kBadGeometry,     // offsets, strides or capacities that do not fit the file or the limits
  kBadRecord,       // a catalogue record that breaks a rule of FORMAT.md
  kTooMany,         // more families, series or cells than the limits allow
};

// The rule's name as used in the `reason` label; never null.
const char* fault_name(Fault fault) noexcept;

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
  std::string service;     // valid UTF-8
  std::string executable;  // valid UTF-8
};

// Strings are as the writer gave them, limited in length but not yet judged by naming rules.
struct FamilyEntry {
  std::uint32_t family = 0;
  FamilyType type = FamilyType::kCounter;
  NumberKind number = NumberKind::kUnsigned;
  GaugeMode gauge_mode = GaugeMode::kNone;
  std::int8_t schema = 0;
  double zero_threshold = 0;
  std::string name;
  std::string help;
  std::string unit;
  std::vector<double> bounds;
  std::vector<std::string> label_names;
};

struct SeriesEntry {
  std::uint32_t series = 0;
  std::uint32_t family = 0;
  std::uint32_t first_cell = 0;
  std::uint32_t cell_count = 0;
  bool overflow = false;
  std::vector<std::string> label_values;  // empty if overflow, else as many as the family's labels
};

struct ChunkEntry {
  std::uint32_t series = 0;
  std::int32_t chunk = 0;
  bool negative = false;
  std::uint32_t first_cell = 0;
};

// Takes what follow() finds. `on_*` may not throw.
class CatalogueSink {
 public:
  virtual ~CatalogueSink() = default;
  virtual void on_family(FamilyEntry&& family) = 0;
  virtual void on_series(SeriesEntry&& series) = 0;
  virtual void on_chunk(const ChunkEntry& chunk) = 0;
};

struct ExemplarEntry {
  std::uint32_t cell = 0;
  double value = 0;
  std::uint64_t unix_time_ns = 0;
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
};

// Upper limits, beneath those of layout.h, that the agent sets per segment.
struct ReaderLimits {
  std::uint32_t families = 10'000;
  std::uint32_t series = 1'000'000;
};

class SegmentReader {
 public:
  SegmentReader() = default;

  // Checks the header of `bytes` (the whole mapped file) and remembers the span. On kNone, info()
  // is filled and the other calls may be made for as long as the span stays mapped.
  Fault attach(std::span<const std::byte> bytes, const ReaderLimits& limits);

  const SegmentInfo& info() const noexcept { return info_; }

  // Hands every record published since the last call to `sink`. Cost: none if nothing is new.
  Fault follow(CatalogueSink& sink);

  // Adds cells [first_cell, first_cell + out.size()), summed over the columns in force, to `out`,
  // as u64 (wrapping). Cells without memory count as zero. REQUIRES: attach() gave kNone.
  void add_cells(std::uint32_t first_cell, std::span<std::uint64_t> out) const noexcept;

  // The same for doubles: `out` takes the sum of the columns' doubles, not finite ones left out.
  void add_float_cells(std::uint32_t first_cell, std::span<double> out) const noexcept;

  // Column 0 alone: what gauges use.
  std::uint64_t shared_cell(std::uint32_t cell) const noexcept;

  // Reads which columns are in force and how many cells have memory. To be called once before a
  // round of add_*(), so that the round sees one set of columns.
  void begin_round() noexcept;

  // Exemplars written whole since the ring last wrapped, oldest first. Skipped by a single load
  // when none was written since the last call.
  void exemplars(std::vector<ExemplarEntry>& out);

  State state() const noexcept;
  std::uint64_t drops(DropReason reason) const noexcept;

  // Families, series and cells followed so far.
  std::uint32_t family_count() const noexcept { return family_count_; }
  std::uint32_t series_count() const noexcept { return series_count_; }

 private:
  struct FamilyShape {
    FamilyType type;
    GaugeMode gauge_mode;
    std::int8_t schema;
    std::uint32_t label_count;
    std::uint32_t bound_count;
  };

  const SegmentHeader& header() const noexcept;

  // Set by attach(), constant after.
  std::span<const std::byte> bytes_;
  std::span<const std::byte> catalogue_;
  SegmentInfo info_;
  ReaderLimits limits_;
  std::uint64_t values_offset_ = 0;
  std::uint64_t column_stride_ = 0;

  // Moved on by follow().
  std::uint64_t followed_bytes_ = 0;
  std::uint32_t family_count_ = 0;
  std::uint32_t series_count_ = 0;
  Fault fault_ = Fault::kNone;
  std::vector<FamilyShape> families_;
  std::vector<std::uint32_t> native_series_;  // sorted ids of series that may have chunks

  // Set by begin_round().
  std::vector<const std::byte*> columns_;
  std::uint64_t cells_committed_ = 0;

  std::uint64_t exemplars_seen_ = 0;
};

}  // namespace notch::shm
