// The command line of `notch run`.
// Called by: run_command.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace notch::agent {

struct RunOptions {
  std::string service;    // empty: what the environment says, else the program's name
  std::string directory;  // absolute where that can be told; empty: not asked for, as below
  std::string modules;    // "io,net"
  std::string library;    // a file, instead of the one found beside this program
  bool tls = false;
  std::vector<std::string> program;  // and its arguments; at least one
};

struct ParsedRunOptions {
  RunOptions options;
  bool run = false;  // else: print `text` and leave with `exit_code`
  int exit_code = 0;
  std::string text;  // help, or what is wrong
};

// `arguments`: what stands behind `notch run`.
ParsedRunOptions parse_run_options(std::span<const char* const> arguments);

// The error in a list of modules, as --modules and NOTCH_PRELOAD have it: the first word that is no
// module, and the modules there are; empty if all are modules.
std::string modules_fault(const std::string& list);
bool names_tls(std::string_view modules);

}  // namespace notch::agent
