// The families of this process: defined once, found again by name, compared on a second definition.
// Called by: abi.cc; series_index asks for a family's shape.
//
// Invariants
//   RG1  Families [0, count) never change, except for the fields marked "under the lock".
//   RG2  Everything is append-only; a child forked in between sees a registry without the last
//        family.
#pragma once

#include <cstdint>
#include <string_view>

#include "client/include/notch/abi.h"
#include "client/include/notch/bucket_table.h"

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
  bool said_label_count;  // the line about a wrong number of labels was printed
  notch_series overflow;  // {0, null}: none yet
};

// As notch_v1_define.
std::uint32_t define_family(const notch_definition& definition, notch_error& error) noexcept;

// Null if there is no family of this id (from define_family).
FamilyShape* find_family(std::uint32_t family) noexcept;

// A family's name, as it was defined.
std::string_view family_name(const FamilyShape& family) noexcept;

}  // namespace notch::client
