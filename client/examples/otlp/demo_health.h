// Whether a demonstration that runs beside this process is counted. Called by: otlp_demo.cc, for --health.
#pragma once

#include <string>

namespace otlp_demo {

struct DemoHealth {
  bool counted = false;
  std::string words;  // what was found, for a person
};

// Looks at the processes of this program that this process may see (so: of the same container and user): counted if
// one of them has a segment mapped whose file is still in its directory. Cost: one pass over /proc.
DemoHealth demo_health();

}  // namespace otlp_demo
