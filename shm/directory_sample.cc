#include "shm/directory_sample.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/descriptor.h"
#include "shm/kernel_identity.h"
#include "shm/within_mount.h"

namespace notch::shm {
namespace {

// The kernel's struct linux_dirent64: its length and its name.
constexpr std::size_t kLengthOffset = 16;
constexpr std::size_t kNameOffset = 19;

bool is_dots(const char* name) noexcept {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

}  // namespace

DirectorySample::DirectorySample(int directory_fd, std::uint64_t samples) noexcept
    : fd_(openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  while (next_name() != nullptr) {
  }
  entries_ = listed_;
  if (entries_ > samples) stride_ = (entries_ + samples - 1) / samples;
  listed_ = at_ = filled_ = 0;
  if (fd_ < 0 || lseek(fd_, 0, SEEK_SET) != 0) return;
  if (!kernel_random(&random_, sizeof random_)) random_ = reinterpret_cast<std::uintptr_t>(this);
  random_ |= 1;
  picked_ = next_random() % stride_;
}

DirectorySample::~DirectorySample() {
  if (fd_ >= 0) close(fd_);
}

// The next entry of the listing; null at its end, or behind kMostListed of them.
const char* DirectorySample::next_name() noexcept {
  while (fd_ >= 0 && listed_ < kMostListed) {
    if (at_ >= filled_) {
      const long bytes = syscall(SYS_getdents64, fd_, buffer_, sizeof buffer_);
      if (bytes <= 0) return nullptr;
      filled_ = static_cast<std::size_t>(bytes);
      at_ = 0;
    }
    unsigned short length = 0;
    memcpy(&length, buffer_ + at_ + kLengthOffset, sizeof length);
    const char* const name = buffer_ + at_ + kNameOffset;
    at_ += length;
    if (is_dots(name)) continue;
    ++listed_;
    return name;
  }
  return nullptr;
}

// xorshift64.
std::uint64_t DirectorySample::next_random() noexcept {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

bool DirectorySample::next(struct stat& status) noexcept {
  while (const char* const name = next_name()) {
    const std::uint64_t number = listed_ - 1;
    if (number != picked_) continue;
    const std::uint64_t next_block = (number / stride_ + 1) * stride_;
    picked_ = next_block + next_random() % stride_;
    const Descriptor place(open_within_mount(fd_, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (place.get() >= 0 && kernel_fstat(place.get(), status)) return true;
  }
  return false;
}

}  // namespace notch::shm
