// Why a family or a series of a segment is not in the tally, or is there under another's words.
// Made by: metric_names, tally, binder. Read by: collect's statistics.
#pragma once

#include <cstddef>
#include <cstdint>

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

  // Left out: a limit.
  kFamilyLimit,
  kSeriesLimit,
  kCells,  // more cells than the segment has: series that share cells

  // Merged under the first words.
  kHelp,
  kUnit,
};

inline constexpr std::size_t kConflicts = 16;

// As used in the `reason` label; never null.
constexpr const char* conflict_name(Conflict conflict) noexcept {
  constexpr const char* kNames[kConflicts] = {
      "none",           "metric_name", "label_name", "reserved_label",
      "repeated_label", "definition",  "type",       "number",
      "gauge_mode",     "schema",      "bounds",     "family_limit",
      "series_limit",   "cells",       "help",       "unit"};
  return kNames[static_cast<std::size_t>(conflict)];
}

}  // namespace notch::agent
