// A worker process: threads that do work under spans, and one that exports them.
// Called by: supervisor, in a forked child.
#pragma once

#include <chrono>
#include <cstdint>

#include "client/examples/otlp/endpoint.h"
#include "client/examples/otlp/truth_page.h"

namespace otlp_demo {

struct WorkerPlan {
  Endpoint collector;
  std::chrono::milliseconds export_patience{0};  // with one attempt
  std::uint64_t seed = 0;
  bool native = false;
  TruthSlot* truth = nullptr;
};

// Works until SIGTERM, then brings away what is queued, for two seconds at most. Returns the exit
// code: 0, or kWorkerRefused with a line on stderr if a metric's definition was refused.
// REQUIRES: a process with one thread, in which SIGTERM is blocked.
int run_worker(const WorkerPlan& plan);

inline constexpr int kWorkerRefused = 9;

}  // namespace otlp_demo
