#include "agent/options.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "agent/listen_socket.h"

namespace notch::agent {
namespace {

// A CLI11 validator's words: empty if fine.
std::string check_duration(const std::string& text) {
  std::uint64_t seconds = 0;
  return parse_duration_s(text, seconds)
             ? ""
             : "\"" + text + "\" is not a duration such as 90s, 15m, 6h or 7d";
}

// CLI11 itself would take -1 for 2^64 - 1.
std::string check_count(const std::string& text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  return error == std::errc() && stop == end ? "" : "\"" + text + "\" is not a whole number";
}

// An option for a number of things.
template <class Number>
CLI::Option* add_count(CLI::App& app, const char* name, Number& value, const char* description) {
  return app.add_option(name, value, description)
      ->check(CLI::Validator(check_count, "COUNT"))
      ->capture_default_str();
}

void add_limits(CLI::App& app, Options& options) {
  SegmentLimits& limits = options.collect.limits;
  add_count(app, "--limit.segments", limits.total.segments, "Segments in all");
  add_count(app, "--limit.bytes", limits.total.bytes, "Memory of all segments, in bytes");
  add_count(app, "--limit.series", limits.total.series, "Series of all segments");
  add_count(app, "--limit.segments-per-uid", limits.per_uid.segments, "Segments of one user");
  add_count(app, "--limit.bytes-per-uid", limits.per_uid.bytes,
            "Memory of one user's segments, in bytes");
  add_count(app, "--limit.series-per-uid", limits.per_uid.series, "Series of one user's segments");
  add_count(app, "--limit.dead-rows", options.collect.tally.max_dead_rows,
            "Rows kept of dead processes; past it they go to a row overflow=\"true\"");
}

void add_web(CLI::App& app, Options& options) {
  app.add_option("--listen,--web.listen-address", options.http.listen,
                 "ADDRESS:PORT to serve on; may be given several times")
      ->check(CLI::Validator(listen_address_fault, "ADDRESS"))
      ->capture_default_str();
  app.add_option("--web.telemetry-path", options.metrics_path, "Path of the exposition")
      ->capture_default_str();
  app.add_option(
      "--web.config.file", options.http.web_config_file,
      "TLS and basic authentication, as the Prometheus exporter-toolkit has them (YAML)");
  app.add_flag("--web.systemd-socket", options.http.systemd_sockets,
               "Serve on the sockets systemd passes, instead of --listen");
  add_count(app, "--web.max-requests", options.http.max_requests,
            "Scrapes served at one time; more get 503. 0: no limit");
}

ParsedOptions usage_error(const std::string& what) {
  ParsedOptions parsed;
  parsed.exit_code = ExitCode::kUsage;
  parsed.text = "notchd: " + what + "\nnotchd --help tells the options.\n";
  return parsed;
}

}  // namespace

bool parse_duration_s(const std::string& text, std::uint64_t& seconds) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop == text.data()) return false;
  const std::string unit(stop, end);
  const std::uint64_t scale = unit.empty() || unit == "s" ? 1
                              : unit == "m"               ? 60
                              : unit == "h"               ? 3600
                              : unit == "d"               ? 86400
                                                          : 0;
  if (scale == 0 || value > UINT64_MAX / 1000 / scale) return false;
  seconds = value * scale;
  return true;
}

ParsedOptions parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  CLI::App app("notchd adds up the metrics of this host's processes and serves them to Prometheus.",
               "notchd");
  app.set_version_flag("--version", std::string("notchd ") + NOTCH_AGENT_VERSION);
  app.footer(
      "Exit codes: 0 ended in order, 1 failed while running, 2 wrong command line,\n"
      "3 the directory or the ledger cannot be used or another agent has it,\n"
      "4 an address cannot be served on, or the web configuration is wrong.");
  app.add_option("--dir", options.directory,
                 "Directory of the segments, on tmpfs; made if missing. Default: /run/notch, else "
                 "/dev/shm/notch")
      ->check(CLI::Validator(
          [](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, ""));
  add_web(app, options);
  app.add_flag("--per-process", options.collect.tally.per_process,
               "One row per process, with a label pid, instead of sums per service");
  std::string retention = "7d";
  std::string linger = "5m";
  const CLI::Validator duration(check_duration, "DURATION");
  app.add_option("--retention", retention,
                 "How long a series stays that no living process has; 0: for ever")
      ->check(duration)
      ->capture_default_str();
  app.add_option("--linger", linger, "With --per-process: how long a dead process's rows stay")
      ->check(duration)
      ->capture_default_str();
  add_limits(app, options);
  app.add_option("--sweep-ms", options.sweep_ms,
                 "Milliseconds between two looks for dead processes")
      ->check(CLI::Range(10U, 60'000U))
      ->capture_default_str();
  app.add_option("--log.level", options.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::CallForVersion& version) {
    parsed.text = std::string(version.what()) + "\n";
    return parsed;
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  parse_duration_s(retention, options.collect.retention_s);
  parse_duration_s(linger, options.collect.linger_s);
  if (options.metrics_path.empty() || options.metrics_path.front() != '/' ||
      options.metrics_path == "/") {
    return usage_error("--web.telemetry-path: \"" + options.metrics_path +
                       "\" must start with / and be more than /");
  }
  parsed.run = true;
  return parsed;
}

}  // namespace notch::agent
