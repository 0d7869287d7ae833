// The rules for names of metrics and labels: Prometheus's own, and the practices of its community. Called by: registry, once per definition.
#pragma once

#include "client/include/notch/abi.h"

namespace notch::client {

// Judges name, help, unit, label names, bounds, schema. Returns NOTCH_OK, or the rule's code with a
// message in `error` that names the metric and the rule. No allocation.
int judge_definition(const notch_definition& definition, notch_error& error) noexcept;

// True if the definition is valid but does not follow Prometheus's practices: `advice` then says what
// they are. It is no refusal: names that dashboards know already must be possible. REQUIRES: the
// definition was judged, and is NOTCH_OK.
bool advise(const notch_definition& definition, notch_error& advice) noexcept;

// Writes "NAME": MESSAGE, cut to the error's size; bytes that do not print become '?'.
int refuse(notch_error& error, int code, notch_text name, const char* message) noexcept;

}  // namespace notch::client
