// Why a family or a series of a segment is not in the tally, or is there under another's words.
// Made by: metric_names, tally, binder. Read by: collect's statistics.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace notch::agent {

enum class Conflict : std::uint8_t {
  kNone = 0,

  // Left out: the definition breaks a rule.
  kMetricName,     // not [a-zA-Z_:][a-zA-Z0-9_:]*
  kLabelName,      // not [a-zA-Z_][a-zA-Z0-9_]*
  kReservedLabel,  // __*, le or quantile
  kRepeatedLabel,  // one label name twice
  kDefinition,     // a type, number, schema or bounds that do not go together

  // Left out: the name is in force with another definition.
  kType,
  kNumber,
  kGaugeMode,
  kSchema,  // or zero threshold
  kBounds,
  kSampleName,    // a sample of its would bear another family's name, as x_count of a histogram x
  kReservedName,  // or one of the agent's own

  // Left out: a limit.
  kFamilyLimit,
  kFamilyLimitPerUser,
  kSeriesLimit,
  kPageLimit,        // the text of its row, in one segment, of one user or in all
  kCells,            // more cells than the segment has: series that share cells
  kImpossibleCount,  // a bucket that no process can have counted (count_limits.h)

  // Merged under the first words.
  kHelp,
  kUnit,
};

inline constexpr std::size_t kConflicts = 21;

using ConflictCounts = std::array<std::uint64_t, kConflicts>;  // by Conflict

constexpr bool is_family_limit(Conflict conflict) noexcept {
  return conflict == Conflict::kFamilyLimit || conflict == Conflict::kFamilyLimitPerUser;
}

// True if series or chunks of families in force were left out for a limit.
constexpr bool has_left_out_series(const ConflictCounts& counts) noexcept {
  for (const Conflict limit : {Conflict::kSeriesLimit, Conflict::kPageLimit, Conflict::kCells}) {
    if (counts[static_cast<std::size_t>(limit)] != 0) return true;
  }
  return false;
}

// As used in the `reason` label; never null.
constexpr const char* conflict_name(Conflict conflict) noexcept {
  constexpr const char* kNames[kConflicts] = {
      "none",         "metric_name", "label_name",    "reserved_label",   "repeated_label",
      "definition",   "type",        "number",        "gauge_mode",       "schema",
      "bounds",       "sample_name", "reserved_name", "family_limit",     "family_limit_per_uid",
      "series_limit", "page_bytes",  "cells",         "impossible_count", "help",
      "unit"};
  return kNames[static_cast<std::size_t>(conflict)];
}

}  // namespace notch::agent
