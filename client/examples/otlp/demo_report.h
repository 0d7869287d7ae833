// The result of a run, as JSON. Called by: supervisor fills it, otlp_demo.cc writes it;
// deploy/compare_spans compares it with an exposition.
#pragma once

#include <cstdint>
#include <string>

#include "client/examples/otlp/truth_page.h"

namespace otlp_demo {

struct DemoReport {
  std::uint64_t seed = 0;
  double seconds = 0;
  std::uint64_t workers_started = 0;
  std::uint64_t workers_ready = 0;     // of these, those that had defined their metrics
  std::uint64_t workers_attached = 0;  // of these, those an agent can see
  std::uint64_t workers_killed = 0;    // by SIGKILL, at random
  std::uint64_t workers_replaced = 0;
  std::uint64_t workers_forced = 0;  // killed at the end because they would not stop
  std::uint64_t workers_died = 0;    // of themselves: a fault
  std::uint64_t collectors_started = 0;
  std::uint64_t collectors_died = 0;
  std::uint64_t spans_taken = 0;    // by our own collectors; twice if sent twice
  std::uint64_t spans_refused = 0;  // by their partial successes
  TruthTotals truth;
};

// {"seed": .., "processes": {..}, "collectors": {..}, "counters": [{"metric", "labels", "at_least", "at_most"}, ..]}.
// at_most exceeds at_least by what was in doubt when its process was killed.
std::string to_json(const DemoReport& report);

// False with errno set. The file is whole or is not there.
bool write_file(const std::string& path, const std::string& text);

}  // namespace otlp_demo
