#include "client/series_index.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "client/bucket_tables.h"
#include "client/capacity.h"
#include "client/catalogue.h"
#include "client/debug_line.h"
#include "client/drops.h"
#include "client/label_key.h"
#include "client/parked.h"
#include "client/private_memory.h"
#include "client/process.h"
#include "client/registry.h"
#include "client/seal.h"
#include "client/text_view.h"
#include "client/wiped.h"
#include "shm/memory_order.h"
#include "shm/process_identity.h"
#include "shm/utf8.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kMostSlots = std::uint64_t{2} * kMostSeries;
constexpr std::uint64_t kSeriesBytes = 200;  // of catalogue, a fair guess for reserve()

constexpr std::uint64_t kKeyBytes = 128;  // of key, likewise

// A slot: where the entry is, and above its 48 bits the tag, of the entry's hash. 0: free.
constexpr unsigned kTagShift = 48;
constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kTagShift) - 1;

// Followed by the words of its key.
struct SeriesEntry {
  std::uint64_t hash;
  std::uint32_t first_cell;
  std::uint32_t word_count;
  const void* detail;
  std::uint64_t* words() noexcept { return reinterpret_cast<std::uint64_t*>(this + 1); }
  const std::uint64_t* words() const noexcept {
    return reinterpret_cast<const std::uint64_t*>(this + 1);
  }
};

// Followed by its slots, of which less than half are in use.
struct SlotTable {
  std::uint64_t slot_count;
  std::uint64_t* slots() noexcept { return reinterpret_cast<std::uint64_t*>(this + 1); }
};

// What a look-up finds before there is a series: one free slot. Nothing is entered into it.
struct NoEntries {
  SlotTable table{1};
  std::uint64_t slot = 0;
};
constexpr NoEntries kNoEntries;

struct Index {
  SlotTable* table = const_cast<SlotTable*>(&kNoEntries.table);  // [tag: slot-table]
  std::uint32_t count = 0;                                       // of entries; under the lock
};

constinit Index index;

// The tag is made of the upper bits, because the lower ones choose the slot.
std::uint64_t tag_of(std::uint64_t hash) noexcept {
  return hash >> kTagShift;
}

// True if the values can be in the table at all; if not, their bytes are not read.
bool are_storable(std::span<const notch_text> values) noexcept {
  std::size_t longest = 0;
  for (const notch_text& value : values) longest = value.size > longest ? value.size : longest;
  return longest <= shm::kMaxLabelValueBytes;
}

const SeriesEntry* find(std::uint32_t family, std::span<const notch_text> values,
                        const LabelKey& key) noexcept {
  SlotTable& table = *shm::observe(index.table);  // [tag: slot-table]
  const std::uint64_t last = table.slot_count - 1;
  for (std::uint64_t probe = key.hash() & last;; probe = (probe + 1) & last) {
    const std::uint64_t slot = shm::observe(table.slots()[probe]);  // [tag: series-slot]
    if (slot == 0) return nullptr;
    if (slot >> kTagShift != tag_of(key.hash())) continue;
    const auto& entry = *reinterpret_cast<const SeriesEntry*>(slot & kAddressMask);
    if (entry.hash == key.hash() && entry.word_count == key.word_count() &&
        key.matches(entry.words(), family, values)) {
      return &entry;
    }
  }
}

// REQUIRES: the lock is held; the table has a free slot.
void enter(SlotTable& table, const SeriesEntry& entry) noexcept {
  const std::uint64_t last = table.slot_count - 1;
  std::uint64_t probe = entry.hash & last;
  while (shm::read_alone(table.slots()[probe]) != 0) probe = (probe + 1) & last;
  const std::uint64_t slot =
      tag_of(entry.hash) << kTagShift | reinterpret_cast<std::uintptr_t>(&entry);
  // [tag: series-slot] Publishes the entry; else a thread without the lock could compare with
  // labels that are not written yet.
  shm::publish(table.slots()[probe], slot);
}

// Makes sure that so many entries leave half of the slots free. Readers may go on in the old table,
// which has all that they could find before. REQUIRES: the lock is held.
bool make_slots(std::uint64_t entries) noexcept {
  SlotTable& old = *index.table;
  std::uint64_t slot_count =
      old.slot_count < kFirstSeriesSlots ? kFirstSeriesSlots : old.slot_count;
  while (slot_count < entries * 2) slot_count *= 4;
  slot_count = slot_count < kMostSlots ? slot_count : kMostSlots;
  if (slot_count == old.slot_count) return true;
  void* const memory =
      slot_count == kFirstSeriesSlots
          ? private_parts().series_slots
          : private_memory().take(sizeof(SlotTable) + slot_count * sizeof(std::uint64_t));
  if (memory == nullptr) return false;
  auto* const table = static_cast<SlotTable*>(memory);
  table->slot_count = slot_count;
  for (std::uint64_t i = 0; i < old.slot_count; ++i) {
    const std::uint64_t slot = shm::read_alone(old.slots()[i]);
    if (slot != 0) enter(*table, *reinterpret_cast<const SeriesEntry*>(slot & kAddressMask));
  }
  // [tag: slot-table] Publishes the table and all slots in it; else a thread without the lock could
  // miss a series that is there.
  shm::publish(index.table, table);
  return true;
}

notch_series handle(const SeriesEntry& entry) noexcept {
  return {entry.first_cell * shm::kCellBytes, entry.detail};
}

std::uint64_t record_bytes(std::span<const notch_text> values) noexcept {
  std::uint64_t bytes = sizeof(shm::SeriesRecord) + 4 * values.size() + 8;
  for (const notch_text& value : values) bytes += Catalogue::string_bytes(view(value));
  return bytes;
}

// Takes the value of a cell, over all columns, and leaves zero. REQUIRES: nobody adds to it.
std::uint64_t empty_cell(shm::Segment& segment, std::uint32_t cell) noexcept {
  std::uint64_t sum = 0;
  for (std::uint32_t column = 0; column < segment.column_capacity; ++column) {
    if (!shm::column_in_use(segment, column)) continue;
    std::byte* const word = segment.column(column) + cell * shm::kCellBytes;
    sum += shm::take_all(*reinterpret_cast<std::uint64_t*>(word));
  }
  return sum;
}

// Moves every parked count to its bucket, made if it is new. REQUIRES: the lock is held.
void settle_parked(Parked& parked) noexcept {
  shm::Segment* const segment = attached_segment();
  for (std::uint32_t i = 0;;) {
    std::uint32_t count = shm::read_alone(parked.count);
    if (i == count || segment == nullptr) {
      if (shm::exchange_alone(parked.count, count, std::uint32_t{0})) return;
      continue;
    }
    // A handler may come at any point here. It does not park for a bucket that is made by now, nor does
    // it use an entry without a table. So nobody adds to the cell when it is emptied.
    ParkedBucket& entry = parked.buckets[i];
    const std::uint64_t bucket =
        make_bucket_locked(*entry.table, entry.bucket, entry.negative != 0);
    shm::write_alone(entry.table, static_cast<const NativeTable*>(nullptr));
    const std::uint64_t observations = empty_cell(*segment, kFirstParkedCell + i);
    if (bucket == 0) {
      drop(shm::DropReason::kNoCells, observations);
    } else {
      shm::add_alone(*reinterpret_cast<std::uint64_t*>(segment->column(0) + bucket), observations);
    }
    ++i;
  }
}

// Null if there is no room anywhere. REQUIRES: the lock is held.
SeriesEntry* add(std::uint32_t family, FamilyShape& shape, std::span<const notch_text> values,
                 const LabelKey& key, std::uint32_t flags) noexcept {
  if (index.count >= kMostSeries || !make_slots(index.count + 1)) return nullptr;
  const void* detail = shape.buckets;
  NativeTable* native = nullptr;
  if (shape.type == NOTCH_NATIVE_HISTOGRAM) {
    native = make_native_table(shape.schema, shape.zero_threshold, private_memory());
    if (native == nullptr) return nullptr;
    settle_before_release(settle_parked);
    detail = native;
  }
  const std::uint32_t first_cell = catalogue().take_cells(shape.cell_count);
  if (first_cell == 0 || !catalogue().begin(record_bytes(values))) return nullptr;
  auto* const entry = static_cast<SeriesEntry*>(
      private_memory().take(sizeof(SeriesEntry) + key.word_count() * sizeof(std::uint64_t)));
  if (entry == nullptr) return nullptr;
  std::uint32_t strings[shm::kMaxLabels];
  for (std::size_t i = 0; i < values.size(); ++i)
    strings[i] = catalogue().add_string(view(values[i]));
  shm::SeriesRecord record{};
  record.family = shape.id;
  record.first_cell = first_cell;
  record.cell_count = shape.cell_count;
  record.flags = flags;
  const std::uint32_t series = catalogue().add_series(record, {strings, values.size()});
  catalogue().commit();
  if (native != nullptr) {
    native->offset = first_cell * shm::kCellBytes;
    native->series = series;
  }
  *entry = {key.hash(), first_cell, static_cast<std::uint32_t>(key.word_count()), detail};
  std::uint64_t* word = entry->words();
  for_each_key_word(family, values, [&](std::uint64_t next) { *word++ = next; });
  ++index.count;
  return entry;
}

notch_series find_overflow(std::uint32_t family, FamilyShape& shape) noexcept {
  if (shape.overflow.offset == 0) {
    const SeriesEntry* const entry =
        add(family, shape, {}, LabelKey(family, {}), shm::kSeriesOverflow);
    if (entry == nullptr) {
      drop(shm::DropReason::kNoCells);
      return {0, nullptr};
    }
    shape.overflow = handle(*entry);
  }
  return shape.overflow;
}

notch_series overflow(std::uint32_t family, FamilyShape& shape, shm::DropReason reason) noexcept {
  drop(reason);
  return find_overflow(family, shape);
}

// REQUIRES: the lock is held; the values are valid and not known yet.
notch_series make(std::uint32_t family, FamilyShape& shape, std::span<const notch_text> values,
                  const LabelKey& key) noexcept {
  if (shape.series_count >= shape.series_limit)
    return overflow(family, shape, shm::DropReason::kCardinality);
  const SeriesEntry* const entry = add(family, shape, values, key, 0);
  if (entry == nullptr) {
    // A caller that must not wait for the system does not ask it again for each new label set.
    if (sealed()) stop_growth();
    return overflow(family, shape, shm::DropReason::kNoCells);
  }
  ++shape.series_count;
  enter(*index.table, *entry);
  return handle(*entry);
}

// Makes the values as they will be stored, in valid UTF-8, and says whether that changed one. False if
// one is too long. REQUIRES: the lock.
bool make_storable(std::span<notch_text> values, bool& changed) noexcept {
  char* out = private_parts().label_text;
  for (notch_text& value : values) {
    if (value.size > shm::kMaxLabelValueBytes) return false;
    if (value.data == nullptr) value = {"", 0};
    if (shm::is_valid_utf8(view(value))) continue;
    const std::size_t length = shm::make_valid_utf8(view(value), out, 3 * shm::kMaxLabelValueBytes);
    if (length > shm::kMaxLabelValueBytes) return false;
    value = {out, length};
    changed = true;
    out += length;
  }
  return true;
}

// Counts it in any case, and prints a line with NOTCH_DEBUG, once for each family.
void refuse_label_count(FamilyShape& shape, std::size_t given) noexcept {
  drop(shm::DropReason::kWrongLabelCount);
  if (!debugging()) return;
  const RegistryLock lock(RegistryLock::Wait::kNot);
  if (!lock || shape.said_label_count) return;
  shape.said_label_count = true;
  char name[shm::kMaxNameBytes + 1] = {};
  family_name(shape).copy(name, shm::kMaxNameBytes);
  char counts[64] = {};
  char* end = shm::write_decimal(counts, given);
  std::memcpy(end, " label values given, it has ", 28);
  shm::write_decimal(end + 28, shape.label_count);
  debug_line("notch: ", name, ": counts nothing for with(): ", counts);
}

// REQUIRES: the lock is held; the values are valid, and `key` is theirs.
notch_series find_or_make_locked(std::uint32_t family, FamilyShape& shape,
                                 std::span<const notch_text> values, const LabelKey& key) noexcept {
  // Another thread may have made it, or it is known by its valid form.
  if (const SeriesEntry* const entry = find(family, values, key); entry != nullptr)
    return handle(*entry);
  return make(family, shape, values, key);
}

// As find_or_make_series(), of a label set that was not found, of as many values as labels. `key`
// is theirs; null if they can have none.
notch_series make_series(std::uint32_t family, FamilyShape& shape,
                         std::span<const notch_text> values, const LabelKey* key,
                         RegistryLock::Wait wait) noexcept {
  attach(Attach::kAgain);
  const RegistryLock lock(wait);
  if (!lock && wait == RegistryLock::Wait::kNot) return {0, nullptr};
  if (!lock || !may_define_locked()) {
    drop(lock ? shm::DropReason::kNoCells : shm::DropReason::kReentered);
    return {0, nullptr};
  }
  notch_text storable[shm::kMaxLabels];
  std::copy(values.begin(), values.end(), storable);
  const std::span<notch_text> stored(storable, values.size());
  bool changed = key == nullptr;
  if (!make_storable(stored, changed))
    return overflow(family, shape, shm::DropReason::kLabelTooLong);
  if (!changed) return find_or_make_locked(family, shape, stored, *key);
  return find_or_make_locked(family, shape, stored, LabelKey(family, stored));
}

}  // namespace

notch_series find_or_make_overflow(std::uint32_t family) noexcept {
  FamilyShape* const shape = find_family(family);
  if (shape == nullptr) return {0, nullptr};
  attach();
  const RegistryLock lock(RegistryLock::Wait::kNot);
  if (!lock || attach_locked() == nullptr) return {0, nullptr};
  return find_overflow(family, *shape);
}

bool find_series(std::uint32_t family, std::span<const notch_text> values,
                 notch_series& series) noexcept {
  const FamilyShape* const shape = find_family(family);
  if (shape == nullptr || values.size() != shape->label_count || !are_storable(values))
    return false;
  const SeriesEntry* const entry = find(family, values, LabelKey(family, values));
  if (entry == nullptr) return false;
  series = handle(*entry);
  return true;
}

notch_series find_or_make_series(std::uint32_t family, std::span<const notch_text> values,
                                 RegistryLock::Wait wait) noexcept {
  FamilyShape* const shape = find_family(family);
  if (shape == nullptr) return {0, nullptr};
  if (values.size() != shape->label_count) {
    refuse_label_count(*shape, values.size());
    return {0, nullptr};
  }
  if (!are_storable(values)) return make_series(family, *shape, values, nullptr, wait);
  const LabelKey key(family, values);
  if (const SeriesEntry* const entry = find(family, values, key); entry != nullptr)
    return handle(*entry);
  return make_series(family, *shape, values, &key, wait);
}

std::uint64_t find_or_make_bucket(const NativeTable& table, std::int32_t bucket,
                                  bool negative) noexcept {
  attach();
  const RegistryLock lock;
  if (lock) {
    const std::uint64_t offset =
        attach_locked() == nullptr ? 0 : make_bucket_locked(table, bucket, negative);
    if (offset == 0) drop(shm::DropReason::kNoCells);
    return offset;
  }
  const std::uint64_t parked = attached_segment() == nullptr
                                   ? 0
                                   : park(wiped()->parked, {&table, bucket, negative ? 1U : 0U});
  if (parked == 0) drop(shm::DropReason::kReentered);
  return parked;
}

std::uint64_t make_bucket_locked(const NativeTable& table, std::int32_t bucket,
                                 bool negative) noexcept {
  std::uint32_t& entry = table.chunks[negative ? 1 : 0][(bucket >> 5) - table.first_chunk];
  std::uint32_t first = shm::read_alone(entry);
  if (first == 0) {
    first = catalogue().take_cells(shm::kChunkBuckets);
    if (first == 0 || !catalogue().begin(sizeof(shm::ChunkRecord))) return 0;
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
  return label_sets <= kMostSeries && catalogue().reserve(cells, label_sets * kSeriesBytes) &&
         make_slots(index.count + label_sets) &&
         private_memory().ready(label_sets * (sizeof(SeriesEntry) + kKeyBytes));
}

}  // namespace notch::client
