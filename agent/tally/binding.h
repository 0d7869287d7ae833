// How one segment's cells lead to the tally's slots: made once, when its catalogue is followed, so
// that a gather only walks runs of neighbours and knows no names.
// Made by: binder. Called by: tally, collect.
//
// Invariants
//   BG1  A run's cells and slots are neighbours: cell first_cell+i adds to slot first_slot+i.
//   BG2  Every slot of a run belongs to a row that counts this segment among its living.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/family/conflict.h"
#include "agent/family/family.h"
#include "agent/family/metric_names.h"
#include "agent/tally/family_table.h"
#include "agent/tally/left_out.h"
#include "agent/tally/row_table.h"

namespace notch::agent {

// Where a segment's numbers come from: a SegmentReader in life, anything in tests. As there,
// add_*() add what they find to `out`.
class CellSource {
 public:
  virtual ~CellSource() = default;
  virtual void add_cells(std::uint32_t first_cell, std::span<std::uint64_t> out) const = 0;
  virtual void add_float_cells(std::uint32_t first_cell, std::span<double> out) const = 0;
  virtual std::uint64_t shared_cell(std::uint32_t cell) const = 0;
  // False if something was cut off by now, so that what was read may be zeros.
  virtual bool whole() const { return true; }
};

// How a run's cells are taken into its slots.
enum class RunKind : std::uint8_t {
  kCount,        // added up to the end of the range
  kBucket,       // the same, and no further than a page can say; checked first
  kSigned,       // added, wrapping
  kFloat,        // added as doubles
  kUpDownFloat,  // doubles into a gauge's slot: added, and the slot counts as set
  kSum,          // gauges, from column 0
  kMin,
  kMax,
  kLast,  // pairs of [value, time]
};

struct Run {
  std::uint32_t first_cell = 0;
  std::uint32_t cells = 0;
  std::uint32_t first_slot = 0;
  RunKind kind = RunKind::kCount;
};

// A family as one segment uses it.
struct BoundFamily {
  std::uint32_t family = kNoFamily;  // of the tally; kNoFamily: left out
  shm::FamilyType type = shm::FamilyType::kCounter;
  bool with_pid = false;
  std::uint32_t quiet_labels = 0;  // as JudgedFamily says
  std::vector<LabelColumn> columns;
};

struct BoundSeries {
  std::uint32_t row = kNoRow;  // kNoRow: left out
  std::uint32_t first_cell = 0;
};

// Doubles reach no bucket past this, at any schema; more would overflow a bucket's number.
constexpr bool is_bucket_chunk(std::int32_t chunk) noexcept {
  constexpr std::int32_t kFarthestChunk = 1 << 14;
  return chunk >= -kFarthestChunk && chunk < kFarthestChunk;
}

struct BoundChunk {
  std::uint32_t series = 0;
  std::int32_t chunk = 0;
  std::uint32_t first_cell = 0;
  bool negative = false;
};

// The preloaded library's counts of its program's reads and writes. They are read apart from the sums,
// to be compared with the kernel's count of the same.
inline constexpr std::string_view kPassedFamily = "libc_io_bytes_total";
inline constexpr std::size_t kMostPassedCells = 64;

struct Binding {
  // Set at the start.
  std::string service;
  std::uint32_t pid = 0;
  std::uint32_t owner_uid = kUnknownOwner;  // of the segment's file, as the kernel says
  std::uint64_t cell_capacity = 0;
  std::uint64_t file_cells = 0;  // those the segment has; cell_capacity may be less
  // When the series not bound yet were zero still: at the segment's birth, and from then on when
  // its catalogue was last followed. 0: unknown.
  std::uint32_t zero_unix_s = 0;

  // Moved on by the binder.
  std::vector<BoundFamily> families;  // index: the segment's family id
  std::vector<BoundSeries> series;    // index: the segment's series id
  std::vector<BoundChunk> chunks;
  std::vector<Run> runs;
  std::vector<std::uint32_t> passed_cells;  // of kPassedFamily
  std::uint64_t cells = 0;                  // bound so far
  std::uint64_t bound_series = 0;           // those not left out
  std::uint64_t page_bytes = 0;             // of bound series
  Room left_out;                            // for want of room
  ConflictCounts conflicts{};               // what was left out, and why
  std::vector<Challenge> challenges;        // definitions that families were left out for

  // Moved on by the tally, to be kept when the binding is made anew: series left out for what their
  // buckets said.
  std::unordered_set<std::uint32_t> impossible_series;

  // Set by the tally: where it stands among those attached.
  std::size_t place = 0;

  // Adds to the last run if it goes on there.
  void add_run(const Run& run) {
    if (!runs.empty()) {
      Run& last = runs.back();
      if (last.kind == run.kind && last.first_cell + last.cells == run.first_cell &&
          last.first_slot + last.cells == run.first_slot) {
        last.cells += run.cells;
        return;
      }
    }
    runs.push_back(run);
  }
};

}  // namespace notch::agent
