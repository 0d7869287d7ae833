#include "client/registry.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "client/bucket_tables.h"
#include "client/capacity.h"
#include "client/catalogue.h"
#include "client/debug_line.h"
#include "client/drops.h"
#include "client/name_rules.h"
#include "client/private_memory.h"
#include "client/process.h"
#include "client/registry_lock.h"
#include "client/text_view.h"
#include "shm/memory_order.h"
#include "shm/series_cells.h"

namespace notch::client {
namespace {

constexpr std::uint32_t kBlockFamilies = 64;
constexpr std::size_t kDefaultSeriesLimit = 2000;

struct Registry {
  FamilyShape* blocks[kMostFamilies / kBlockFamilies + 1] = {};  // made as they are needed
  std::uint32_t count = 0;                                       // [tag: family-count]
};

constinit Registry registry;

FamilyShape& family_at(std::uint32_t index) noexcept {
  return registry.blocks[index / kBlockFamilies][index % kBlockFamilies];
}

shm::FamilyRecord record_of(const FamilyShape& family) noexcept {
  shm::FamilyRecord record;
  std::memcpy(&record, catalogue().record(family.record), sizeof record);
  return record;
}

std::string_view label_name(const FamilyShape& family, std::size_t index) noexcept {
  std::uint32_t offset = 0;
  std::memcpy(&offset, catalogue().record(family.record) + sizeof(shm::FamilyRecord) + index * 4,
              4);
  return catalogue().string(offset);
}

bool same_bounds(const FamilyShape& family, const notch_definition& definition) noexcept {
  if (definition.type != NOTCH_HISTOGRAM) return true;
  const std::span<const double> bounds(definition.bounds, definition.bound_count);
  return std::equal(bounds.begin(), bounds.end(), family.buckets->upper,
                    family.buckets->upper + family.buckets->count);
}

// The rule that a second definition breaks, or null if it says the same. The first help stays.
const char* difference(const FamilyShape& family, const notch_definition& definition) noexcept {
  const shm::FamilyRecord record = record_of(family);
  if (record.type != definition.type) return "already defined with another type";
  if (record.number != definition.number) {
    return "already defined with another type of number (whole or float)";
  }
  if (record.gauge_mode != definition.gauge_mode) return "already defined with another gauge mode";
  if (catalogue().string(record.unit) != view(definition.unit))
    return "already defined with another unit";
  if (record.schema != definition.schema || record.zero_threshold != definition.zero_threshold ||
      !same_bounds(family, definition)) {
    return "already defined with other buckets";
  }
  if (record.label_count != definition.label_count) return "already defined with other labels";
  for (std::size_t i = 0; i < definition.label_count; ++i) {
    if (label_name(family, i) != view(definition.label_names[i]))
      return "already defined with other labels";
  }
  return nullptr;
}

// Its id, or 0.
std::uint32_t find_by_name(std::string_view name) noexcept {
  for (std::uint32_t i = 0; i < registry.count; ++i) {
    if (family_name(family_at(i)) == name) return i + 1;
  }
  return 0;
}

// Memory for one family more.
bool make_room() noexcept {
  FamilyShape*& block = registry.blocks[registry.count / kBlockFamilies];
  if (block == nullptr) {
    block = static_cast<FamilyShape*>(private_memory().take(kBlockFamilies * sizeof(FamilyShape)));
  }
  return block != nullptr;
}

std::uint64_t record_bytes(const notch_definition& definition) noexcept {
  std::uint64_t bytes = sizeof(shm::FamilyRecord) + 4 * definition.label_count + 8;
  for (std::size_t i = 0; i < definition.label_count; ++i) {
    bytes += Catalogue::string_bytes(view(definition.label_names[i]));
  }
  bytes += Catalogue::string_bytes(view(definition.name)) +
           Catalogue::string_bytes(view(definition.help)) +
           Catalogue::string_bytes(view(definition.unit));
  return bytes + sizeof(shm::BoundsRecord) + definition.bound_count * sizeof(double);
}

void write_record(const notch_definition& definition, FamilyShape& family) noexcept {
  shm::FamilyRecord record{};
  record.type = static_cast<std::uint8_t>(definition.type);
  record.number = static_cast<std::uint8_t>(definition.number);
  record.gauge_mode = static_cast<std::uint8_t>(definition.gauge_mode);
  record.schema = static_cast<std::int8_t>(definition.schema);
  record.zero_threshold = definition.zero_threshold;
  record.quiet_labels = definition.quiet_labels;
  record.name = catalogue().add_string(view(definition.name));
  record.help = catalogue().add_string(view(definition.help));
  record.unit = catalogue().add_string(view(definition.unit));
  if (definition.type == NOTCH_HISTOGRAM) {
    record.bounds = catalogue().add_bounds({family.buckets->upper, family.buckets->count});
  }
  std::uint32_t names[shm::kMaxLabels];
  for (std::size_t i = 0; i < definition.label_count; ++i) {
    names[i] = catalogue().add_string(view(definition.label_names[i]));
  }
  family.record = catalogue().pending_offset();
  family.id = catalogue().add_family(record, {names, definition.label_count});
  catalogue().commit();
}

// A definition that passed the rules, and is not there yet. REQUIRES: the lock is held, attached.
std::uint32_t add_family(const notch_definition& definition, notch_error& error) noexcept {
  const BucketTable* buckets = nullptr;
  if (definition.type == NOTCH_HISTOGRAM)
    buckets = make_bucket_table({definition.bounds, definition.bound_count}, private_memory());
  const bool no_table = definition.type == NOTCH_HISTOGRAM && buckets == nullptr;
  if (no_table || !make_room() || !catalogue().begin(record_bytes(definition))) {
    refuse(error, NOTCH_NO_SPACE, definition.name, "no room in the segment for another definition");
    return 0;
  }
  FamilyShape& family = family_at(registry.count);
  family = FamilyShape{};
  family.buckets = buckets;
  family.type = definition.type;
  family.number = definition.number;
  family.gauge_mode = definition.gauge_mode;
  family.schema = definition.schema;
  family.label_count = static_cast<std::uint32_t>(definition.label_count);
  family.cell_count =
      shm::series_cells(static_cast<shm::FamilyType>(definition.type),
                        static_cast<shm::GaugeMode>(definition.gauge_mode), definition.bound_count);
  family.zero_threshold = definition.zero_threshold;
  const std::size_t limit =
      definition.series_limit != 0 ? definition.series_limit : kDefaultSeriesLimit;
  family.series_limit = limit < kMostSeries ? static_cast<std::uint32_t>(limit) : kMostSeries;
  write_record(definition, family);
  // [tag: family-count] Publishes the family's fields; else a thread without the lock, with its id,
  // could read one that is not written yet.
  shm::publish(registry.count, registry.count + 1);
  return registry.count;
}

}  // namespace

std::string_view family_name(const FamilyShape& family) noexcept {
  return catalogue().string(record_of(family).name);
}

FamilyShape* find_family(std::uint32_t family) noexcept {
  if (family == 0 || family > shm::observe(registry.count)) return nullptr;  // [tag: family-count]
  return &family_at(family - 1);
}

std::uint32_t define_family(const notch_definition& definition, notch_error& error) noexcept {
  attach(Attach::kAgain);
  const RegistryLock lock;
  if (!lock) {
    drop(shm::DropReason::kReentered);
    refuse(error, NOTCH_INVALID_ARGUMENT, definition.name,
           "defined in a signal handler during a definition");
    return 0;
  }
  if (judge_definition(definition, error) != NOTCH_OK) {
    drop(shm::DropReason::kInvalidDefinition);
    debug_line("notch: refused: ", error.message);
    return 0;
  }
  if (!may_define_locked()) {
    refuse(error, NOTCH_NO_SPACE, definition.name, "no memory to count in");
    return 0;
  }
  if (const std::uint32_t known = find_by_name(view(definition.name)); known != 0) {
    const char* const message = difference(family_at(known - 1), definition);
    if (message == nullptr) return known;
    drop(shm::DropReason::kConflict);
    refuse(error, NOTCH_CONFLICT, definition.name, message);
    debug_line("notch: refused: ", error.message);
    return 0;
  }
  if (registry.count >= kMostFamilies) {
    drop(shm::DropReason::kCatalogueFull);
    refuse(error, NOTCH_NO_SPACE, definition.name, "a process has at most 4095 families");
    return 0;
  }
  const std::uint32_t family = add_family(definition, error);
  if (family == 0) drop(shm::DropReason::kCatalogueFull);
  notch_error advice;
  if (family != 0 && debugging() && advise(definition, advice))
    debug_line("notch: advice: ", advice.message);
  return family;
}

}  // namespace notch::client
