#include "agent/tool/run_command.h"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "agent/tool/preload_library.h"
#include "agent/tool/preload_verdict.h"
#include "agent/tool/program_search.h"
#include "agent/tool/run_directory.h"
#include "agent/tool/tool.h"

namespace notch::agent {
namespace {

constexpr std::string_view kPreload = "LD_PRELOAD";
constexpr const char* kLibraryVariable = "NOTCH_PRELOAD_LIBRARY";
constexpr std::string_view kLineage = "NOTCH_LINEAGE";

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "notch: %s\n", what.c_str());
  return exit_code;
}

void step_aside(const std::string& why) {
  complain(why + ": running it without metrics", 0);
}

std::vector<std::string> current_environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return variables;
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

std::string value_in(std::span<const std::string> variables, std::string_view name) {
  for (const std::string& variable : variables) {
    if (name_of(variable) == name && variable.size() > name.size()) {
      return variable.substr(name.size() + 1);
    }
  }
  return "";
}

void put(std::vector<std::string>& variables, std::string_view name, const std::string& value) {
  std::erase_if(variables, [&](const std::string& v) { return name_of(v) == name; });
  if (!value.empty()) variables.push_back(std::string(name) + "=" + value);
}

// A key by which all that the program starts is known as one service's, whatever users it becomes.
// Empty if the kernel has no random bytes yet.
std::string new_lineage() {
  std::array<std::uint8_t, 16> key{};
  if (::getrandom(key.data(), key.size(), GRND_NONBLOCK) != static_cast<ssize_t>(key.size())) {
    return "";
  }
  std::string text;
  for (const std::uint8_t byte : key) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

PreloadLibrary library_for(const RunOptions& options) {
  std::error_code error;
  const std::string own = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {"", "/proc/self/exe: " + error.message()};
  PreloadLibrary library = find_preload_library(own, options.tls);
  if (!library.path.empty() || !options.tls) return library;
  // Without the library that knows TLS, all else can still be measured.
  const std::string problem = library.problem;
  library = find_preload_library(own, false);
  if (!library.path.empty())
    complain(problem + ": handshakes and HTTP inside TLS are not measured", 0);
  return library;
}

// The modules from NOTCH_PRELOAD, where --modules names none.
std::string modules_of_environment(const RunOptions& options) {
  const char* const modules = std::getenv("NOTCH_PRELOAD");
  return options.modules.empty() && modules != nullptr ? modules : "";
}

// True if the environment switches counting off: then nothing need be said about what is not seen.
bool is_switched_off(const RunOptions& options) {
  const char* const disabled = std::getenv("NOTCH_DISABLED");
  if (options.modules == "none" || modules_of_environment(options) == "none") return true;
  return (disabled != nullptr && disabled[0] != '\0' && std::strcmp(disabled, "0") != 0);
}

RunDirectory directory_for(const RunOptions& options) {
  const char* const variable = std::getenv("NOTCH_DIR");
  return judge_directory(options.directory, variable != nullptr ? variable : "");
}

// Says what will not be seen of a program that is started with the library. `modules`: those that the
// environment asks for; the command line's are known to be modules.
void tell_unseen(const std::string& program, const PreloadVerdict& verdict,
                 const RunDirectory& directory, const std::string& modules) {
  const std::string fault = modules.empty() ? "" : modules_fault(modules);
  if (!fault.empty()) complain("NOTCH_PRELOAD: " + fault, 0);
  if (!verdict.remark.empty()) complain(program + " " + verdict.remark, 0);
  if (!directory.problem.empty()) {
    complain(directory.shown + ": " + directory.problem + ": nothing is measured", 0);
  } else if (::geteuid() == 0 && verdict.changes_user && !directory.is_open_to_all) {
    complain(
        directory.shown + " is not open to all users: programs that " + program +
            " executes as another user are not measured; workers that only change their user are",
        0);
  }
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The name to set, empty for none. One that nobody chose is the program's: what it starts in turn
// (a wrapper script's shell, its tools, the interpreter) is then one service, and not each its own.
std::string service_for(const std::vector<std::string>& variables, const RunOptions& options,
                        bool preloaded) {
  if (!options.service.empty() || !preloaded || options.program.empty()) return options.service;
  if (!value_in(variables, "NOTCH_SERVICE").empty() ||
      !value_in(variables, "OTEL_SERVICE_NAME").empty()) {
    return "";
  }
  const std::string& program = options.program.front();
  return program.substr(program.rfind('/') + 1);
}

// The value for NOTCH_PRELOAD, empty to leave it. Without it, the library for TLS measures TLS too.
std::string modules_for(const std::vector<std::string>& variables, const RunOptions& options) {
  const std::string current = value_in(variables, "NOTCH_PRELOAD");
  if (!options.modules.empty() || !options.tls || current.empty()) return options.modules;
  if (names_tls(current)) return "";
  return current + ",tls";
}

// Returns the errno of the exec that failed.
int become(const std::string& path, const std::vector<std::string>& arguments,
           const std::vector<std::string>& environment, bool needs_shell) {
  const std::vector<char*> variables = pointers_to(environment);
  ::execve(path.c_str(), pointers_to(arguments).data(), variables.data());
  if (errno != ENOEXEC || !needs_shell) return errno;
  std::vector<std::string> shell = {"/bin/sh", path};
  shell.insert(shell.end(), arguments.begin() + 1, arguments.end());
  ::execve(shell.front().c_str(), pointers_to(shell).data(), variables.data());
  return errno;
}

int not_started(const std::string& program, int error) {
  const bool missing = error == ENOENT;
  const bool searched = missing && program.find('/') == std::string::npos;
  return complain(program + ": " + (searched ? "not found in PATH" : std::strerror(error)),
                  missing ? kToolNotFound : kToolNotExecutable);
}

}  // namespace

std::vector<std::string> program_environment(std::span<const std::string> current,
                                             const RunOptions& options, const std::string& library,
                                             const std::string& lineage) {
  std::vector<std::string> variables(current.begin(), current.end());
  const std::string preload = preload_list(library, value_in(variables, kPreload));
  if (preload != value_in(variables, kPreload)) put(variables, kPreload, preload);
  const std::string service = service_for(variables, options, !library.empty());
  if (!service.empty()) put(variables, "NOTCH_SERVICE", service);
  const std::string directory = value_in(variables, "NOTCH_DIR");
  if (!options.directory.empty()) {
    put(variables, "NOTCH_DIR", options.directory);
  } else if (!directory.empty() && !directory.starts_with('/')) {
    put(variables, "NOTCH_DIR", absolute_directory(directory));
  }
  // Started by a program that has one, it is of that one's lineage.
  if (!library.empty() && value_in(variables, kLineage).empty()) put(variables, kLineage, lineage);
  const std::string modules = modules_for(variables, options);
  if (!modules.empty()) put(variables, "NOTCH_PRELOAD", modules);
  return variables;
}

int run_command(std::span<const char* const> arguments) {
  const ParsedRunOptions parsed = parse_run_options(arguments);
  if (!parsed.run) {
    std::fputs(parsed.text.c_str(), parsed.exit_code == kToolDone ? stdout : stderr);
    std::fflush(stdout);
    return parsed.exit_code;
  }
  RunOptions options = parsed.options;
  const std::string modules = modules_of_environment(options);
  if (names_tls(modules)) options.tls = true;
  const char* const from_environment = std::getenv(kLibraryVariable);
  const std::string named = !options.library.empty()      ? options.library
                            : from_environment != nullptr ? from_environment
                                                          : "";
  PreloadLibrary library = named.empty() ? library_for(options) : named_preload_library(named);
  ElfProgram library_file;
  if (!library.path.empty() && read_elf_file(library.path, library_file) != ElfRead::kElf) {
    library = {"", library.path + " is not a valid ELF file"};
  }
  // A library that the user names must be right; a broken installation must not stop the program.
  if (!named.empty() && library.path.empty()) {
    return complain((options.library.empty() ? kLibraryVariable : "--library") + std::string(": ") +
                        library.problem,
                    kToolUsage);
  }
  const std::string& program = options.program.front();
  const char* const search_path = std::getenv("PATH");
  const FoundProgram found = find_program(program, search_path);
  if (found.error != 0) return not_started(program, found.error);
  const PreloadVerdict verdict = judge_preload(found.path, library_file.target, search_path);
  const bool is_off = is_switched_off(options);
  const RunDirectory directory = is_off ? RunDirectory{} : directory_for(options);
  if (library.path.empty()) {
    step_aside(library.problem);
  } else if (!options.directory.empty() && !directory.problem.empty()) {
    step_aside(directory.shown + ": " + directory.problem);
    library.path.clear();
  } else if (!verdict.refusal.empty()) {
    step_aside(program + " " + verdict.refusal);
    library.path.clear();
  } else if (!is_off) {
    tell_unseen(program, verdict, directory, modules);
  }
  return not_started(program, become(found.path, options.program,
                                     program_environment(current_environment(), options,
                                                         library.path, new_lineage()),
                                     verdict.needs_shell));
}

}  // namespace notch::agent
