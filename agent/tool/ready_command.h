// `notch ready`: asks an agent whether it is ready; for health checks where there is no shell.
// Called by: tool_main's table.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/tool/ready_options.h"

namespace notch::agent {

inline constexpr int kNotReady = 1;

// Prints one line and returns the exit code.
int ready_command(std::span<const char* const> arguments);

// The reason why the agent is not ready, or an empty string. Takes at most a few of the timeouts.
std::string ask_ready(const ReadyOptions& options);

// The same, of the answer's beginning.
std::string judge_ready_answer(std::string_view answer);

}  // namespace notch::agent
