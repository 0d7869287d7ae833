// A service of many processes that make spans and export them, with all its metrics in Notch:
// a supervisor, a collector, and workers that are killed and replaced. See --help.
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <variant>

#include "client/examples/otlp/demo_health.h"
#include "client/examples/otlp/demo_options.h"
#include "client/examples/otlp/demo_report.h"
#include "client/examples/otlp/supervisor.h"

namespace {

void print_summary(const otlp_demo::DemoReport& report) {
  std::uint64_t created = 0;
  std::uint64_t in_doubt = 0;
  for (std::size_t i = otlp_demo::kCreatedBase; i < otlp_demo::kEndedBase; ++i) {
    created += report.truth.at_least[i];
    in_doubt += report.truth.at_most[i] - report.truth.at_least[i];
  }
  std::printf("otlp_demo: %.1f s, %" PRIu64 " workers, %" PRIu64 " killed, %" PRIu64
              " replaced, collector died %" PRIu64 " times\n",
              report.seconds, report.workers_started, report.workers_killed,
              report.workers_replaced, report.collectors_died);
  std::printf("otlp_demo: %" PRIu64 " spans created, and %" PRIu64
              " in doubt because their process was killed while counting\n",
              created, in_doubt);
  if (report.workers_attached < report.workers_ready) {
    std::fprintf(stderr,
                 "otlp_demo: %" PRIu64 " of %" PRIu64
                 " workers had no segment an agent could read; set NOTCH_DIR, or NOTCH_DEBUG=1 to "
                 "see why\n",
                 report.workers_ready - report.workers_attached, report.workers_ready);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = otlp_demo::parse_options(argc, argv);
  if (const int* const exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& options = std::get<otlp_demo::DemoOptions>(parsed);
  if (options.health) {
    const otlp_demo::DemoHealth health = otlp_demo::demo_health();
    std::printf("otlp_demo: %s\n", health.words.c_str());
    return health.counted ? otlp_demo::kExitOk : otlp_demo::kExitNotCounted;
  }

  otlp_demo::Supervisor supervisor(options);
  if (supervisor.problem()) {
    std::fprintf(stderr, "otlp_demo: %s\n", supervisor.problem()->c_str());
    return otlp_demo::kExitNoStart;
  }
  std::printf("otlp_demo: %zu workers, seed %" PRIu64 "\n", options.workers, options.seed);
  std::fflush(stdout);
  const otlp_demo::DemoReport report = supervisor.run();
  print_summary(report);
  if (!options.report.empty() &&
      !otlp_demo::write_file(options.report, otlp_demo::to_json(report))) {
    std::fprintf(stderr, "otlp_demo: cannot write %s: %s\n", options.report.c_str(),
                 std::strerror(errno));
    return otlp_demo::kExitNoReport;
  }
  const bool in_order = report.workers_died == 0 && report.workers_forced == 0;
  return in_order ? otlp_demo::kExitOk : otlp_demo::kExitRan;
}
