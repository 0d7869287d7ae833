#include "agent/files/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace notch::agent {
namespace {

constexpr std::int64_t kNsPerS = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kNsPerS + time.tv_nsec;
}

SmallFile failed(const std::string& path, const char* reason) {
  return {"", "cannot read " + path + ": " + reason};
}

}  // namespace

SmallFile read_small_file(const std::string& path) {
  // Nonblocking, so that a FIFO under this name cannot hold the agent up.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return failed(path, std::strerror(errno));
  SmallFile file;
  std::array<char, 16 * 1024> part{};
  ssize_t got = 0;
  while ((got = ::read(fd, part.data(), part.size())) > 0) {
    file.content.append(part.data(), static_cast<std::size_t>(got));
    if (file.content.size() > kSmallFileMaxBytes) {
      ::close(fd);
      return failed(path, "larger than 1 MiB");
    }
  }
  const int error = errno;
  ::close(fd);
  return got < 0 ? failed(path, std::strerror(error)) : file;
}

FileStamp stamp_of(const std::string& path) noexcept {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

}  // namespace notch::agent
