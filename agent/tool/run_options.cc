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
  parsed.text = "notch run: " + what + "\nnotch run --help lists the options.\n";
  return parsed;
}

void add_options(CLI::App& app, RunOptions& options) {
  const CLI::Validator not_empty(check_not_empty, "");
  app.add_option("--service", options.service,
                 "The service label of the program (NOTCH_SERVICE). Default: the program's name")
      ->check(not_empty);
  app.add_option("--dir", options.directory, "The agent's directory of segments (NOTCH_DIR)")
      ->check(not_empty);
  app.add_option(
         "--modules", options.modules,
         "The modules to use (NOTCH_PRELOAD), separated by commas: io, net, dns, malloc, locks, "
         "threads, http, tls, malloc_live; all: all but the last two; none. Default: all")
      ->check(CLI::Validator(modules_fault, "LIST"));
  app.add_flag(
      "--tls", options.tls,
      "Measure handshakes and HTTP inside TLS too, of programs whose OpenSSL is a shared\n"
      "library: preloads libnotch_preload_tls.so. Not seen: a static OpenSSL, node's own,\n"
      "Go, Java, GnuTLS, NSS, and HTTP/2");
  app.add_option("--library", options.library,
                 "The library to preload, instead of the installed one (NOTCH_PRELOAD_LIBRARY)")
      ->check(not_empty);
  app.footer(
      "The program comes after --. Its exit status is its own.\n"
      "Some programs cannot have the library: static programs, and programs of another libc,\n"
      "that gain privileges, or that are built with a sanitizer. They run without it, and a line\n"
      "on standard error says why. A line also says what is not measured of a program with the\n"
      "library: Go's own system calls; everything, if the directory is missing or read-only;\n"
      "programs that root's programs start as users to whom the directory is closed.\n"
      "Programs that the program starts are not examined. If one is built with gcc's\n"
      "AddressSanitizer and ends with \"ASan runtime does not come first\", set\n"
      "ASAN_OPTIONS=verify_asan_link_order=0. For a 32-bit program the loader says that it\n"
      "ignores the library, and the program runs.\n"
      "Exit codes: 2 wrong command line, 126 the program cannot be executed,\n"
      "127 the program is not found.");
}

}  // namespace

std::string modules_fault(const std::string& list) {
  std::string fault;
  for_each_module(list, [&](std::string_view module) {
    if (!fault.empty() || std::ranges::find(kModules, module) != kModules.end()) return;
    fault =
        "\"" + std::string(module) +
        "\" is not a module; the modules are io, net, dns, malloc, locks, threads, http, tls and "
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
      "Executes a program and measures it: notch run [OPTIONS] -- PROGRAM "
      "ARGUMENTS...",
      "notch run");
  add_options(app, options);
  try {
    app.parse(reversed_arguments({arguments.begin(), end}));
  } catch (const CLI::CallForHelp&) {
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::ExtrasError&) {
    return usage_error(unknown_argument(app.remaining()) + "; the program comes after --");
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
