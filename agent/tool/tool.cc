#include "agent/tool/tool.h"

#include <algorithm>
#include <cstdio>
#include <string>

namespace notch::agent {
namespace {

constexpr std::size_t kNameColumn = 10;

std::string help_text(std::span<const ToolCommand> commands) {
  std::string text =
      "notch: metrics of this host's programs. The agent that serves them is notchd.\n"
      "Usage: notch COMMAND ...\n"
      "       notch help [COMMAND]\n\n"
      "Commands:\n";
  for (const ToolCommand& command : commands) {
    std::string name(command.name);
    name.resize(std::max(name.size() + 1, kNameColumn), ' ');
    text.append("  ").append(name).append(command.summary).append("\n");
  }
  text +=
      "\nOptions:\n"
      "  --help    this text; notch COMMAND --help or notch help COMMAND: a command's options\n"
      "  --version\n\n"
      "Exit codes: 0 done, 2 wrong command line; a command's help lists its own codes.\n";
  return text;
}

int usage_error(const std::string& what) {
  std::fprintf(stderr, "notch: %s\nnotch --help lists the commands.\n", what.c_str());
  return kToolUsage;
}

int start_command(std::span<const ToolCommand> commands, std::string_view name,
                  std::span<const char* const> arguments) {
  const auto command = std::ranges::find(commands, name, &ToolCommand::name);
  if (command == commands.end())
    return usage_error("\"" + std::string(name) + "\" is not a command");
  return command->main(arguments);
}

// The words behind `notch help`: none, or a command's name.
int tell_help(std::span<const ToolCommand> commands, std::span<const char* const> arguments) {
  if (arguments.empty()) {
    std::fputs(help_text(commands).c_str(), stdout);
    return kToolDone;
  }
  if (arguments.size() > 1) return usage_error("help takes one command");
  if (std::string_view(arguments.front()) == "help") return tell_help(commands, {});
  constexpr const char* kHelp = "--help";
  return start_command(commands, arguments.front(), std::span(&kHelp, 1));
}

}  // namespace

int run_tool(std::span<const ToolCommand> commands, int argc, const char* const* argv) {
  const std::span<const char* const> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (arguments.empty()) return usage_error("no command is given");
  const std::string_view first = arguments.front();
  if (first == "--help" || first == "-h") return tell_help(commands, {});
  if (first == "help") return tell_help(commands, arguments.subspan(1));
  if (first == "--version") {
    std::puts("notch " NOTCH_AGENT_VERSION);
    return kToolDone;
  }
  return start_command(commands, first, arguments.subspan(1));
}

}  // namespace notch::agent
