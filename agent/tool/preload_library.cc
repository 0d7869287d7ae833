#include "agent/tool/preload_library.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace notch::agent {
namespace {

constexpr std::string_view kLibrary = "libnotch_preload.so";
constexpr std::string_view kTlsLibrary = "libnotch_preload_tls.so";

// The characters that end a path for the loader, or that it expands.
constexpr std::string_view kNotInLists = " :$";

std::string why_not_listed(const std::string& path) {
  return path.find_first_of(kNotInLists) == std::string::npos
             ? ""
             : path +
                   " has a space, a colon or a dollar sign in its path, which LD_PRELOAD cannot "
                   "hold";
}

}  // namespace

PreloadLibrary find_preload_library(const std::string& own_program, bool tls) {
  const std::filesystem::path prefix =
      std::filesystem::path(own_program).parent_path().parent_path();
  const std::string_view name = tls ? kTlsLibrary : kLibrary;
  for (const char* const folder :
       {"lib/notch", "lib", NOTCH_INSTALL_LIBDIR "/notch", NOTCH_INSTALL_LIBDIR}) {
    const std::string path = prefix / folder / name;
    if (::access(path.c_str(), R_OK) != 0) continue;
    const std::string problem = why_not_listed(path);
    return problem.empty() ? PreloadLibrary{path, ""} : PreloadLibrary{"", problem};
  }
  return {"", std::string(name) + " is neither in " + (prefix / "lib/notch").string() + " nor in " +
                  (prefix / "lib").string()};
}

PreloadLibrary named_preload_library(const std::string& path) {
  const std::string absolute = std::filesystem::absolute(path).lexically_normal();
  if (::access(absolute.c_str(), R_OK) != 0) {
    return {"", absolute + ": " + std::strerror(errno)};
  }
  const std::string problem = why_not_listed(absolute);
  return problem.empty() ? PreloadLibrary{absolute, ""} : PreloadLibrary{"", problem};
}

std::string preload_list(std::string_view library, std::string_view existing) {
  std::string list(library);
  while (!existing.empty()) {
    const std::size_t end = existing.find_first_of(" :");
    const std::string_view entry = existing.substr(0, end);
    existing.remove_prefix(end == std::string_view::npos ? existing.size() : end + 1);
    const std::string_view name = entry.substr(entry.rfind('/') + 1);
    if (entry.empty() || entry == library || name == kLibrary || name == kTlsLibrary) continue;
    if (!list.empty()) list += ':';
    list += entry;
  }
  return list;
}

}  // namespace notch::agent
