#include "shm/segment_reader.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "shm/bounds.h"
#include "shm/column_sum.h"
#include "shm/memory_order.h"
#include "shm/shared_words.h"
#include "shm/utf8.h"

namespace notch::shm {
namespace {

constexpr std::uint64_t byte_swapped(std::uint64_t value) {
  std::uint64_t swapped = 0;
  for (int i = 0; i < 8; ++i) swapped = (swapped << 8) | ((value >> (8 * i)) & 0xFF);
  return swapped;
}

// All checks below are on a copy of the header, and subtract the smaller number from the larger one.

std::string got_wanted(const char* field, std::uint64_t got, const std::string& wanted) {
  return std::string(field) + " is " + std::to_string(got) + ", wanted " + wanted;
}

// The fault, and its detail; kNone has none.
struct Judgement {
  Fault fault = Fault::kNone;
  std::string detail;
};

Judgement check_magic(std::uint64_t magic) {
  if (magic == kMagic) return {};
  if (magic == 0) return {Fault::kBeingBuilt, "its magic is not there yet"};
  const bool swapped = magic == byte_swapped(kMagic);
  return {swapped ? Fault::kOtherByteOrder : Fault::kNotASegment,
          got_wanted("magic", magic, std::to_string(kMagic))};
}

Judgement check_version(const SegmentHeader& header) {
  if (header.byte_order != kByteOrder) {
    return {Fault::kOtherByteOrder,
            got_wanted("byte_order", header.byte_order, std::to_string(kByteOrder))};
  }
  if (header.major == kMajorVersion) return {};
  return {header.major > kMajorVersion ? Fault::kNewerVersion : Fault::kOlderVersion,
          got_wanted("major", header.major, std::to_string(kMajorVersion))};
}

// A part of the file: aligned, behind the header, within the file.
bool valid_part(const SegmentHeader& header, std::uint64_t offset, std::uint64_t bytes) {
  return offset % kCellBytes == 0 && offset >= header.header_bytes &&
         fits(offset, bytes, header.file_bytes);
}

bool valid_catalogue(const SegmentHeader& header) {
  return header.catalogue_capacity <= kMaxCatalogueBytes &&
         header.catalogue_capacity % kWordBytes == 0 &&
         valid_part(header, header.catalogue_offset, header.catalogue_capacity);
}

bool valid_values(const SegmentHeader& header) {
  if (header.column_capacity < 1 || header.column_capacity > kMaxColumns) return false;
  if (header.cell_capacity < kFirstFreeCell || header.cell_capacity > kMaxCells) return false;
  if (header.column_stride % kCellBytes != 0) return false;
  if (header.column_stride < header.cell_capacity * kCellBytes) return false;
  if (!valid_part(header, header.values_offset, 0)) return false;
  return header.column_stride <=
         (header.file_bytes - header.values_offset) / header.column_capacity;
}

bool valid_exemplars(const SegmentHeader& header) {
  if (header.exemplar_slots == 0) return true;
  if (header.exemplar_slots > kExemplarSlots) return false;
  if (header.exemplar_slot_bytes < sizeof(ExemplarSlot)) return false;
  if (header.exemplar_slot_bytes > kPageBytes) return false;
  if (header.exemplar_slot_bytes % kWordBytes != 0) return false;
  return valid_part(header, header.exemplar_offset,
                    std::uint64_t{header.exemplar_slots} * header.exemplar_slot_bytes);
}

Judgement check_geometry(const SegmentHeader& header, std::uint64_t bytes_given) {
  const auto bad = [](const char* field, std::uint64_t got, const std::string& wanted) {
    return Judgement{Fault::kBadGeometry, got_wanted(field, got, wanted)};
  };
  if (header.header_bytes < kHeaderBytes || header.header_bytes % kWordBytes != 0) {
    return bad("header_bytes", header.header_bytes,
               "a multiple of 8 from " + std::to_string(kHeaderBytes));
  }
  if (header.file_bytes > bytes_given) {
    return {Fault::kTooShort,
            got_wanted("file_bytes", header.file_bytes, "at most " + std::to_string(bytes_given))};
  }
  const std::string in_file =
      "a part of the " + std::to_string(header.file_bytes) + " bytes behind the header";
  if (header.header_bytes > header.file_bytes) {
    return bad("header_bytes", header.header_bytes, in_file);
  }
  if (!valid_catalogue(header)) return bad("catalogue_offset", header.catalogue_offset, in_file);
  if (!valid_values(header)) return bad("values_offset", header.values_offset, in_file);
  if (!valid_exemplars(header)) return bad("exemplar_offset", header.exemplar_offset, in_file);
  const bool known_mode =
      header.counting_mode >= static_cast<std::uint32_t>(CountingMode::kRseq) &&
      header.counting_mode <= static_cast<std::uint32_t>(CountingMode::kRseqByCpu);
  return known_mode ? Judgement{} : bad("counting_mode", header.counting_mode, "1 to 3");
}

template <std::size_t N>
std::string text_of(const char (&field)[N]) {
  return valid_utf8(std::string_view(field, strnlen(field, N)));
}

SegmentInfo info_of(const SegmentHeader& header) {
  SegmentInfo info;
  info.file_bytes = header.file_bytes;
  info.pid = header.pid;
  info.uid = header.uid;
  info.start_time_ticks = header.start_time_ticks;
  info.pid_namespace = header.pid_namespace;
  info.created_unix_ns = header.created_unix_ns;
  info.cell_capacity = header.cell_capacity;
  info.column_capacity = header.column_capacity;
  info.counting_mode = static_cast<CountingMode>(header.counting_mode);
  std::ranges::copy(header.boot_id, info.boot_id.begin());
  std::ranges::copy(header.segment_id, info.segment_id.begin());
  std::ranges::copy(header.lineage_key, info.lineage_key.begin());
  info.service = text_of(header.service);
  info.executable = text_of(header.executable);
  return info;
}

// False if the slot was never written or is not whole. A torn slot is not tried again: its writer
// may be dead, or hostile.
bool read_slot(std::span<const std::byte> slot_bytes, ExemplarEntry& entry, bool& in_progress) {
  const auto* slot = reinterpret_cast<const ExemplarSlot*>(slot_bytes.data());
  // [tag: exemplar-written] An even sequence publishes the words behind it.
  const std::uint64_t sequence = observe(slot->sequence);
  if (sequence == 0) return false;
  std::array<std::uint64_t, sizeof(ExemplarSlot) / kWordBytes> words{};
  for (std::size_t i = 1; i < words.size(); ++i) {
    // [tag: exemplar-words] Observed too, so that the second look at the sequence cannot come
    // before them, and sees the odd one that a word's writer had left.
    words[i] = observe(*reinterpret_cast<const std::uint64_t*>(slot_bytes.data() + i * kWordBytes));
  }
  if (sequence % 2 != 0 || read_alone(slot->sequence) != sequence) {
    in_progress = true;
    return false;
  }
  ExemplarSlot copy;
  std::memcpy(&copy, words.data(), sizeof(copy));
  entry.cell = copy.cell;
  entry.value = std::bit_cast<double>(copy.value_bits);
  entry.unix_time_ns = copy.unix_time_ns;
  std::ranges::copy(copy.trace_id, entry.trace_id.begin());
  std::ranges::copy(copy.span_id, entry.span_id.begin());
  return true;
}

}  // namespace

Fault SegmentReader::attach(std::span<const std::byte> bytes, const ReaderLimits& limits) {
  *this = SegmentReader();
  if (bytes.size() < kHeaderBytes) {
    return finish(Fault::kTooShort,
                  got_wanted("size", bytes.size(), "at least " + std::to_string(kHeaderBytes)));
  }

  SegmentHeader copy;
  // [tag: segment-magic] The writer stores it last, so every field that is written once is there.
  copy.magic = observe(*reinterpret_cast<const std::uint64_t*>(bytes.data()));
  Judgement judgement = check_magic(copy.magic);
  if (judgement.fault != Fault::kNone) return finish(judgement.fault, judgement.detail);
  copy_shared(bytes, kWordBytes, reinterpret_cast<std::byte*>(&copy) + kWordBytes,
              sizeof(copy) - kWordBytes);

  judgement = check_version(copy);
  if (judgement.fault == Fault::kNone) judgement = check_geometry(copy, bytes.size());
  if (judgement.fault != Fault::kNone) return finish(judgement.fault, judgement.detail);

  bytes_ = bytes.first(static_cast<std::size_t>(copy.file_bytes));
  header_ = reinterpret_cast<const SegmentHeader*>(bytes_.data());
  info_ = info_of(copy);
  catalogue_capacity_ = copy.catalogue_capacity;
  values_offset_ = copy.values_offset;
  column_stride_ = copy.column_stride;
  exemplar_offset_ = copy.exemplar_offset;
  exemplar_slots_ = copy.exemplar_slots;
  exemplar_slot_bytes_ = copy.exemplar_slot_bytes;
  catalogue_ = CatalogueFollower(sub_range(bytes_, copy.catalogue_offset, copy.catalogue_capacity),
                                 copy.cell_capacity, limits);
  return Fault::kNone;
}

Fault SegmentReader::finish(Fault fault, std::string detail) {
  fault_ = fault;
  fault_detail_ = std::move(detail);
  header_ = nullptr;
  bytes_ = {};
  columns_.clear();
  shared_column_ = nullptr;
  cells_committed_ = 0;
  claimed_bytes_ = 0;
  return fault;
}

Fault SegmentReader::follow(CatalogueSink& sink) {
  if (header_ == nullptr) return fault_;
  // [tag: catalogue-used] The records up to here are whole.
  const std::uint64_t used = observe(header_->catalogue_used);
  const Fault fault = catalogue_.follow(used, sink);
  if (fault == Fault::kNone) return fault;
  return finish(fault, "in the catalogue's record at byte " + std::to_string(catalogue_.at()) +
                           " of " + std::to_string(used));
}

bool SegmentReader::has_news() const noexcept {
  return header_ == nullptr || read_alone(header_->catalogue_used) != catalogue_.at();
}

void SegmentReader::begin_round() {
  columns_.clear();
  shared_column_ = nullptr;
  if (header_ == nullptr) return;
  for (std::uint32_t first = 0; first < info_.column_capacity; first += 64) {
    // [tag: column-bit] A column whose bit is set has memory for the cells committed by then.
    std::uint64_t bits = observe(header_->column_bitmap[first / 64]);
    for (; bits != 0; bits &= bits - 1) {
      const std::uint32_t column = first + static_cast<std::uint32_t>(std::countr_zero(bits));
      if (column >= info_.column_capacity) break;
      columns_.push_back(reinterpret_cast<const std::uint64_t*>(bytes_.data() + values_offset_ +
                                                                column * column_stride_));
      if (column == 0) shared_column_ = columns_.back();
    }
  }
  // [tag: cells-committed] Every column of the bitmap has memory for these cells. So have the columns
  // found above, because bits are never taken back.
  cells_committed_ = std::min(observe(header_->cells_committed), info_.cell_capacity);
  const std::uint64_t used = std::min(read_alone(header_->catalogue_used), catalogue_capacity_);
  claimed_bytes_ = kHeaderBytes + used + std::uint64_t{exemplar_slots_} * exemplar_slot_bytes_ +
                   columns_.size() * cells_committed_ * kCellBytes;
}

std::size_t SegmentReader::cells_with_memory(std::uint32_t first_cell,
                                             std::size_t wanted) const noexcept {
  if (first_cell >= cells_committed_) return 0;
  return std::min(wanted, static_cast<std::size_t>(cells_committed_ - first_cell));
}

void SegmentReader::add_cells(std::uint32_t first_cell,
                              std::span<std::uint64_t> out) const noexcept {
  add_columns(columns_, first_cell, out.first(cells_with_memory(first_cell, out.size())));
}

void SegmentReader::add_float_cells(std::uint32_t first_cell,
                                    std::span<double> out) const noexcept {
  add_float_columns(columns_, first_cell, out.first(cells_with_memory(first_cell, out.size())));
}

std::uint64_t SegmentReader::shared_cell(std::uint32_t cell) const noexcept {
  if (shared_column_ == nullptr || cell >= cells_committed_) return 0;
  // [tag: gauge-time] Who reads a time and then its value finds that value or a later one.
  return observe(shared_column_[cell]);
}

void SegmentReader::exemplars(std::vector<ExemplarEntry>& out) {
  if (header_ == nullptr || exemplar_slots_ == 0) return;
  const std::uint64_t begun = read_alone(header_->exemplar_next);
  if (begun == exemplars_seen_) return;
  out.clear();
  bool in_progress = false;
  for (std::uint32_t i = 0; i < exemplar_slots_; ++i) {
    const std::uint64_t slot = (begun % exemplar_slots_ + i) % exemplar_slots_;
    ExemplarEntry entry;
    if (!read_slot(
            bytes_.subspan(exemplar_offset_ + slot * exemplar_slot_bytes_, sizeof(ExemplarSlot)),
            entry, in_progress)) {
      continue;
    }
    if (entry.cell < kFirstFreeCell || entry.cell >= info_.cell_capacity) continue;
    if (std::isfinite(entry.value)) out.push_back(entry);
  }
  // A write still in progress does not count `begun` up again when it ends: look again next time.
  if (!in_progress) exemplars_seen_ = begun;
}

State SegmentReader::state() const noexcept {
  if (header_ == nullptr) return State::kLive;
  const bool closed = read_alone(header_->state) == static_cast<std::uint32_t>(State::kClosed);
  return closed ? State::kClosed : State::kLive;
}

std::uint64_t SegmentReader::drops(DropReason reason) const noexcept {
  const auto index = static_cast<std::size_t>(reason);
  if (header_ == nullptr || index >= kDropReasons) return 0;
  return read_alone(header_->drops[index]);
}

}  // namespace notch::shm
