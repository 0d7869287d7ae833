#include "shm/catalogue_follower.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "shm/bounds.h"
#include "shm/series_cells.h"
#include "shm/shared_words.h"

namespace notch::shm {
namespace {

constexpr std::uint64_t kRecordAlignment = 8;

bool is_native(FamilyType type) {
  return type == FamilyType::kNativeHistogram;
}

// FR6, the table. Also says whether `type` is one of FamilyType.
bool valid_numbers(FamilyType type, NumberKind number, GaugeMode mode) {
  switch (type) {
    case FamilyType::kCounter:
      return mode == GaugeMode::kNone &&
             (number == NumberKind::kUnsigned || number == NumberKind::kFloat);
    case FamilyType::kUpDownCounter:
      return mode == GaugeMode::kNone && number == NumberKind::kSigned;
    case FamilyType::kGauge:
      return mode >= GaugeMode::kSum && mode <= GaugeMode::kEach && number == NumberKind::kFloat;
    case FamilyType::kHistogram:
    case FamilyType::kNativeHistogram:
      return mode == GaugeMode::kNone && number == NumberKind::kUnsigned;
  }
  return false;
}

// FR6, the rest.
bool valid_scale(FamilyType type, const FamilyRecord& record) {
  if (record.bounds != 0 && type != FamilyType::kHistogram) return false;
  if (!is_native(type)) return record.schema == 0 && record.zero_threshold == 0;
  return record.schema >= -4 && record.schema <= 8 && std::isfinite(record.zero_threshold) &&
         record.zero_threshold >= 0;
}

bool strictly_increasing(const std::vector<double>& bounds) {
  const bool finite =
      std::ranges::all_of(bounds, [](double bound) { return std::isfinite(bound); });
  return finite && std::ranges::adjacent_find(bounds, std::greater_equal<>()) == bounds.end();
}

}  // namespace

CatalogueFollower::CatalogueFollower(std::span<const std::byte> catalogue,
                                     std::uint64_t cell_capacity, const ReaderLimits& limits)
    : catalogue_(catalogue), cell_capacity_(cell_capacity), limits_(limits) {}

Fault CatalogueFollower::follow(std::uint64_t used, CatalogueSink& sink) {
  if (fault_ != Fault::kNone) return fault_;
  if (used < at_ || used > catalogue_.size()) return fault_ = Fault::kBadGeometry;
  while (at_ < used) {
    fault_ = follow_record(used, sink);
    if (fault_ != Fault::kNone) return fault_;
    at_ += record_bytes_;
  }
  return Fault::kNone;
}

Fault CatalogueFollower::follow_record(std::uint64_t used, CatalogueSink& sink) {
  RecordHeader header{};
  if (!fits(at_, sizeof(header), used)) return Fault::kBadRecord;
  copy_shared(catalogue_, at_, &header, sizeof(header));
  if (header.bytes < sizeof(header) || header.bytes % kRecordAlignment != 0 ||
      !fits(at_, header.bytes, used)) {
    return Fault::kBadRecord;
  }
  record_bytes_ = header.bytes;
  switch (static_cast<RecordKind>(header.kind)) {
    case RecordKind::kString:
      return check_string();
    case RecordKind::kBounds:
      return check_bounds();
    case RecordKind::kFamily:
      return follow_family(sink);
    case RecordKind::kSeries:
      return follow_series(sink);
    case RecordKind::kChunk:
      return follow_chunk(sink);
  }
  return Fault::kNone;
}

Fault CatalogueFollower::check_string() {
  StringRecord record{};
  if (!read_fixed_part(record)) return Fault::kBadRecord;
  if (record.length > kMaxHelpBytes || !fits(sizeof(record), record.length, record_bytes_)) {
    return Fault::kBadRecord;
  }
  remember_start();
  return Fault::kNone;
}

Fault CatalogueFollower::check_bounds() {
  std::vector<double> bounds;
  if (!read_bounds(at_, record_bytes_, bounds)) return Fault::kBadRecord;
  remember_start();
  return Fault::kNone;
}

Fault CatalogueFollower::follow_family(CatalogueSink& sink) {
  FamilyRecord record{};
  if (!read_fixed_part(record) || record.family != family_count()) return Fault::kBadRecord;
  if (record.label_count > kMaxLabels) return Fault::kBadRecord;
  if (family_count() >= limits_.families) return Fault::kTooMany;

  FamilyEntry entry;
  entry.family = record.family;
  entry.type = static_cast<FamilyType>(record.type);
  entry.number = static_cast<NumberKind>(record.number);
  entry.gauge_mode = static_cast<GaugeMode>(record.gauge_mode);
  entry.schema = record.schema;
  entry.zero_threshold = record.zero_threshold;
  entry.quiet_labels = record.quiet_labels;
  if (!valid_numbers(entry.type, entry.number, entry.gauge_mode)) return Fault::kBadRecord;
  if (!valid_scale(entry.type, record)) return Fault::kBadRecord;

  if (!read_string(record.name, kMaxNameBytes, entry.name) || entry.name.empty() ||
      !read_string(record.help, kMaxHelpBytes, entry.help) ||
      !read_string(record.unit, kMaxNameBytes, entry.unit)) {
    return Fault::kBadRecord;
  }
  if (record.bounds != 0) {
    std::uint64_t bounds_bytes = 0;
    if (!find_record(record.bounds, RecordKind::kBounds, bounds_bytes)) return Fault::kBadRecord;
    if (!read_bounds(record.bounds, bounds_bytes, entry.bounds)) return Fault::kBadRecord;
  }
  entry.label_names.resize(record.label_count);
  for (std::uint32_t i = 0; i < record.label_count; ++i) {
    std::uint32_t offset = 0;
    if (!read_item(sizeof(record), i, offset)) return Fault::kBadRecord;
    if (!read_string(offset, kMaxNameBytes, entry.label_names[i])) return Fault::kBadRecord;
    if (entry.label_names[i].empty()) return Fault::kBadRecord;
  }
  if (text_bytes_ > limits_.text_bytes) return Fault::kTooMany;

  families_.push_back({entry.type, record.label_count,
                       series_cells(entry.type, entry.gauge_mode, entry.bounds.size())});
  sink.on_family(std::move(entry));
  return Fault::kNone;
}

Fault CatalogueFollower::follow_series(CatalogueSink& sink) {
  SeriesRecord record{};
  if (!read_fixed_part(record) || record.series != series_count_) return Fault::kBadRecord;
  if (record.family >= family_count()) return Fault::kBadRecord;
  if (series_count_ >= limits_.series) return Fault::kTooMany;

  const FamilyShape& family = families_[record.family];
  const bool overflow = (record.flags & kSeriesOverflow) != 0;
  if (record.label_count != (overflow ? 0 : family.label_count)) return Fault::kBadRecord;
  if (record.cell_count != family.cell_count) return Fault::kBadRecord;
  const Fault cells = take_cells(record.first_cell, record.cell_count);
  if (cells != Fault::kNone) return cells;

  SeriesEntry entry;
  entry.series = record.series;
  entry.family = record.family;
  entry.first_cell = record.first_cell;
  entry.cell_count = record.cell_count;
  entry.overflow = overflow;
  entry.label_values.resize(record.label_count);
  for (std::uint32_t i = 0; i < record.label_count; ++i) {
    std::uint32_t offset = 0;
    if (!read_item(sizeof(record), i, offset)) return Fault::kBadRecord;
    if (!read_string(offset, kMaxLabelValueBytes, entry.label_values[i])) return Fault::kBadRecord;
  }
  if (text_bytes_ > limits_.text_bytes) return Fault::kTooMany;

  if (is_native(family.type)) native_series_.push_back(record.series);
  ++series_count_;
  sink.on_series(std::move(entry));
  return Fault::kNone;
}

Fault CatalogueFollower::follow_chunk(CatalogueSink& sink) {
  ChunkRecord record{};
  if (!read_fixed_part(record) || record.negative > 1) return Fault::kBadRecord;
  if (record.chunk < -kMaxChunk || record.chunk > kMaxChunk) return Fault::kBadRecord;
  if (!std::ranges::binary_search(native_series_, record.series)) return Fault::kBadRecord;
  const Fault cells = take_cells(record.first_cell, kChunkBuckets);
  if (cells != Fault::kNone) return cells;
  sink.on_chunk({record.series, record.chunk, record.negative == 1, record.first_cell});
  return Fault::kNone;
}

// The record in hand, behind its header, which has been read.
template <class Record>
bool CatalogueFollower::read_fixed_part(Record& record) const {
  if (record_bytes_ < sizeof(record)) return false;
  copy_shared(catalogue_, at_ + sizeof(RecordHeader),
              reinterpret_cast<std::byte*>(&record) + sizeof(RecordHeader),
              sizeof(record) - sizeof(RecordHeader));
  return true;
}

// Item `index` of the u32 behind the fixed part of the record in hand.
bool CatalogueFollower::read_item(std::size_t fixed_bytes, std::uint32_t index,
                                  std::uint32_t& item) const {
  const std::uint64_t offset = fixed_bytes + std::uint64_t{index} * sizeof(item);
  if (!fits(offset, sizeof(item), record_bytes_)) return false;
  item = read_alone(*reinterpret_cast<const std::uint32_t*>(catalogue_.data() + at_ + offset));
  return true;
}

// FR3. The record at `offset` was checked when it was passed, but the writer may have changed it since.
bool CatalogueFollower::find_record(std::uint32_t offset, RecordKind kind,
                                    std::uint64_t& record_bytes) const {
  if (offset == 0 || offset >= at_ || !starts_record(offset)) return false;
  RecordHeader header{};
  copy_shared(catalogue_, offset, &header, sizeof(header));
  record_bytes = header.bytes;
  return static_cast<RecordKind>(header.kind) == kind && fits(offset, record_bytes, at_);
}

// Offset 0 gives an empty text.
bool CatalogueFollower::read_string(std::uint32_t offset, std::uint32_t max_bytes,
                                    std::string& text) {
  if (offset == 0) return true;
  std::uint64_t record_bytes = 0;
  StringRecord record{};
  if (!find_record(offset, RecordKind::kString, record_bytes)) return false;
  if (record_bytes < sizeof(record) || record_bytes % kRecordAlignment != 0) return false;
  copy_shared(catalogue_, offset + sizeof(RecordHeader), &record.length, sizeof(record.length));
  if (record.length > max_bytes || !fits(sizeof(record), record.length, record_bytes)) return false;
  text.resize(record.length);
  copy_shared(catalogue_, offset + sizeof(record), text.data(), text.size());
  text_bytes_ += record.length;
  return true;
}

bool CatalogueFollower::read_bounds(std::uint64_t offset, std::uint64_t record_bytes,
                                    std::vector<double>& bounds) const {
  BoundsRecord record{};
  if (record_bytes < sizeof(record)) return false;
  copy_shared(catalogue_, offset + sizeof(RecordHeader), &record.count, sizeof(record.count));
  if (record.count > kMaxBounds) return false;
  if (!fits(sizeof(record), record.count * sizeof(double), record_bytes)) return false;
  bounds.resize(record.count);
  copy_shared(catalogue_, offset + sizeof(record), bounds.data(), record.count * sizeof(double));
  return strictly_increasing(bounds);
}

// FR7 and FR9.
Fault CatalogueFollower::take_cells(std::uint32_t first_cell, std::uint32_t cell_count) {
  if (first_cell < kFirstFreeCell || !fits(first_cell, cell_count, cell_capacity_)) {
    return Fault::kBadRecord;
  }
  cells_taken_ += cell_count;
  return cells_taken_ <= cell_capacity_ ? Fault::kNone : Fault::kTooMany;
}

bool CatalogueFollower::starts_record(std::uint64_t offset) const {
  const std::uint64_t word = offset / kRecordAlignment / 64;
  return offset % kRecordAlignment == 0 && word < record_starts_.size() &&
         ((record_starts_[word] >> (offset / kRecordAlignment % 64)) & 1) != 0;
}

void CatalogueFollower::remember_start() {
  const std::uint64_t word = at_ / kRecordAlignment / 64;
  if (word >= record_starts_.size()) record_starts_.resize(word + 1);
  record_starts_[word] |= std::uint64_t{1} << (at_ / kRecordAlignment % 64);
}

}  // namespace notch::shm
