// Where the library to preload is, and how it stands in LD_PRELOAD.
// Called by: run_command.
#pragma once

#include <string>
#include <string_view>

namespace notch::agent {

struct PreloadLibrary {
  std::string path;     // absolute; empty: not found
  std::string problem;  // then: why, naming where it was looked for
};

// Beside the program whose file is `own_program`: in lib/notch, lib, or the installation's own
// library folder, next to bin.
PreloadLibrary find_preload_library(const std::string& own_program, bool tls);

// The one the user names; a relative path starts from the current directory.
PreloadLibrary named_preload_library(const std::string& path);

// LD_PRELOAD's value with `library` first and what the user had behind it. Any copy of ours that
// is already there, as under another `notch run`, is left out. `library` may be empty: then nothing
// is added.
std::string preload_list(std::string_view library, std::string_view existing);

}  // namespace notch::agent
