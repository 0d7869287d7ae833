// The names a family takes up in OpenMetrics, where the rules are strictest.
// Called by: family_table, merge_families, exposition_text, page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/family/family.h"

namespace notch::agent {

// The name without a counter's _total: the family's name to OpenMetrics.
std::string_view base_name(const Family& family) noexcept;

// A counter by type whose name does not say so; OpenMetrics has to call it unknown.
bool lacks_total(const Family& family) noexcept;

// The family's own name first, then those that its type adds.
std::vector<std::string> sample_names(const Family& family);

}  // namespace notch::agent
