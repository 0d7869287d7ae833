// Whether a library can be preloaded into a program, judged from the program's file before it runs.
// Called by: run_command.
//
// Invariants
//   PV1  A program that preloading would break or that cannot be judged is refused, with a reason.
//   PV2  What is known not to be seen of one that is not refused is said in a remark.
//   PV3  Judging runs nothing and changes nothing.
//
// It is about the file alone: what the program execs later (a shell's commands) is not judged.
#pragma once

#include <string>

#include "agent/tool/elf_program.h"

namespace notch::agent {

struct PreloadVerdict {
  std::string refusal;  // empty: preloading works; else a clause, such as "is statically linked"
  std::string remark = {};    // of one that is not refused: a clause too, or empty
  bool changes_user = false;  // by what its file names
  bool needs_shell = false;   // a text without #!, which a shell runs
};

// `library`: what the library was built for. `search_path`: as find_program's.
PreloadVerdict judge_preload(const std::string& program, const ElfTarget& library,
                             const char* search_path);

// Reads the ELF file at `path`; kNotElf if it cannot be opened.
ElfRead read_elf_file(const std::string& path, ElfProgram& program);

}  // namespace notch::agent
