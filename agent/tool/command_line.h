// A command line as CLI11's App::parse takes it: the last argument first, and of `--name=` an empty
// value, where CLI11 itself would take the next argument for it. And the words for an argument that
// is none of the options.
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

// `remaining` is App::remaining() after an ExtrasError, in the order of the command line: what stands
// behind an unknown option is its value, or was taken for one.
inline std::string unknown_argument(const std::vector<std::string>& remaining) {
  const std::string first = remaining.empty() ? "" : remaining.front();
  return "\"" + first + "\" is " +
         (first.starts_with("-") ? "no option" : "not an argument it takes");
}

}  // namespace notch::agent
