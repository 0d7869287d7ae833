// Judges what a segment says of a family by the rules of Prometheus, and makes the agent's own
// definition of it: names checked, help and unit made valid, label names in their final words.
// Called by: binder.
//
// Invariants
//   MN1  A judged family keeps FM1 and FM2 of family.h.
//   MN2  Label columns stand in the order of their names: the text of one label set is the same for
//        every process, however each of them ordered its labels, so no row stands twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/family/conflict.h"
#include "agent/family/family.h"
#include "shm/segment_reader.h"

namespace notch::agent {

// [a-zA-Z_:][a-zA-Z0-9_:]*
bool is_metric_name(std::string_view name) noexcept;

// [a-zA-Z_][a-zA-Z0-9_]*
bool is_label_name(std::string_view name) noexcept;

// Names that the exposition or the scraper writes itself: __*, le, quantile.
bool is_reserved_label(std::string_view name) noexcept;

struct LabelColumn {
  std::string name;         // as exposed
  std::uint32_t value = 0;  // which of the series' label values
};

struct JudgedFamily {
  Conflict fault = Conflict::kNone;  // if any, the rest is not to be used
  Family family;
  std::vector<LabelColumn> columns;
  std::uint32_t quiet_labels = 0;  // those with a smaller `value` name the group; 0: none
};

// The labels the agent itself puts in front are `service`, and `pid` if `with_pid` or if the
// gauge's mode is each; an application's label of that name becomes exported_service, exported_pid.
JudgedFamily judge_family(const shm::FamilyEntry& entry, bool with_pid);

}  // namespace notch::agent
