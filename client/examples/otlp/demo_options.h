// The flags of otlp_demo. Called by: otlp_demo.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "client/examples/otlp/export_target.h"

namespace otlp_demo {

struct DemoOptions {
  std::size_t workers = 4;
  std::chrono::milliseconds kill_every{0};  // 0: none is killed
  std::chrono::milliseconds run_for{0};     // 0: until SIGTERM or SIGINT
  std::uint64_t seed = 0;
  std::string report;    // empty: none
  std::string endpoint;  // as given; empty: the environment's
  ExportTarget target;   // what follows from both
  bool native = false;
  bool health = false;  // only look whether one that runs is counted
};

// Exit codes. kHelpText says the same in words.
inline constexpr int kExitOk = 0;
inline constexpr int kExitRan = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNoStart = 3;
inline constexpr int kExitNoReport = 4;
inline constexpr int kExitNotCounted = 5;

// The options, or the exit code when there is nothing to run; what there is to say was printed.
std::variant<DemoOptions, int> parse_options(int argc, char** argv);

}  // namespace otlp_demo
