// The families of this process: defined once, found again by name, compared on a second definition.
// Called by: abi.cc; series_index asks for a family's shape.
//
// Invariants
//   G1  Families [0, count) never change, but for what is marked "under the lock".
//   G2  Everything is append-only; a child forked in between sees a registry without the last
//   family.
#pragma once

#include <cstdint>

#include "client/include/notch/abi.h"
#include "client/include/notch/bucket_table.h"
#include "client/private_memory.h"

namespace notch::client {

struct FamilyShape {
  std::uint32_t id;  // in the catalogue
  std::uint32_t record;
  std::uint32_t type;
  std::uint32_t number;
  std::uint32_t gauge_mode;
  std::int32_t schema;
  std::uint32_t label_count;
  std::uint32_t cell_count;  // of a new series
  std::uint32_t series_limit;
  double zero_threshold;
  const BucketTable* buckets;

  // Under the lock.
  std::uint32_t series_count;
  std::uint32_t overflow_series;  // index + 1, 0: none yet
};

// Address space for families and tables. False if there is none.
bool prepare_registry() noexcept;

// As notch_v1_define.
std::uint32_t define_family(const notch_definition& definition, notch_error& error) noexcept;

// Null if there is no family of this id (from define_family).
FamilyShape* find_family(std::uint32_t family) noexcept;

// Tables of families and series live here. Under the lock.
PrivateMemory& private_memory() noexcept;

}  // namespace notch::client
