#include "agent/tool/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "agent/files/file_descriptor.h"
#include "shm/default_directory.h"
#include "shm/lock_lifetime.h"
#include "shm/open_to_all.h"

namespace notch::agent {
namespace {

std::string words_for(int error, const std::string& directory) {
  std::string words = std::strerror(error);
  if (error == ENOENT) words += " (is the agent started?)";
  if (error == EROFS) {
    words += " (in a unit of systemd with ProtectSystem=strict: ReadWritePaths=" + directory + ")";
  }
  return words;
}

// errno, 0 if it may be written to.
int access_error(const std::string& directory) {
  return ::access(directory.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

std::string problem_of(const std::string& directory) {
  if (const int error = access_error(directory); error != 0) return words_for(error, directory);
  const FileDescriptor place(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!place.valid()) return std::strerror(errno);
  const shm::LockLifetime lifetime = shm::lock_lifetime(place.get());
  return lifetime == shm::LockLifetime::kMapping ? "" : shm::lock_lifetime_fault(lifetime);
}

RunDirectory named_directory(const char* name, const std::string& directory) {
  return {std::string(name) + " " + directory, problem_of(directory),
          shm::is_open_to_all(directory.c_str())};
}

RunDirectory default_directory() {
  const std::string directory = shm::default_directory(shm::DefaultUse::kJoin);
  const int first_error = access_error(shm::kFirstDefaultDirectory);
  const int error = access_error(directory);
  if (error != 0 && first_error != 0 && first_error != ENOENT) {
    return {shm::kFirstDefaultDirectory, words_for(first_error, shm::kFirstDefaultDirectory)};
  }
  if (error == ENOENT && first_error == ENOENT) {
    return {std::string(shm::kFirstDefaultDirectory) + ", " + shm::kSecondDefaultDirectory,
            words_for(ENOENT, directory)};
  }
  if (error != 0) return {directory, words_for(error, directory)};
  const FileDescriptor place(shm::open_default_directory(directory.c_str()));
  if (!place.valid() && errno == EPERM) return {directory, shm::kNotTrusted};
  return {directory, problem_of(directory), shm::is_open_to_all(directory.c_str())};
}

}  // namespace

std::string absolute_directory(const std::string& directory) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(directory, error);
  return error ? directory : whole.lexically_normal().string();
}

RunDirectory judge_directory(const std::string& option, const std::string& variable) {
  if (!option.empty()) return named_directory("--dir", option);
  if (!variable.empty()) return named_directory("NOTCH_DIR", variable);
  return default_directory();
}

}  // namespace notch::agent
