// `notch run`: gives a program its environment and becomes it.
// Called by: tool_main's table.
//
// Invariants
//   RC1  On success no process of ours is left: the program has this process's number, descriptors
//        and signal dispositions.
//   RC2  Where preloading cannot work the program runs all the same, without the library, after one
//        line on standard error. What is known beforehand not to be seen of one that runs with it
//        (a Go program, a directory that cannot be written to) is said in a line too. Else nothing is
//        printed.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "agent/tool/run_options.h"

namespace notch::agent {

// Returns only if the program did not start: its exit code.
int run_command(std::span<const char* const> arguments);

// The program's environment: `current` ("NAME=value" each), with the service, directory and modules
// asked for, and `library` preloaded (empty: none). With it, `lineage` (32 hex digits; empty: none)
// unless there is one: in all that the program executes it is the client's NOTCH_LINEAGE.
std::vector<std::string> program_environment(std::span<const std::string> current,
                                             const RunOptions& options, const std::string& library,
                                             const std::string& lineage = "");

}  // namespace notch::agent
