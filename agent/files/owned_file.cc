#include "agent/files/owned_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "agent/files/directory_entry.h"
#include "shm/injection_point.h"
#include "shm/within_mount.h"

namespace notch::agent {

namespace {

constexpr mode_t kMode = 0640;

std::string error_text(int error) {
  return std::generic_category().message(error);
}

// The rule the open file breaks, or nullptr.
const char* ownership_fault(int fd) noexcept {
  struct stat status {};
  if (fstat(fd, &status) != 0) return "cannot be looked at";
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if (status.st_uid != geteuid()) return "belongs to another user";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "may be written by others";
  return nullptr;
}

// A name that nobody can take beforehand; empty if the kernel has no random bytes yet.
std::string with_random_number(const std::string& start) {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) return "";
  return start + std::to_string(number);
}

// 0, or the errno.
int rename_aside(int directory_fd, const std::string& name) {
  const std::string aside = with_random_number(name + ".foreign-");
  if (aside.empty()) return EAGAIN;
  const int renamed =
      renameat2(directory_fd, name.c_str(), directory_fd, aside.c_str(), RENAME_NOREPLACE);
  return renamed == 0 ? 0 : errno;
}

}  // namespace

OwnedFile::OwnedFile(OwnedFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), end_is_torn_(std::exchange(other.end_is_torn_, false)) {}

OwnedFile& OwnedFile::operator=(OwnedFile&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    end_is_torn_ = std::exchange(other.end_is_torn_, false);
  }
  return *this;
}

OwnedFile::~OwnedFile() {
  close();
}

OwnedFile OwnedFile::open(int directory_fd, const std::string& name, std::string& why) {
  OwnedFile file;
  // O_NONBLOCK: a FIFO put in our place must not hold us up.
  file.fd_ = shm::open_within_mount(directory_fd, name.c_str(),
                                    O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  why.clear();
  if (file.fd_ < 0) {
    if (errno == ELOOP) {
      why = "is a symbolic link";
    } else if (errno == EXDEV) {
      why = "is mounted over";
    } else if (errno != ENOENT) {
      why = "cannot be opened: " + error_text(errno);
    }
    return file;
  }
  if (const char* fault = ownership_fault(file.fd_)) {
    why = fault;
    file.close();
  }
  return file;
}

OwnedFile OwnedFile::create(int directory_fd, const std::string& name, std::string& why) {
  OwnedFile file;
  why.clear();
  file.fd_ =
      openat(directory_fd, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode);
  // fchmod: the umask may have taken bits away.
  if (file.fd_ < 0 || fchmod(file.fd_, kMode) != 0) {
    why = "cannot be created: " + error_text(errno);
    file.close();
  }
  return file;
}

bool OwnedFile::has_name(int directory_fd, const std::string& name) const noexcept {
  struct stat own {};
  struct stat named {};
  return fstat(fd_, &own) == 0 && look_at_entry(directory_fd, name, named) &&
         own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

std::uint64_t OwnedFile::size() const noexcept {
  struct stat status {};
  if (fstat(fd_, &status) != 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

int OwnedFile::write_at_end(std::string_view bytes, std::uint64_t end) noexcept {
  if (end_is_torn_) {
    if (const int error = cut(end)) return error;
  }
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = pwrite(fd_, bytes.data() + written, bytes.size() - written,
                                 static_cast<off_t>(end + written));
    if (count > 0) {
      written += static_cast<std::size_t>(count);
      if (written < bytes.size()) NOTCH_INJECTION_POINT("owned_file.short_write");
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    const int error = count == 0 ? ENOSPC : errno;
    NOTCH_INJECTION_POINT("owned_file.before_cut");
    if (written != 0) end_is_torn_ = cut(end) != 0;
    NOTCH_INJECTION_POINT("owned_file.after_cut");
    return error;
  }
  return 0;
}

int OwnedFile::cut(std::uint64_t bytes) noexcept {
  while (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) {
    if (errno != EINTR) return errno;
  }
  end_is_torn_ = false;
  return 0;
}

void OwnedFile::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  end_is_torn_ = false;
}

bool set_stranger_aside(int directory_fd, const std::string& name) {
  struct stat directory {};
  struct stat entry {};
  if (fstat(directory_fd, &directory) != 0 || directory.st_uid != geteuid()) return false;
  if (!look_at_entry(directory_fd, name, entry)) return false;
  if (entry.st_uid == geteuid() || entry.st_uid == 0) return false;
  return rename_aside(directory_fd, name) == 0;
}

int free_name(int directory_fd, const std::string& name) {
  if (unlinkat(directory_fd, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  if (unlinkat(directory_fd, name.c_str(), AT_REMOVEDIR) == 0) return 0;
  if (errno != ENOTEMPTY && errno != EEXIST) return errno;
  return rename_aside(directory_fd, name);
}

int take_name(int directory_fd, std::string& name) {
  const int error = free_name(directory_fd, name);
  if (error != EBUSY) return error;
  std::string other = with_random_number(name + "-");
  if (other.empty()) return error;
  name = std::move(other);
  return 0;
}

MappedFile::MappedFile(const OwnedFile& file) noexcept {
  const std::uint64_t size = file.size();
  if (size == 0) return;
  void* start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd_, 0);
  if (start == MAP_FAILED) {
    ok_ = false;
    return;
  }
  bytes_ = {static_cast<const std::byte*>(start), static_cast<std::size_t>(size)};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace notch::agent
