// Follows a segment's catalogue: parses each published record once, judges it, hands out a copy.
// Called by: segment_reader. The bytes are hostile, and may change while they are read.
//
// A record is valid if and only if
//   FR1  it starts at a multiple of 8, its length is a multiple of 8, at least 8, and it lies wholly
//        within the published bytes. A record of an unknown kind that keeps this rule is skipped.
//   FR2  it is long enough for its kind's fixed part and for the items it counts.
//   FR3  it refers only to whole records that lie before it, of the kind wanted. Offset 0 is "none":
//        allowed for help, unit, bounds and label values. A family's or a label's name is not empty.
//   FR4  string: at most kMaxHelpBytes; where used, at most what layout.h says for that use.
//   FR5  bounds: at most kMaxBounds, finite, strictly increasing.
//   FR6  family: the next id; at most kMaxLabels labels; type, number and mode as
//         counter            unsigned or float   none
//         up-down counter    signed              none
//         gauge              float               any but none
//         both histograms    unsigned            none
//       bounds only for classic histograms; schema (-4..8) and zero_threshold (finite, >= 0) only
//       for native ones.
//   FR7  series: the next id; a family known by then; as many label values as the family has labels,
//        or none and kSeriesOverflow; the number of cells its type and bounds demand, all of them
//        at or after kFirstFreeCell and within the capacity.
//   FR8  chunk: of a native series known by then; negative is 0 or 1; |chunk| <= kMaxChunk; its
//        cells as FR7.
//   FR9  all runs of cells together are no longer than the capacity. Runs may overlap: a segment
//        that counts a cell twice lies about its own numbers only, and FR9 keeps the work linear.
//
// Invariants
//   FO1  A word of the span is read once into a local, then checked, then used.
//   FO2  After a Fault nothing is read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shm/catalogue_entries.h"
#include "shm/fault.h"
#include "shm/layout.h"

namespace notch::shm {

// The buckets of every finite double at the finest schema lie within these chunks.
inline constexpr std::int32_t kMaxChunk = (1075 << 8) / static_cast<std::int32_t>(kChunkBuckets);

// Upper limits, beneath those of layout.h, that the agent sets per segment.
struct ReaderLimits {
  std::uint32_t families = 10'000;
  std::uint32_t series = 1'000'000;
  std::uint64_t text_bytes = std::uint64_t{1} << 28;  // of all strings handed out
};

class CatalogueFollower {
 public:
  CatalogueFollower() = default;

  // `catalogue` is all its capacity; it begins at a multiple of 8.
  CatalogueFollower(std::span<const std::byte> catalogue, std::uint64_t cell_capacity,
                    const ReaderLimits& limits);

  // Hands the records between where the last call ended and `used` to `sink`.
  Fault follow(std::uint64_t used, CatalogueSink& sink);

  std::uint32_t family_count() const noexcept {
    return static_cast<std::uint32_t>(families_.size());
  }
  std::uint32_t series_count() const noexcept { return series_count_; }

  // The offset of the next record, or of the one that was refused.
  std::uint64_t at() const noexcept { return at_; }

 private:
  struct FamilyShape {
    FamilyType type;
    std::uint32_t label_count;
    std::uint32_t cell_count;
  };

  Fault follow_record(std::uint64_t used, CatalogueSink& sink);
  Fault check_string();
  Fault check_bounds();
  Fault follow_family(CatalogueSink& sink);
  Fault follow_series(CatalogueSink& sink);
  Fault follow_chunk(CatalogueSink& sink);

  template <class Record>
  bool read_fixed_part(Record& record) const;
  bool read_item(std::size_t fixed_bytes, std::uint32_t index, std::uint32_t& item) const;
  bool find_record(std::uint32_t offset, RecordKind kind, std::uint64_t& record_bytes) const;
  bool read_string(std::uint32_t offset, std::uint32_t max_bytes, std::string& text);
  bool read_bounds(std::uint64_t offset, std::uint64_t record_bytes,
                   std::vector<double>& bounds) const;
  Fault take_cells(std::uint32_t first_cell, std::uint32_t cell_count);
  bool starts_record(std::uint64_t offset) const;
  void remember_start();

  // Set at construction, constant after.
  std::span<const std::byte> catalogue_;
  std::uint64_t cell_capacity_ = 0;
  ReaderLimits limits_;

  // Moved on by follow().
  Fault fault_ = Fault::kNone;
  std::uint64_t at_ = 0;            // offset of the record in hand
  std::uint64_t record_bytes_ = 0;  // its length, checked
  std::uint32_t series_count_ = 0;
  std::uint64_t cells_taken_ = 0;
  std::uint64_t text_bytes_ = 0;
  std::vector<FamilyShape> families_;
  std::vector<std::uint32_t> native_series_;  // ascending ids of the series that may have chunks
  std::vector<std::uint64_t> record_starts_;  // bit n: a string or bounds record starts at 8 n
};

}  // namespace notch::shm
