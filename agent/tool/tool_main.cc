// notch: the table of its commands. Called by: a person, a script.
#include <array>

#include "agent/tool/ready_command.h"
#include "agent/tool/run_command.h"
#include "agent/tool/tool.h"

int main(int argc, char** argv) {
  using notch::agent::ToolCommand;
  constexpr std::array kCommands = {
      ToolCommand{"ready", "ask an agent whether it is ready", notch::agent::ready_command},
      ToolCommand{"run", "execute a program and measure it", notch::agent::run_command},
  };
  return notch::agent::run_tool(kCommands, argc, argv);
}
