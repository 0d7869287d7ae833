#include "tests/shm/segment_builder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "shm/memory_order.h"

namespace notch::testing {
namespace {

using namespace shm;

constexpr std::uint16_t kFillerKind = 0;  // so that no string stands at offset 0

constexpr std::uint64_t rounded_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::uint32_t cells_of(const FamilySpec& family) {
  switch (family.type) {
    case FamilyType::kGauge:
      return family.gauge_mode == GaugeMode::kLast ? 2 : 1;
    case FamilyType::kHistogram:
      return static_cast<std::uint32_t>(family.bounds.size()) + 2;
    case FamilyType::kNativeHistogram:
      return kNativeBaseCells;
    default:
      return 1;
  }
}

// An empty vector's data() may be null, which memcpy may not be given.
template <class Item>
void copy_items(void* to, const std::vector<Item>& items) {
  if (!items.empty()) std::memcpy(to, items.data(), items.size() * sizeof(Item));
}

template <std::size_t N>
void set_text(char (&field)[N], const std::string& text) {
  std::memcpy(field, text.data(), std::min(text.size(), N - 1));
}

FamilySpec family(FamilyType type, NumberKind number, std::string name,
                  std::vector<std::string> labels) {
  FamilySpec spec;
  spec.type = type;
  spec.number = number;
  spec.name = std::move(name);
  spec.labels = std::move(labels);
  return spec;
}

}  // namespace

FamilySpec counter(std::string name, std::vector<std::string> labels) {
  return family(FamilyType::kCounter, NumberKind::kUnsigned, std::move(name), std::move(labels));
}

FamilySpec up_down_counter(std::string name, std::vector<std::string> labels) {
  return family(FamilyType::kUpDownCounter, NumberKind::kSigned, std::move(name),
                std::move(labels));
}

FamilySpec gauge(std::string name, GaugeMode mode, std::vector<std::string> labels) {
  FamilySpec spec =
      family(FamilyType::kGauge, NumberKind::kFloat, std::move(name), std::move(labels));
  spec.gauge_mode = mode;
  return spec;
}

FamilySpec histogram(std::string name, std::vector<double> bounds,
                     std::vector<std::string> labels) {
  FamilySpec spec =
      family(FamilyType::kHistogram, NumberKind::kUnsigned, std::move(name), std::move(labels));
  spec.bounds = std::move(bounds);
  return spec;
}

FamilySpec native_histogram(std::string name, std::int8_t schema, std::vector<std::string> labels) {
  FamilySpec spec = family(FamilyType::kNativeHistogram, NumberKind::kUnsigned, std::move(name),
                           std::move(labels));
  spec.schema = schema;
  return spec;
}

SegmentBuilder::SegmentBuilder(const SegmentShape& shape) {
  const std::uint64_t exemplar_offset = kHeaderBytes + shape.catalogue_bytes;
  const std::uint64_t stride = rounded_up(shape.cells * kCellBytes, shape.alignment);
  values_offset_ =
      rounded_up(exemplar_offset + shape.exemplar_slots * sizeof(ExemplarSlot), shape.alignment);
  file_bytes_ = values_offset_ + shape.columns * stride;
  words_.resize(file_bytes_ / 8);

  SegmentHeader& head = header();
  head.magic = kMagic;
  head.major = kMajorVersion;
  head.minor = kMinorVersion;
  head.byte_order = kByteOrder;
  head.header_bytes = kHeaderBytes;
  head.state = static_cast<std::uint32_t>(State::kLive);
  head.file_bytes = file_bytes_;
  head.catalogue_offset = kHeaderBytes;
  head.catalogue_capacity = shape.catalogue_bytes;
  head.values_offset = values_offset_;
  head.column_stride = stride;
  head.column_capacity = shape.columns;
  head.counting_mode = static_cast<std::uint32_t>(CountingMode::kRseq);
  head.cell_capacity = shape.cells;
  head.cells_committed = shape.cells;
  head.exemplar_offset = exemplar_offset;
  head.exemplar_slots = shape.exemplar_slots;
  head.exemplar_slot_bytes = sizeof(ExemplarSlot);
  head.pid = shape.pid;
  head.uid = shape.uid;
  head.created_unix_ns = shape.created_unix_ns;
  std::fill_n(head.lineage_key, shm::kLineageKeyBytes, shape.lineage);
  for (std::uint32_t column = 0; column < shape.columns; ++column) {
    head.column_bitmap[column / 64] |= std::uint64_t{1} << (column % 64);
  }
  set_text(head.service, shape.service);
  set_text(head.executable, shape.executable);

  record_offset_ = kHeaderBytes;
  new_record(kFillerKind, {});
}

std::byte* SegmentBuilder::begin_record(std::uint16_t kind, std::size_t bytes) {
  pending_bytes_ = rounded_up(bytes, 8);
  const std::uint64_t end = header().catalogue_offset + header().catalogue_capacity;
  if (record_offset_ + pending_bytes_ > end) throw std::length_error("the catalogue is full");
  const RecordHeader head{static_cast<std::uint32_t>(pending_bytes_), kind, 0};
  std::memcpy(data() + record_offset_, &head, sizeof(head));
  return data() + record_offset_;
}

void SegmentBuilder::end_record() {
  last_record_offset_ = record_offset_;
  record_offset_ += pending_bytes_;
  // [tag: catalogue-used] The record is whole.
  publish(header().catalogue_used, record_offset_ - header().catalogue_offset);
}

void SegmentBuilder::new_record(std::uint16_t kind, std::span<const std::byte> body) {
  std::byte* record = begin_record(kind, sizeof(RecordHeader) + body.size());
  if (!body.empty()) std::memcpy(record + sizeof(RecordHeader), body.data(), body.size());
  end_record();
}

std::uint32_t SegmentBuilder::new_string(std::string_view text) {
  auto* record = reinterpret_cast<StringRecord*>(begin_record(
      static_cast<std::uint16_t>(RecordKind::kString), sizeof(StringRecord) + text.size()));
  record->length = static_cast<std::uint32_t>(text.size());
  std::memcpy(record + 1, text.data(), text.size());
  end_record();
  return static_cast<std::uint32_t>(last_record_offset_ - header().catalogue_offset);
}

std::uint32_t SegmentBuilder::new_bounds(const std::vector<double>& bounds) {
  auto* record = reinterpret_cast<BoundsRecord*>(
      begin_record(static_cast<std::uint16_t>(RecordKind::kBounds),
                   sizeof(BoundsRecord) + bounds.size() * sizeof(double)));
  record->count = static_cast<std::uint32_t>(bounds.size());
  copy_items(record + 1, bounds);
  end_record();
  return static_cast<std::uint32_t>(last_record_offset_ - header().catalogue_offset);
}

std::uint32_t SegmentBuilder::new_family(const FamilySpec& spec) {
  const std::uint32_t name = new_string(spec.name);
  const std::uint32_t help = spec.help.empty() ? 0 : new_string(spec.help);
  const std::uint32_t unit = spec.unit.empty() ? 0 : new_string(spec.unit);
  const std::uint32_t bounds = spec.bounds.empty() ? 0 : new_bounds(spec.bounds);
  std::vector<std::uint32_t> labels;
  for (const std::string& label : spec.labels) labels.push_back(new_string(label));

  auto* record = reinterpret_cast<FamilyRecord*>(
      begin_record(static_cast<std::uint16_t>(RecordKind::kFamily),
                   sizeof(FamilyRecord) + labels.size() * sizeof(std::uint32_t)));
  record->family = static_cast<std::uint32_t>(families_.size());
  record->type = static_cast<std::uint8_t>(spec.type);
  record->number = static_cast<std::uint8_t>(spec.number);
  record->gauge_mode = static_cast<std::uint8_t>(spec.gauge_mode);
  record->schema = spec.schema;
  record->name = name;
  record->help = help;
  record->unit = unit;
  record->bounds = bounds;
  record->label_count = static_cast<std::uint32_t>(labels.size());
  record->zero_threshold = spec.zero_threshold;
  copy_items(record + 1, labels);
  end_record();
  families_.push_back(spec);
  return static_cast<std::uint32_t>(families_.size() - 1);
}

std::uint32_t SegmentBuilder::new_series(std::uint32_t family,
                                         const std::vector<std::string>& values) {
  std::vector<std::uint32_t> offsets;
  for (const std::string& value : values) offsets.push_back(new_string(value));
  return add_series(family, offsets, 0);
}

std::uint32_t SegmentBuilder::new_overflow_series(std::uint32_t family) {
  return add_series(family, {}, kSeriesOverflow);
}

std::uint32_t SegmentBuilder::add_series(std::uint32_t family,
                                         const std::vector<std::uint32_t>& values,
                                         std::uint32_t flags) {
  const std::uint32_t count = cells_of(families_[family]);
  auto* record = reinterpret_cast<SeriesRecord*>(
      begin_record(static_cast<std::uint16_t>(RecordKind::kSeries),
                   sizeof(SeriesRecord) + values.size() * sizeof(std::uint32_t)));
  record->series = static_cast<std::uint32_t>(series_.size());
  record->family = family;
  record->first_cell = take_cells(count);
  record->cell_count = count;
  record->flags = flags;
  record->label_count = static_cast<std::uint32_t>(values.size());
  copy_items(record + 1, values);
  series_.push_back({family, record->first_cell, count});
  end_record();
  return static_cast<std::uint32_t>(series_.size() - 1);
}

std::uint32_t SegmentBuilder::new_chunk(std::uint32_t series, std::int32_t chunk, bool negative) {
  auto* record = reinterpret_cast<ChunkRecord*>(
      begin_record(static_cast<std::uint16_t>(RecordKind::kChunk), sizeof(ChunkRecord)));
  record->series = series;
  record->chunk = chunk;
  record->negative = negative ? 1 : 0;
  record->first_cell = take_cells(kChunkBuckets);
  const std::uint32_t first = record->first_cell;
  end_record();
  return first;
}

std::uint32_t SegmentBuilder::take_cells(std::uint32_t count) {
  if (next_cell_ + count > header().cell_capacity) throw std::length_error("no cell left");
  return std::exchange(next_cell_, next_cell_ + count);
}

void SegmentBuilder::set_cell(std::uint32_t column, std::uint32_t cell, std::uint64_t value) {
  const std::uint64_t offset = values_offset_ + column * header().column_stride + cell * kCellBytes;
  write_alone(words_[offset / 8], value);
}

void SegmentBuilder::set_float_cell(std::uint32_t column, std::uint32_t cell, double value) {
  set_cell(column, cell, std::bit_cast<std::uint64_t>(value));
}

void SegmentBuilder::set_gauge(std::uint32_t cell, double value) {
  set_cell(0, cell, std::bit_cast<std::uint64_t>(value) ^ kGaugeMask);
}

void SegmentBuilder::new_exemplar(std::uint32_t cell, double value, std::uint64_t unix_time_ns) {
  const std::uint64_t begun = add_alone(header().exemplar_next, std::uint64_t{1});
  ExemplarSlot& slot = exemplar_slot(static_cast<std::uint32_t>(begun % header().exemplar_slots));
  ExemplarSlot filled{};
  filled.cell = cell;
  filled.value_bits = std::bit_cast<std::uint64_t>(value);
  filled.unix_time_ns = unix_time_ns;
  std::ranges::fill(filled.trace_id, static_cast<std::uint8_t>(begun + 1));
  std::array<std::uint64_t, sizeof(ExemplarSlot) / 8> words{};
  std::memcpy(words.data(), &filled, sizeof(filled));

  // Odd before any word of the new, each of which carries that along; even when the slot is whole.
  // [tag: exemplar-words] [tag: exemplar-written]
  const std::uint64_t sequence = slot.sequence + 1;
  write_alone(slot.sequence, sequence);
  auto* shared = reinterpret_cast<std::uint64_t*>(&slot);
  for (std::size_t i = 1; i < words.size(); ++i) publish(shared[i], words[i]);
  publish(slot.sequence, sequence + 1);
}

SegmentHeader& SegmentBuilder::header() {
  return *reinterpret_cast<SegmentHeader*>(data());
}

ExemplarSlot& SegmentBuilder::exemplar_slot(std::uint32_t slot) {
  return *reinterpret_cast<ExemplarSlot*>(data() + header().exemplar_offset +
                                          slot * sizeof(ExemplarSlot));
}

void SegmentBuilder::patch_u32(std::uint64_t offset, std::uint32_t value) {
  std::memcpy(data() + offset, &value, sizeof(value));
}

void SegmentBuilder::patch_u64(std::uint64_t offset, std::uint64_t value) {
  std::memcpy(data() + offset, &value, sizeof(value));
}

void SegmentBuilder::cut(std::uint64_t file_bytes) {
  file_bytes_ = file_bytes;
}

std::span<const std::byte> SegmentBuilder::bytes() const {
  return {reinterpret_cast<const std::byte*>(words_.data()), file_bytes_};
}

}  // namespace notch::testing
