// The moment at hand, by all clocks that the agent goes by. Called by: daemon and its parts.
#pragma once

#include "agent/tally/tally_options.h"

namespace notch::agent {

Moment moment_now();

}  // namespace notch::agent
