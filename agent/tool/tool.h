// `notch`, the command-line tool: one program with subcommands, each a file of its own.
// Called by: tool_main, and by its tests with a table of theirs.
//
// `notch help` is `notch --help`, and `notch help NAME` is `notch NAME --help`.
//
// To add `notch NAME`: NAME_options.{h,cc} as run_options, NAME_command.{h,cc} as run_command, and
// a line in tool_main's table.
#pragma once

#include <span>
#include <string_view>

namespace notch::agent {

// Exit codes of the tool itself; a program it runs brings its own.
inline constexpr int kToolDone = 0;
inline constexpr int kToolUsage = 2;
inline constexpr int kToolNotExecutable = 126;
inline constexpr int kToolNotFound = 127;

struct ToolCommand {
  std::string_view name;
  std::string_view summary;                             // one line of the help
  int (*main)(std::span<const char* const> arguments);  // what stands behind its name
};

// The whole program but its table. Returns the exit code.
int run_tool(std::span<const ToolCommand> commands, int argc, const char* const* argv);

}  // namespace notch::agent
