#include "client/series_index.h"

#include <cstring>
#include <string_view>

#include "client/bucket_tables.h"
#include "client/catalogue.h"
#include "client/process.h"
#include "client/registry.h"
#include "client/text_hash.h"
#include "client/text_view.h"
#include "shm/memory_order.h"
#include "shm/utf8.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kSlots = std::uint64_t{2} * kMostSeries;
constexpr std::uint64_t kSeriesBytes = 200;  // of catalogue, a fair guess for reserve()

struct SeriesEntry {
  std::uint32_t family;
  std::uint32_t record;
  std::uint32_t first_cell;
  std::uint32_t reserved;
  const void* detail;
};

struct Index {
  PrivateMemory slot_memory;
  PrivateMemory entry_memory;
  std::uint64_t* slots = nullptr;  // high half: of the hash; low half: entry + 1
  SeriesEntry* entries = nullptr;  // entry_memory's start; taken one behind another
  std::uint32_t count = 0;         // under the lock
  char* scratch = nullptr;         // under the lock; room for one label value made valid
};

constinit Index index;

std::uint64_t hash_of(std::uint32_t family, std::span<const notch_text> values) noexcept {
  std::uint64_t hash = family;
  for (const notch_text& value : values) hash = hash_text(view(value), hash);
  return hash;
}

bool same_values(const SeriesEntry& entry, std::span<const notch_text> values) noexcept {
  const std::byte* offsets = catalogue().record(entry.record) + sizeof(shm::SeriesRecord);
  for (const notch_text& value : values) {
    std::uint32_t offset = 0;
    std::memcpy(&offset, offsets, sizeof offset);
    offsets += sizeof offset;
    if (catalogue().string(offset) != view(value)) return false;
  }
  return true;
}

const SeriesEntry* find(std::uint32_t family, std::span<const notch_text> values,
                        std::uint64_t hash) noexcept {
  const std::uint64_t tag = hash >> 32;
  for (std::uint64_t probe = hash % kSlots;; probe = (probe + 1) % kSlots) {
    const std::uint64_t slot = shm::observe(index.slots[probe]);  // [tag: series-slot]
    if (slot == 0) return nullptr;
    if (slot >> 32 != tag) continue;
    const SeriesEntry& entry = index.entries[(slot & 0xffffffffU) - 1];
    if (entry.family == family && same_values(entry, values)) return &entry;
  }
}

notch_series handle(const SeriesEntry& entry) noexcept {
  return {entry.first_cell * shm::kCellBytes, entry.detail};
}

std::uint64_t record_bytes(std::span<const notch_text> values) noexcept {
  std::uint64_t bytes = sizeof(shm::SeriesRecord) + 4 * values.size() + 8;
  for (const notch_text& value : values) bytes += Catalogue::string_bytes(view(value));
  return bytes;
}

// Null if there is no room anywhere. REQUIRES: the lock is held.
SeriesEntry* add(std::uint32_t family, FamilyShape& shape, std::span<const notch_text> values,
                 std::uint32_t flags) noexcept {
  if (index.count >= kMostSeries) return nullptr;
  const void* detail = shape.buckets;
  NativeTable* native = nullptr;
  if (shape.type == NOTCH_NATIVE_HISTOGRAM) {
    native = make_native_table(shape.schema, shape.zero_threshold, private_memory());
    if (native == nullptr) return nullptr;
    detail = native;
  }
  const std::uint32_t first_cell = catalogue().take_cells(shape.cell_count);
  if (first_cell == 0 || !catalogue().begin(record_bytes(values))) return nullptr;
  auto* const entry = static_cast<SeriesEntry*>(index.entry_memory.take(sizeof(SeriesEntry)));
  if (entry == nullptr) return nullptr;
  std::uint32_t strings[shm::kMaxLabels];
  for (std::size_t i = 0; i < values.size(); ++i)
    strings[i] = catalogue().add_string(view(values[i]));
  shm::SeriesRecord record{};
  record.family = shape.id;
  record.first_cell = first_cell;
  record.cell_count = shape.cell_count;
  record.flags = flags;
  const std::uint32_t offset = catalogue().pending_offset();
  const std::uint32_t series = catalogue().add_series(record, {strings, values.size()});
  catalogue().commit();
  if (native != nullptr) {
    native->offset = first_cell * shm::kCellBytes;
    native->series = series;
  }
  *entry = {family, offset, first_cell, 0, detail};
  index.count = static_cast<std::uint32_t>(entry - index.entries) + 1;
  return entry;
}

notch_series find_overflow(std::uint32_t family, FamilyShape& shape) noexcept {
  if (shape.overflow_series == 0) {
    const SeriesEntry* const entry = add(family, shape, {}, shm::kSeriesOverflow);
    if (entry == nullptr) {
      drop(shm::DropReason::kNoCells);
      return {0, nullptr};
    }
    shape.overflow_series = static_cast<std::uint32_t>(entry - index.entries) + 1;
  }
  return handle(index.entries[shape.overflow_series - 1]);
}

notch_series overflow(std::uint32_t family, FamilyShape& shape, shm::DropReason reason) noexcept {
  drop(reason);
  return find_overflow(family, shape);
}

// REQUIRES: the lock is held; the values are valid and not known yet.
notch_series make(std::uint32_t family, FamilyShape& shape, std::span<const notch_text> values,
                  std::uint64_t hash) noexcept {
  if (shape.series_count >= shape.series_limit)
    return overflow(family, shape, shm::DropReason::kCardinality);
  const SeriesEntry* const entry = add(family, shape, values, 0);
  if (entry == nullptr) return overflow(family, shape, shm::DropReason::kNoCells);
  ++shape.series_count;
  std::uint64_t probe = hash % kSlots;
  while (shm::read_alone(index.slots[probe]) != 0) probe = (probe + 1) % kSlots;
  const std::uint64_t number = static_cast<std::uint64_t>(entry - index.entries) + 1;
  shm::publish(index.slots[probe], hash >> 32 << 32 | number);  // [tag: series-slot]
  return handle(*entry);
}

// Values as they will be stored: valid UTF-8. False if one is too long for that. REQUIRES: the
// lock.
bool make_storable(std::span<notch_text> values) noexcept {
  char* out = index.scratch;
  for (notch_text& value : values) {
    if (value.size > shm::kMaxLabelValueBytes) return false;
    if (value.data == nullptr) value = {"", 0};
    if (shm::is_valid_utf8(view(value))) continue;
    const std::size_t length = shm::make_valid_utf8(view(value), out, 3 * shm::kMaxLabelValueBytes);
    if (length > shm::kMaxLabelValueBytes) return false;
    value = {out, length};
    out += length;
  }
  return true;
}

}  // namespace

bool prepare_series_index() noexcept {
  if (!index.slot_memory.prepare(kSlots * sizeof(std::uint64_t)) ||
      !index.entry_memory.prepare(std::uint64_t{kMostSeries} * sizeof(SeriesEntry))) {
    return false;
  }
  index.slots = static_cast<std::uint64_t*>(index.slot_memory.take(kSlots * sizeof(std::uint64_t)));
  index.entries = static_cast<SeriesEntry*>(index.entry_memory.take(0));
  index.scratch = static_cast<char*>(
      private_memory().take(std::uint64_t{shm::kMaxLabels} * shm::kMaxLabelValueBytes * 3));
  return index.slots != nullptr && index.scratch != nullptr;
}

notch_series overflow_series(std::uint32_t family) noexcept {
  FamilyShape* const shape = find_family(family);
  if (shape == nullptr) return {0, nullptr};
  attach();
  const RegistryLock lock;
  if (!lock || attach_locked() == nullptr) return {0, nullptr};
  return find_overflow(family, *shape);
}

notch_series find_or_make_series(std::uint32_t family, std::span<const notch_text> values,
                                 RegistryLock::Wait wait) noexcept {
  FamilyShape* const shape = find_family(family);
  if (shape == nullptr) return {0, nullptr};
  if (values.size() != shape->label_count) {
    drop(shm::DropReason::kWrongLabelCount);
    return {0, nullptr};
  }
  std::uint64_t hash = hash_of(family, values);
  if (const SeriesEntry* const entry = find(family, values, hash); entry != nullptr)
    return handle(*entry);

  attach();
  const RegistryLock lock(wait);
  if (!lock && wait == RegistryLock::Wait::kNot) return {0, nullptr};
  if (!lock || attach_locked() == nullptr) {
    drop(lock ? shm::DropReason::kNoCells : shm::DropReason::kReentered);
    return {0, nullptr};
  }
  notch_text storable[shm::kMaxLabels];
  std::memcpy(storable, values.data(), values.size_bytes());
  const std::span<notch_text> stored(storable, values.size());
  if (!make_storable(stored)) return overflow(family, *shape, shm::DropReason::kLabelTooLong);
  hash = hash_of(family, stored);
  // Another thread may have made it, or it is known by its valid form.
  if (const SeriesEntry* const entry = find(family, stored, hash); entry != nullptr)
    return handle(*entry);
  return make(family, *shape, stored, hash);
}

std::uint64_t find_or_make_bucket(const NativeTable& table, std::int32_t bucket,
                                  bool negative) noexcept {
  attach();
  const RegistryLock lock;
  if (!lock || attach_locked() == nullptr) {
    drop(lock ? shm::DropReason::kNoCells : shm::DropReason::kReentered);
    return 0;
  }
  std::uint32_t& entry = table.chunks[negative ? 1 : 0][(bucket >> 5) - table.first_chunk];
  std::uint32_t first = shm::read_alone(entry);
  if (first == 0) {
    first = catalogue().take_cells(shm::kChunkBuckets);
    if (first == 0 || !catalogue().begin(sizeof(shm::ChunkRecord))) {
      drop(shm::DropReason::kNoCells);
      return 0;
    }
    shm::ChunkRecord record{};
    record.series = table.series;
    record.chunk = bucket >> 5;
    record.negative = negative ? 1 : 0;
    record.first_cell = first;
    catalogue().add_chunk(record);
    catalogue().commit();
    shm::write_alone(entry, first);
  }
  return (std::uint64_t{first} + static_cast<std::uint32_t>(bucket & 31)) * shm::kCellBytes;
}

bool reserve_series(std::uint64_t cells, std::uint64_t label_sets) noexcept {
  return catalogue().reserve(cells, label_sets * kSeriesBytes) &&
         index.entry_memory.ready(label_sets * sizeof(SeriesEntry)) && index.slot_memory.ready(0);
}

}  // namespace notch::client
