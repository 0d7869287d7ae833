// A segment in memory, written from layout.h and nothing else: whole by default, and then broken on
// purpose by byte verbs.
// Called by: tests of whatever reads segments, and the program that makes the fuzz corpus.
//
// Invariants
//   BU1  Without a patch or a cut the bytes are a valid segment after every call.
//   BU2  Families, series and cells are numbered as they are made; cells start at kFirstFreeCell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shm/layout.h"

namespace notch::testing {

// What a new segment has room for, and what its header says of its writer.
struct SegmentShape {
  std::uint64_t catalogue_bytes = 16384;
  std::uint64_t cells = 512;
  std::uint32_t columns = 4;                  // all of them in force, with memory for all cells
  std::uint32_t exemplar_slots = 4;           // of sizeof(ExemplarSlot) each
  std::uint64_t alignment = shm::kPageBytes;  // of the columns; 8 makes a short file
  std::uint32_t pid = 4711;
  std::uint32_t uid = 1000;
  std::uint64_t created_unix_ns = 0;
  std::uint8_t lineage = 0;  // fills the lineage key
  std::string service = "checkout";
  std::string executable = "/usr/bin/checkout";
};

struct FamilySpec {
  shm::FamilyType type = shm::FamilyType::kCounter;
  shm::NumberKind number = shm::NumberKind::kUnsigned;
  shm::GaugeMode gauge_mode = shm::GaugeMode::kNone;
  std::int8_t schema = 0;
  double zero_threshold = 0;
  std::string name = "requests_total";
  std::string help = "Requests served.";
  std::string unit;
  std::vector<double> bounds;
  std::vector<std::string> labels;
};

FamilySpec counter(std::string name, std::vector<std::string> labels = {});
FamilySpec up_down_counter(std::string name, std::vector<std::string> labels = {});
FamilySpec gauge(std::string name, shm::GaugeMode mode, std::vector<std::string> labels = {});
FamilySpec histogram(std::string name, std::vector<double> bounds,
                     std::vector<std::string> labels = {});
FamilySpec native_histogram(std::string name, std::int8_t schema,
                            std::vector<std::string> labels = {});

class SegmentBuilder {
 public:
  explicit SegmentBuilder(const SegmentShape& shape = {});

  // Records. Strings and bounds give their offset in the catalogue, families and series their id, a
  // chunk its first cell.
  std::uint32_t new_string(std::string_view text);
  std::uint32_t new_bounds(const std::vector<double>& bounds);
  std::uint32_t new_family(const FamilySpec& spec);
  std::uint32_t new_series(std::uint32_t family, const std::vector<std::string>& values = {});
  std::uint32_t new_overflow_series(std::uint32_t family);
  std::uint32_t new_chunk(std::uint32_t series, std::int32_t chunk, bool negative = false);
  void new_record(std::uint16_t kind, std::span<const std::byte> body);

  std::uint32_t first_cell(std::uint32_t series) const { return series_[series].first_cell; }
  std::uint32_t cell_count(std::uint32_t series) const { return series_[series].cell_count; }

  // Values.
  void set_cell(std::uint32_t column, std::uint32_t cell, std::uint64_t value);
  void set_float_cell(std::uint32_t column, std::uint32_t cell, double value);
  void set_gauge(std::uint32_t cell, double value);
  void new_exemplar(std::uint32_t cell, double value, std::uint64_t unix_time_ns);

  // The header, and the last record and exemplar slot, in place.
  shm::SegmentHeader& header();
  template <class Record>
  Record& last_record() {
    return *reinterpret_cast<Record*>(data() + last_record_offset_);
  }
  shm::ExemplarSlot& exemplar_slot(std::uint32_t slot);

  // Bytes, by their offset in the file and in the catalogue.
  void patch_u32(std::uint64_t offset, std::uint32_t value);
  void patch_u64(std::uint64_t offset, std::uint64_t value);
  void cut(std::uint64_t file_bytes);
  std::uint64_t catalogue_offset() const { return shm::kHeaderBytes; }
  std::uint64_t values_offset() const { return values_offset_; }

  // The whole file, at a multiple of 8; invalid after the builder's end.
  std::span<const std::byte> bytes() const;

 private:
  struct Series {
    std::uint32_t family;
    std::uint32_t first_cell;
    std::uint32_t cell_count;
  };

  std::byte* data() { return reinterpret_cast<std::byte*>(words_.data()); }
  std::byte* begin_record(std::uint16_t kind, std::size_t bytes);
  void end_record();
  std::uint32_t add_series(std::uint32_t family, const std::vector<std::uint32_t>& values,
                           std::uint32_t flags);
  std::uint32_t take_cells(std::uint32_t count);

  std::vector<std::uint64_t> words_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t values_offset_ = 0;
  std::uint64_t record_offset_ = 0;  // where the next one goes, in the file
  std::uint64_t last_record_offset_ = 0;
  std::uint64_t pending_bytes_ = 0;
  std::uint32_t next_cell_ = shm::kFirstFreeCell;
  std::vector<FamilySpec> families_;
  std::vector<Series> series_;
};

}  // namespace notch::testing
