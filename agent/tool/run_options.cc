#include "agent/tool/run_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <string_view>

#include "agent/tool/command_line.h"
#include "agent/tool/run_directory.h"
#include "agent/tool/tool.h"

namespace notch::agent {
namespace {

constexpr std::array<std::string_view, 11> kModules = {
    "io", "net", "dns", "malloc", "locks", "threads", "http", "tls", "malloc_live", "all", "none"};

// Calls `visit` with each part between the commas.
template <class Visit>
void for_each_module(std::string_view list, Visit visit) {
  for (;;) {
    const std::size_t comma = list.find(',');
    visit(list.substr(0, comma));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

std::string check_not_empty(const std::string& text) {
  return text.empty() ? "must not be empty" : "";
}

ParsedRunOptions usage_error(const std::string& what) {
  ParsedRunOptions parsed;
  parsed.exit_code = kToolUsage;
  parsed.text = "notch run: " + what + "\nnotch run --help tells the options.\n";
  return parsed;
}

void add_options(CLI::App& app, RunOptions& options) {
  const CLI::Validator not_empty(check_not_empty, "");
  app.add_option("--service", options.service,
                 "The service label of its metrics (NOTCH_SERVICE). Default: the program's name")
      ->check(not_empty);
  app.add_option("--dir", options.directory, "The agent's directory of segments (NOTCH_DIR)")
      ->check(not_empty);
  app.add_option(
         "--modules", options.modules,
         "What is measured (NOTCH_PRELOAD), of io, net, dns, malloc, locks, threads, http "
         "tls and malloc_live, with commas between; all: all but these two; none. Default: all")
      ->check(CLI::Validator(modules_fault, "LIST"));
  app.add_flag(
      "--tls", options.tls,
      "Measure handshakes and the HTTP inside TLS too, of programs whose OpenSSL is a shared\n"
      "library: preloads libnotch_preload_tls.so. Not seen: a static OpenSSL, node's own,\n"
      "Go, Java, GnuTLS, NSS, and HTTP/2");
  app.add_option("--library", options.library,
                 "The library to preload, instead of the installed one (NOTCH_PRELOAD_LIBRARY)")
      ->check(not_empty);
  app.footer(
      "The options end with --. Where preloading cannot work (a static program, one of another\n"
      "libc, one that gains privileges, one built with a sanitizer) a line on standard error\n"
      "says why, and the program runs without. Its exit status is its own. A line also says what\n"
      "is not seen of one that runs with it: Go's own system calls, all of it where the directory\n"
      "is missing or read-only, what root's programs start as users that the directory is closed "
      "to.\n"
      "What that program starts in turn is not judged. Built with gcc's AddressSanitizer, such a\n"
      "program ends with \"ASan runtime does not come first\": "
      "ASAN_OPTIONS=verify_asan_link_order=0\n"
      "lets it run. A 32-bit one makes the loader say that it ignores the library, and runs.\n"
      "Exit codes: 2 wrong command line, 126 the program cannot be executed,\n"
      "127 the program is not found.");
}

}  // namespace

std::string modules_fault(const std::string& list) {
  std::string fault;
  for_each_module(list, [&](std::string_view module) {
    if (!fault.empty() || std::ranges::find(kModules, module) != kModules.end()) return;
    fault = "\"" + std::string(module) +
            "\" is no module; they are io, net, dns, malloc, locks, threads, http, tls and "
            "malloc_live, or all or none";
  });
  return fault;
}

bool names_tls(std::string_view modules) {
  bool found = false;
  for_each_module(modules, [&](std::string_view module) { found = found || module == "tls"; });
  return found;
}

ParsedRunOptions parse_run_options(std::span<const char* const> arguments) {
  const auto end = std::ranges::find_if(
      arguments, [](const char* argument) { return std::string_view(argument) == "--"; });
  ParsedRunOptions parsed;
  RunOptions& options = parsed.options;
  CLI::App app(
      "Runs a program with its metrics, and becomes it: notch run [OPTIONS] -- PROGRAM "
      "ARGUMENTS...",
      "notch run");
  add_options(app, options);
  try {
    app.parse(reversed_arguments({arguments.begin(), end}));
  } catch (const CLI::CallForHelp&) {
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::ExtrasError&) {
    return usage_error(unknown_argument(app.remaining()) + "; the program stands behind --");
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  if (end != arguments.end()) options.program.assign(end + 1, arguments.end());
  if (options.program.empty()) {
    return usage_error("no program is given: notch run [OPTIONS] -- PROGRAM ARGUMENTS...");
  }
  if (!options.directory.empty()) options.directory = absolute_directory(options.directory);
  // Each of the two says both.
  if (names_tls(options.modules)) options.tls = true;
  if (options.tls && !options.modules.empty() && !names_tls(options.modules)) {
    options.modules += ",tls";
  }
  parsed.run = true;
  return parsed;
}

}  // namespace notch::agent
