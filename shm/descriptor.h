// File descriptors for a moment, in a process whose own may be closed.
// Called by: segment_file, process_identity, default_directory, lock_lifetime.
//
// Invariants
//   DSC1  A segment's file is never descriptor 0, 1 or 2, not even for a moment: a program that was
//         started without them, and prints, would write into the segment.
//   DSC2  Nothing here allocates, throws or changes more than errno; all is async-signal-safe.
#pragma once

#include <fcntl.h>
#include <unistd.h>

namespace notch::shm {

// Closes on the way out of any branch.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// A path opened with O_PATH, which can be neither read nor written: if it takes a standard descriptor,
// that descriptor is as good as closed to the program. While this lives, 0 to 2 are all taken, so that
// the next file that is opened gets a descriptor above them.
class PlaceDescriptor {
 public:
  PlaceDescriptor(const char* path, int flags) noexcept
      : PlaceDescriptor(::open(path, flags | O_PATH | O_CLOEXEC)) {}
  // Takes over a descriptor that is open already, or -1.
  explicit PlaceDescriptor(int fd) noexcept : fd_(fd) {
    while (fd_ >= 0 && fd_ <= STDERR_FILENO) {
      taken_[taken_count_++] = fd_;
      fd_ = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
    }
  }
  PlaceDescriptor(const PlaceDescriptor&) = delete;
  PlaceDescriptor& operator=(const PlaceDescriptor&) = delete;
  ~PlaceDescriptor() {
    while (taken_count_ > 0) ::close(taken_[--taken_count_]);
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int taken_[STDERR_FILENO + 1] = {};
  int taken_count_ = 0;
  int fd_;
};

}  // namespace notch::shm
