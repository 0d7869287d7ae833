// The flags that say which of the host's things are shown: node_exporter's names, defaults and meaning.
// Called by: options.
#pragma once

#include "agent/host/host_options.h"

namespace CLI {
class App;
}  // namespace CLI

namespace notch::agent {

// A pattern that is no regular expression, and an --...-exclude beside an --...-include, end the
// parsing with CLI::ValidationError. A lone --...-include takes the place of the default exclusion.
// `patterns` outlives the parsing.
void add_filter_options(CLI::App& app, HostPatterns& patterns);

}  // namespace notch::agent
