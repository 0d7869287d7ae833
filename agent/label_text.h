// Label text as snapshots carry it: `a="x",b="y"`, escaped as text 0.0.4 escapes label values.
// Called by: binder, tally, the agent's own sources.
//
// Invariants
//   X1  What append_label() writes is valid UTF-8, whatever the value holds.
//   X2  An empty value writes nothing: to Prometheus an empty label is no label.
#pragma once

#include <string>
#include <string_view>

namespace notch::agent {

// Adds `name="value"` to `out`, after a comma unless `out` is empty. REQUIRES: a valid name.
void append_label(std::string& out, std::string_view name, std::string_view value);

}  // namespace notch::agent
