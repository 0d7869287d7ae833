#include "client/examples/otlp/demo_options.h"

#include <getopt.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <utility>

namespace otlp_demo {
namespace {

constexpr std::size_t kMaxWorkers = 64;
constexpr double kMaxSeconds = 1e6;

constexpr char kHelpText[] =
    R"(usage: otlp_demo [--workers N] [--kill-every SECONDS] [--for SECONDS] [--seed N]
                 [--report FILE] [--native] [--endpoint URL]
       otlp_demo --health

A service of many processes that make spans and export them over OTLP/HTTP, in protobuf, to a
collector of its own, which is at times slow, refuses or dies, or to another. Its metrics, otlp_*, go
to the agent that watches NOTCH_DIR.

  --workers N           worker processes, 1 to 64 (default 4)
  --kill-every SECONDS  kill a random worker with SIGKILL about that often and start another;
                        0, the default: never
  --for SECONDS         end after so long; 0, the default: on SIGTERM or SIGINT
  --seed N              of all random choices; printed at the start (default: a random one)
  --report FILE         write what the workers themselves counted, as JSON, at the end
  --native              export latency as a native histogram too
  --endpoint URL        export to URL/v1/traces, and start no collector; an http:// URL
  --health              run nothing: say whether a demonstration that runs beside this process, of
                        the same user, is counted; for a container's health check
  --help                this text

Environment, as OpenTelemetry has it: without --endpoint, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is the URL
that spans are posted to, else OTEL_EXPORTER_OTLP_ENDPOINT the one before /v1/traces.
OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, else OTEL_EXPORTER_OTLP_TIMEOUT, is how many milliseconds an attempt
may take there (default: 10000). OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, else OTEL_EXPORTER_OTLP_PROTOCOL,
can only be http/protobuf.

Exit: 0 ended in order, 1 a worker died that nobody killed, or would not stop,
      2 wrong usage, 3 could not start, 4 the report could not be written,
      5 with --health: none runs, or none of its processes has a segment.
)";

constexpr std::array<option, 10> kFlags{{{"workers", required_argument, nullptr, 'w'},
                                         {"kill-every", required_argument, nullptr, 'k'},
                                         {"for", required_argument, nullptr, 'f'},
                                         {"seed", required_argument, nullptr, 's'},
                                         {"report", required_argument, nullptr, 'r'},
                                         {"native", no_argument, nullptr, 'n'},
                                         {"endpoint", required_argument, nullptr, 'e'},
                                         {"health", no_argument, nullptr, 'c'},
                                         {"help", no_argument, nullptr, 'h'},
                                         {nullptr, 0, nullptr, 0}}};

template <class T>
bool parse_number(const char* text, T least, T most, T& out) {
  const char* const end = text + std::strlen(text);
  T number{};
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stop != end || !(number >= least && number <= most)) return false;
  out = number;
  return true;
}

bool parse_seconds(const char* text, std::chrono::milliseconds& out) {
  double seconds = 0;
  if (!parse_number(text, 0.0, kMaxSeconds, seconds)) return false;
  out = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3));
  return true;
}

bool take_flag(int flag, const char* text, DemoOptions& options) {
  switch (flag) {
    case 'w':
      return parse_number<std::size_t>(text, 1, kMaxWorkers, options.workers);
    case 'k':
      return parse_seconds(text, options.kill_every);
    case 'f':
      return parse_seconds(text, options.run_for);
    case 's':
      return parse_number<std::uint64_t>(text, 0, UINT64_MAX, options.seed);
    case 'r':
      options.report = text;
      return !options.report.empty();
    case 'e':
      options.endpoint = text;
      return !options.endpoint.empty();
    case 'c':
      options.health = true;
      return true;
    default:
      options.native = true;
      return true;
  }
}

}  // namespace

std::variant<DemoOptions, int> parse_options(int argc, char** argv) {
  DemoOptions options;
  options.seed = std::random_device()();
  for (int index = 0;;) {
    const int flag = getopt_long(argc, argv, "", kFlags.data(), &index);
    if (flag == -1) break;
    if (flag == 'h') {
      std::fputs(kHelpText, stdout);
      return kExitOk;
    }
    if (flag == '?') return kExitUsage;  // getopt has said why
    if (!take_flag(flag, optarg, options)) {
      std::fprintf(stderr, "otlp_demo: --%s does not take \"%s\" (see --help)\n",
                   kFlags[static_cast<std::size_t>(index)].name, optarg);
      return kExitUsage;
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "otlp_demo: takes no argument \"%s\" (see --help)\n", argv[optind]);
    return kExitUsage;
  }
  auto target = export_target(options.endpoint, [](const char* name) { return std::getenv(name); });
  if (const auto* const problem = std::get_if<std::string>(&target)) {
    std::fprintf(stderr, "otlp_demo: %s\n", problem->c_str());
    return kExitUsage;
  }
  options.target = std::get<ExportTarget>(std::move(target));
  return options;
}

}  // namespace otlp_demo
