// Where a program that `notch run` starts will look for an agent, and what speaks against its counting
// there: what the preloaded library, which prints nothing, could say to nobody.
// Called by: run_command, run_options.
//
// Invariants
//   RD1  A directory is judged as the library will: the one that is named, else the default.
//   RD2  Nothing is left behind in it.
#pragma once

#include <string>

namespace notch::agent {

struct RunDirectory {
  std::string shown;            // with what named it: "--dir /x", "NOTCH_DIR /x", "/run/notch"
  std::string problem;          // why nothing can be counted there, a clause; empty: nothing known
  bool is_open_to_all = false;  // also to users that the program becomes
};

// From the root, so that a program that changes its working directory finds it all the same. As it is
// where the working directory is gone.
std::string absolute_directory(const std::string& directory);

// `option` and `variable`: what --dir and NOTCH_DIR say, empty for neither.
RunDirectory judge_directory(const std::string& option, const std::string& variable);

}  // namespace notch::agent
