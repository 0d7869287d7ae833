#include "client/catalogue.h"

#include <cstring>
#include <iterator>

#include "client/private_memory.h"
#include "client/seal.h"
#include "client/segment_room.h"
#include "client/text_hash.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kStep = 256 * 1024;  // the private log grows by this
constexpr std::uint64_t kFirstRecord = 8;    // offset 0 means "none"
constexpr std::uint64_t kFirstStringSlots = 256;
constexpr std::uint32_t kProbes = 16;  // then a string is simply stored once more

constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept {
  return (bytes + 7) & ~std::uint64_t{7};
}

constinit Catalogue the_catalogue;

}  // namespace

Catalogue& catalogue() noexcept {
  return the_catalogue;
}

std::uint64_t Catalogue::string_bytes(std::string_view text) noexcept {
  return aligned(sizeof(shm::StringRecord) + text.size());
}

bool Catalogue::prepare(std::byte* memory, std::uint64_t bytes) noexcept {
  log_.adopt(memory, bytes, false);
  log_committed_ = kFirstLogBytes;
  strings_ = make_string_table(kFirstStringSlots);
  if (strings_ == nullptr) return false;
  // The log starts with a record of no kind a reader knows, which it passes over, so that no record
  // has offset 0.
  const shm::RecordHeader first{static_cast<std::uint32_t>(kFirstRecord), 0, 0};
  std::memcpy(log_.base(), &first, sizeof first);
  shm::publish(published_, kFirstRecord);  // [tag: log-used]
  return true;
}

Catalogue::StringTable* Catalogue::make_string_table(std::uint64_t slot_count) noexcept {
  auto* const table = static_cast<StringTable*>(
      private_memory().take(sizeof(StringTable) + slot_count * sizeof(std::uint32_t)));
  if (table != nullptr) table->slot_count = slot_count;
  return table;
}

// Null if no free slot is near: the string is then not found again, and stored again.
std::uint32_t* Catalogue::free_slot(StringTable& table, std::uint64_t hash) const noexcept {
  for (std::uint32_t probe = 0; probe < kProbes; ++probe) {
    std::uint32_t& slot = table.slots()[(hash + probe) % table.slot_count];
    if (slot == 0) return &slot;
  }
  return nullptr;
}

// Makes the table four times as large; if there is no memory, the old one stays.
void Catalogue::grow_string_table() noexcept {
  if (!may_grow_by_pages() || strings_->slot_count >= kStringSlots) return;
  StringTable* const grown = make_string_table(strings_->slot_count * 4);
  if (grown == nullptr) return;
  for (std::uint64_t i = 0; i < strings_->slot_count; ++i) {
    const std::uint32_t offset = strings_->slots()[i];
    if (offset == 0) continue;
    std::uint32_t* const slot = free_slot(*grown, hash_text(string(offset)));
    if (slot == nullptr) continue;
    *slot = offset;
    ++grown->strings;
  }
  shm::publish(strings_,
               grown);  // a child forked before this has the old one, whole [tag: log-used]
}

std::uint64_t Catalogue::used() const noexcept {
  return shm::observe(published_) & 0xffffffffU;  // [tag: log-used]
}
std::uint64_t Catalogue::next_cell() const noexcept {
  return shm::read_alone(next_cell_);
}

bool Catalogue::begin(std::uint64_t bytes) noexcept {
  const std::uint64_t word = shm::observe(published_);  // [tag: log-used]
  pending_used_ = word & 0xffffffffU;
  pending_string_count_ = 0;
  pending_series_ = static_cast<std::uint32_t>(word >> 32 & 0xfffff);
  pending_families_ = static_cast<std::uint32_t>(word >> 52);
  const std::uint64_t end = pending_used_ + bytes;
  if (end > log_.bytes()) return false;
  if (end > log_committed_) {
    const std::uint64_t step = sealed() ? shm::kPageBytes : kStep;
    const std::uint64_t steps = (end - log_committed_ + step - 1) / step * step;
    const std::uint64_t left = log_.bytes() - log_committed_;
    const std::uint64_t more = steps < left ? steps : left;
    if (!may_grow_by_pages() || !log_.commit(log_committed_, more)) return false;
    log_committed_ += more;
  }
  return commit_catalogue_locked(end);
}

std::byte* Catalogue::append(std::uint64_t bytes, shm::RecordKind kind) noexcept {
  std::byte* const at = log_.base() + pending_used_;
  const shm::RecordHeader header{static_cast<std::uint32_t>(aligned(bytes)),
                                 static_cast<std::uint16_t>(kind), 0};
  std::memset(at, 0, aligned(bytes));  // a fork may have left part of a record here
  std::memcpy(at, &header, sizeof header);
  pending_used_ += aligned(bytes);
  return at;
}

std::uint32_t Catalogue::add_string(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const std::uint64_t hash = hash_text(text);
  std::uint32_t* free_slot = nullptr;
  for (std::uint32_t probe = 0; probe < kProbes; ++probe) {
    std::uint32_t& slot = strings_->slots()[(hash + probe) % strings_->slot_count];
    if (slot == 0) {
      free_slot = &slot;
      break;
    }
    if (string(slot) == text) return slot;
  }
  const auto offset = static_cast<std::uint32_t>(pending_used_);
  std::byte* const at = append(sizeof(shm::StringRecord) + text.size(), shm::RecordKind::kString);
  const auto length = static_cast<std::uint32_t>(text.size());
  std::memcpy(at + offsetof(shm::StringRecord, length), &length, sizeof length);
  std::memcpy(at + sizeof(shm::StringRecord), text.data(), text.size());
  // It is entered into the table later: a child forked before commit() must not find a record that it
  // will write over (CA3).
  if (free_slot != nullptr && pending_string_count_ < std::size(pending_strings_)) {
    pending_strings_[pending_string_count_++] = {free_slot, offset};
  }
  return offset;
}

std::uint32_t Catalogue::add_bounds(std::span<const double> bounds) noexcept {
  const auto offset = static_cast<std::uint32_t>(pending_used_);
  std::byte* const at =
      append(sizeof(shm::BoundsRecord) + bounds.size_bytes(), shm::RecordKind::kBounds);
  const auto count = static_cast<std::uint32_t>(bounds.size());
  std::memcpy(at + offsetof(shm::BoundsRecord, count), &count, sizeof count);
  std::memcpy(at + sizeof(shm::BoundsRecord), bounds.data(), bounds.size_bytes());
  return offset;
}

std::uint32_t Catalogue::add_family(shm::FamilyRecord record,
                                    std::span<const std::uint32_t> label_names) noexcept {
  std::byte* const at = append(sizeof record + label_names.size_bytes(), shm::RecordKind::kFamily);
  std::memcpy(&record.header, at, sizeof record.header);
  record.family = pending_families_++;
  record.label_count = static_cast<std::uint32_t>(label_names.size());
  std::memcpy(at, &record, sizeof record);
  std::memcpy(at + sizeof record, label_names.data(), label_names.size_bytes());
  return record.family;
}

std::uint32_t Catalogue::add_series(shm::SeriesRecord record,
                                    std::span<const std::uint32_t> label_values) noexcept {
  std::byte* const at = append(sizeof record + label_values.size_bytes(), shm::RecordKind::kSeries);
  std::memcpy(&record.header, at, sizeof record.header);
  record.series = pending_series_++;
  record.label_count = static_cast<std::uint32_t>(label_values.size());
  std::memcpy(at, &record, sizeof record);
  std::memcpy(at + sizeof record, label_values.data(), label_values.size_bytes());
  return record.series;
}

void Catalogue::add_chunk(shm::ChunkRecord record) noexcept {
  std::byte* const at = append(sizeof record, shm::RecordKind::kChunk);
  std::memcpy(&record.header, at, sizeof record.header);
  std::memcpy(at, &record, sizeof record);
}

void Catalogue::commit() noexcept {
  const std::uint64_t before = used();
  const std::uint64_t word =
      pending_used_ | std::uint64_t{pending_series_} << 32 | std::uint64_t{pending_families_} << 52;
  // [tag: log-used] Publishes the records below it; else a child that a signal handler forks here
  // could take bytes for records that are not written yet.
  shm::publish(published_, word);
  for (std::uint32_t i = 0; i < pending_string_count_; ++i) {
    *pending_strings_[i].slot = pending_strings_[i].offset;
  }
  strings_->strings += pending_string_count_;
  pending_string_count_ = 0;
  if (strings_->strings * 2 > strings_->slot_count) grow_string_table();
  shm::Segment* const segment = attached_segment();
  if (segment == nullptr) return;
  std::byte* const there = segment->memory.base() + segment->catalogue_offset;
  std::memcpy(there + before, log_.base() + before, pending_used_ - before);
  // [tag: catalogue-used] Publishes the records below it; else the agent could parse bytes that are
  // no record yet, and reject the segment for them.
  shm::publish(segment->header().catalogue_used, pending_used_);
}

std::uint32_t Catalogue::take_cells(std::uint32_t count) noexcept {
  const std::uint64_t first = shm::read_alone(next_cell_);
  if (!commit_cells_locked(first + count)) return 0;
  shm::write_alone(next_cell_, first + count);
  return static_cast<std::uint32_t>(first);
}

bool Catalogue::reserve(std::uint64_t cells, std::uint64_t bytes) noexcept {
  if (!commit_cells_locked(next_cell() + cells) || !begin(bytes)) return false;
  reserved_cells_ = next_cell() + cells;
  reserved_bytes_ = used() + bytes;
  return true;
}

void Catalogue::leave_room(std::uint64_t cells, std::uint64_t bytes) noexcept {
  most_cells_ = (reserved_cells_ > next_cell() ? reserved_cells_ : next_cell()) + cells;
  most_bytes_ = (reserved_bytes_ > used() ? reserved_bytes_ : used()) + bytes;
}

void Catalogue::close() noexcept {
  log_.keep(shm::round_to_page(log_committed_ > most_bytes_ ? log_committed_ : most_bytes_));
}

void Catalogue::copy_to(shm::Segment& segment) noexcept {
  const std::uint64_t bytes = used();
  if (bytes > segment.catalogue_committed) return;
  std::memcpy(segment.memory.base() + segment.catalogue_offset, log_.base(), bytes);
  shm::publish(segment.header().catalogue_used, bytes);  // [tag: catalogue-used]
}

std::string_view Catalogue::string(std::uint32_t offset) const noexcept {
  if (offset == 0) return {};
  std::uint32_t length = 0;
  std::memcpy(&length, log_.base() + offset + offsetof(shm::StringRecord, length), sizeof length);
  return {reinterpret_cast<const char*>(log_.base() + offset + sizeof(shm::StringRecord)), length};
}

}  // namespace notch::client
