// notchd: reads the command line, sets the log up, runs the daemon.
// Called by: systemd, deploy/quickstart, a person.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <exception>

#include "agent/daemon.h"
#include "agent/options.h"

int main(int argc, char** argv) {
  using notch::agent::ExitCode;
  const notch::agent::ParsedOptions parsed = notch::agent::parse_options(argc, argv);
  if (!parsed.run) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == ExitCode::kDone ? stdout : stderr);
    return static_cast<int>(parsed.exit_code);
  }
  spdlog::set_default_logger(spdlog::stderr_logger_st("notchd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  spdlog::set_level(spdlog::level::from_str(parsed.options.log_level));
  try {
    return static_cast<int>(notch::agent::run_daemon(parsed.options));
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return static_cast<int>(ExitCode::kFailed);
  }
}
