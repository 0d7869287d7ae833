// A command line as CLI11's App::parse takes it: the last argument first, and of `--name=` an empty
// value, where CLI11 itself would take the next argument for it.
// Called by: options, run_options, ready_options.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace notch::agent {

inline std::vector<std::string> reversed_arguments(std::span<const char* const> arguments) {
  std::vector<std::string> reversed;
  for (auto at = arguments.rbegin(); at != arguments.rend(); ++at) {
    std::string argument = *at;
    if (argument.starts_with("--") && argument.find('=') + 1 == argument.size()) {
      argument.pop_back();
      reversed.emplace_back();
    }
    reversed.push_back(std::move(argument));
  }
  return reversed;
}

}  // namespace notch::agent
