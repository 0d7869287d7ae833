// Which file a command's name means, as a shell finds it.
// Called by: run_command, preload_verdict.
#pragma once

#include <string>
#include <string_view>

namespace notch::agent {

struct FoundProgram {
  std::string path;  // as given, if it has a slash; else found in PATH
  int error = 0;     // 0, or an errno: ENOENT, EACCES, EISDIR
};

// `search_path`: PATH's value; null means the system's default.
FoundProgram find_program(std::string_view name, const char* search_path);

}  // namespace notch::agent
