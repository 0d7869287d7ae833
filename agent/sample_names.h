// Every name a family takes up in OpenMetrics, where the rules are strictest.
// Called by: family_table, merge_families.
#pragma once

#include <string>
#include <vector>

#include "agent/family.h"

namespace notch::agent {

// The family's own name first, then those that its type adds.
std::vector<std::string> sample_names(const Family& family);

}  // namespace notch::agent
