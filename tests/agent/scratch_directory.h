// A directory of a test's own, gone with all that is in it when the test ends.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace notch::agent {

class ScratchDirectory {
 public:
  // On tmpfs where there is one, as in use.
  ScratchDirectory() {
    path_ = std::filesystem::exists("/dev/shm") ? "/dev/shm/notch-test-XXXXXX"
                                                : "/tmp/notch-test-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) std::abort();
    fd_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    close(fd_);
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  int fd() const noexcept { return fd_; }
  const std::string& path() const noexcept { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  bool has(const std::string& name) const { return std::filesystem::exists(file(name)); }

  std::string read(const std::string& name) const {
    std::ifstream in(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(file(name), std::ios::binary | std::ios::trunc) << bytes;
  }

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace notch::agent
