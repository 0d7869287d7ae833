#include "agent/tool/ready_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "agent/files/unix_address.h"
#include "agent/tool/command_line.h"
#include "agent/tool/tool.h"

namespace notch::agent {
namespace {

bool split_address(const std::string& address, ReadyOptions& options) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) return false;
  options.host = address.substr(0, colon);
  options.port = address.substr(colon + 1);
  if (options.host.front() == '[' && options.host.back() == ']') {
    options.host = options.host.substr(1, options.host.size() - 2);
  } else if (options.host.find_first_of(":[]") != std::string::npos) {
    return false;
  }
  return !options.host.empty() && options.port.size() <= 5 &&
         options.port.find_first_not_of("0123456789") == std::string::npos;
}

// Fills `options`, or gives the rule that `address` breaks.
std::string take_address(const std::string& address, ReadyOptions& options) {
  if (const auto name = unix_name(address)) {
    options.socket = *name;
    return unix_name_fault(*name);
  }
  return split_address(address, options) ? "" : "want ADDRESS:PORT, [IPV6]:PORT or unix:PATH";
}

ParsedReadyOptions usage_error(const std::string& what) {
  ParsedReadyOptions parsed;
  parsed.exit_code = kToolUsage;
  parsed.text = "notch ready: " + what + "\nnotch ready --help lists the options.\n";
  return parsed;
}

}  // namespace

ParsedReadyOptions parse_ready_options(std::span<const char* const> arguments) {
  ParsedReadyOptions parsed;
  std::string address = "127.0.0.1:9464";
  CLI::App app("Asks an agent whether it is ready, over HTTP without TLS or password.",
               "notch ready");
  app.add_option("--address", address,
                 "ADDRESS:PORT, [IPV6]:PORT or unix:PATH that the agent serves on")
      ->capture_default_str();
  app.add_option("--timeout-s", parsed.options.timeout_s, "Seconds to wait for the answer")
      ->check(CLI::Range(1U, 60U))
      ->capture_default_str();
  app.footer(
      "Exit codes: 0 the agent is ready, 1 it is not ready or does not answer,\n"
      "2 wrong command line.");
  try {
    app.parse(reversed_arguments(arguments));
  } catch (const CLI::CallForHelp&) {
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::ExtrasError&) {
    return usage_error(unknown_argument(app.remaining()));
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (const std::string fault = take_address(address, parsed.options); !fault.empty()) {
    return usage_error("--address: \"" + address + "\": " + fault);
  }
  parsed.run = true;
  return parsed;
}

}  // namespace notch::agent
