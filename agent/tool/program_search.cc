#include "agent/tool/program_search.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace notch::agent {
namespace {

constexpr const char* kDefaultPath = "/bin:/usr/bin";

// 0 if it can be executed.
int execution_error(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

}  // namespace

FoundProgram find_program(std::string_view name, const char* search_path) {
  if (name.empty()) return {"", ENOENT};
  if (name.find('/') != std::string_view::npos) {
    return {std::string(name), execution_error(std::string(name))};
  }
  FoundProgram best = {std::string(name), ENOENT};
  std::string_view rest = search_path == nullptr ? kDefaultPath : search_path;
  for (;;) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    // An empty entry is the current directory.
    std::string path = folder.empty() ? "." : std::string(folder);
    path.append("/").append(name);
    const int error = execution_error(path);
    if (error == 0) return {path, 0};
    // One that is there but must not run is worth telling, if none that may comes later.
    if (error == EACCES && best.error == ENOENT) best = {path, EACCES};
    if (colon == std::string_view::npos) return best;
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace notch::agent
