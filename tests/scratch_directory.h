// A directory of its own for a test, removed with all it holds: on tmpfs, or elsewhere for files
// that are to be executed, which a tmpfs may forbid.
// Called by: tests that need real files.
//
// Invariants
//   SCR1  It lies in NOTCH_SCRATCH, where tests/run looks for what was left behind; by hand in
//         /dev/shm. Its name says whose it is.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <system_error>

namespace notch::testing {

class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::string& root = default_root()) {
    std::string pattern = root + "/" + program_invocation_short_name + "-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    EXPECT_FALSE(path_.empty()) << "no directory " << pattern;
    fd_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    ::close(fd_);
    std::error_code error;
    if (!path_.empty()) std::filesystem::remove_all(path_, error);
    EXPECT_FALSE(error) << path_ << ": " << error.message();
  }

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  int fd() const { return fd_; }

  void write(const std::string& name, std::span<const std::byte> bytes) const {
    const int file = ::open(path(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    ASSERT_GE(file, 0) << name;
    EXPECT_EQ(::write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    ::close(file);
  }
  void write(const std::string& name, const std::string& text) const {
    write(name, std::as_bytes(std::span(text)));
  }
  std::string read(const std::string& name) const {
    std::ifstream in(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  void touch(const std::string& name) const { write(name, std::span<const std::byte>()); }
  bool has(const std::string& name) const {
    return ::faccessat(fd_, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }

 private:
  static std::string default_root() {
    const char* const given = ::getenv("NOTCH_SCRATCH");
    return given != nullptr ? given : "/dev/shm";
  }

  std::string path_;
  int fd_ = -1;
};

}  // namespace notch::testing
