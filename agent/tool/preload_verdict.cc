#include "agent/tool/preload_verdict.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "agent/files/file_descriptor.h"
#include "agent/tool/program_search.h"

namespace notch::agent {
namespace {

constexpr int kMostScripts = 5;                // the kernel's own limit of scripts run by scripts
constexpr std::size_t kScriptLineBytes = 256;  // as much of it as the kernel reads
constexpr std::string_view kBlanks = " \t";

std::string_view file_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

ReadAt reader_of(int fd) {
  return [fd](std::uint64_t offset, std::span<std::byte> out) {
    std::size_t done = 0;
    while (done < out.size()) {
      if (offset > INT64_MAX - done) return false;
      const ssize_t got =
          ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got <= 0) return false;
      done += static_cast<std::size_t>(got);
    }
    return true;
  };
}

bool is_glibc_loader(std::string_view loader) {
  const std::string_view name = file_name(loader);
  return name.starts_with("ld-linux") || name.starts_with("ld64.so.") || name == "ld.so.1";
}

// Whether the program would run with privileges this process has not: the loader then ignores
// what the environment asks for.
bool gains_privileges(int fd, const struct stat& status) {
  struct statvfs mount {};
  if (::fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_NOSUID) != 0) return false;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return false;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != ::getuid()) return true;
  const bool sets_group = (status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
  if (sets_group && status.st_gid != ::getgid()) return true;
  // Root has the capabilities already.
  return ::getuid() != 0 && ::fgetxattr(fd, "security.capability", nullptr, 0) > 0;
}

std::string refusal_of(const ElfProgram& program, const ElfTarget& library, int fd,
                       const struct stat& status) {
  if (program.target != library) {
    const bool words = program.target.word_class != library.word_class;
    return words ? std::string("is a ") + (program.target.word_class == ELFCLASS32 ? "32" : "64") +
                       "-bit program"
                 : "is a program of another architecture";
  }
  if (program.loader.empty()) {
    return program.is_go ? "is a static Go program" : "is statically linked";
  }
  if (!is_glibc_loader(program.loader)) {
    return "is not linked with glibc (its loader is " + program.loader + ")";
  }
  if (gains_privileges(fd, status)) {
    return "gains privileges when it starts (set-user-ID, set-group-ID or file capabilities)";
  }
  if (!program.sanitizer.empty()) return "is built with a sanitizer (" + program.sanitizer + ")";
  return "";
}

std::string remark_of(const ElfProgram& program) {
  return program.is_go
             ? "is a Go program, which makes its own system calls: only its C code's calls of libc "
               "are measured"
             : "";
}

// The first word of `text`, which loses it.
std::string take_word(std::string_view& text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return "";
  text.remove_prefix(start);
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  return std::string(word);
}

// The program that `env ARGUMENTS` would run; empty if none is named.
std::string program_of_env(std::string_view arguments) {
  for (std::string word = take_word(arguments); !word.empty(); word = take_word(arguments)) {
    // -Sname is -S name.
    if (word.starts_with("-S") && word.size() > 2) word.erase(0, 2);
    if (word.front() != '-' && word.find('=') == std::string::npos) return word;
  }
  return "";
}

class Judge {
 public:
  Judge(const ElfTarget& library, const char* search_path)
      : library_(library), search_path_(search_path) {}

  PreloadVerdict program(const std::string& path, int scripts_above) const {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!file.valid() || ::fstat(file.get(), &status) != 0) {
      return {std::string("cannot be examined (") + std::strerror(errno) + ")"};
    }
    if (!S_ISREG(status.st_mode)) return {"is not a regular file"};
    ElfProgram program;
    switch (read_elf_program(reader_of(file.get()), program)) {
      case ElfRead::kElf:
        return {refusal_of(program, library_, file.get(), status), remark_of(program),
                program.changes_user};
      case ElfRead::kBroken:
        return {"is not a valid ELF file"};
      case ElfRead::kNotElf:
        break;
    }
    return script(file.get(), scripts_above);
  }

 private:
  PreloadVerdict script(int fd, int scripts_above) const {
    std::array<char, kScriptLineBytes> head{};
    const ssize_t got = ::pread(fd, head.data(), head.size(), 0);
    std::string_view line(head.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    line = line.substr(0, line.find('\n'));
    if (!line.starts_with("#!")) {
      if (line.find('\0') != std::string_view::npos) return {"is neither ELF nor a script"};
      PreloadVerdict verdict = by_way_of("/bin/sh", scripts_above);
      verdict.needs_shell = true;
      return verdict;
    }
    line.remove_prefix(2);
    const std::string interpreter = take_word(line);
    if (interpreter.empty()) return {"is a script that names no interpreter"};
    PreloadVerdict verdict = by_way_of(interpreter, scripts_above);
    if (!verdict.refusal.empty() || file_name(interpreter) != "env") return verdict;
    const FoundProgram found = find_program(program_of_env(line), search_path_);
    // env itself will say what it cannot find.
    return found.error == 0 ? by_way_of(found.path, scripts_above) : verdict;
  }

  PreloadVerdict by_way_of(const std::string& interpreter, int scripts_above) const {
    if (scripts_above == kMostScripts)
      return {"is a script whose interpreter is a script, too many times"};
    PreloadVerdict verdict = program(interpreter, scripts_above + 1);
    // A script's interpreter is a program of its own; a text without #! has none.
    if (verdict.needs_shell) return {"is run by " + interpreter + ", which is not a program"};
    for (std::string* const clause : {&verdict.refusal, &verdict.remark}) {
      if (!clause->empty() && clause->find("is run by ") != 0)
        *clause = "is run by " + interpreter + ", which " + *clause;
    }
    return verdict;
  }

  const ElfTarget& library_;
  const char* const search_path_;
};

}  // namespace

PreloadVerdict judge_preload(const std::string& program, const ElfTarget& library,
                             const char* search_path) {
  return Judge(library, search_path).program(program, 0);
}

ElfRead read_elf_file(const std::string& path, ElfProgram& program) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    program = {};
    return ElfRead::kNotElf;
  }
  return read_elf_program(reader_of(file.get()), program);
}

}  // namespace notch::agent
