// A sample of the entries of a directory in which every user makes some: who owns them and how much
// they take, without a look at each of them.
// Called by: directory_room, the agent's directory_census.
//
// Invariants
//   DS1  At most kMostListed entries are listed, twice, and at most the samples asked for are looked
//        at, however many there are.
//   DS2  The listing is cut into strides of equal length, and one entry of each, chosen at random, is
//        looked at: nobody who makes entries can choose which these are. With no more entries than
//        samples, all are looked at.
//   DS3  No link is followed, no mount entered, no file opened.
//   DS4  Async-signal-safe: no heap, no lock, no stdio.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>

namespace notch::shm {

class DirectorySample {
 public:
  static constexpr std::uint64_t kMostListed = 65536;

  // Counts the entries. The descriptor may be a mere place (O_PATH).
  DirectorySample(int directory_fd, std::uint64_t samples) noexcept;
  DirectorySample(const DirectorySample&) = delete;
  DirectorySample& operator=(const DirectorySample&) = delete;
  ~DirectorySample();

  // False if the directory cannot be read; then it has no entries.
  bool readable() const noexcept { return fd_ >= 0; }
  std::uint64_t entries() const noexcept { return entries_; }  // kMostListed: or more
  std::uint64_t stride() const noexcept { return stride_; }    // entries for each sample

  // The next sample; false at the end. An entry that is gone meanwhile, or lies under a mount, is
  // skipped. Cost: three system calls, and one for some 40 entries that are listed.
  bool next(struct stat& status) noexcept;

 private:
  const char* next_name() noexcept;
  std::uint64_t next_random() noexcept;

  int fd_ = -1;
  std::uint64_t entries_ = 0;
  std::uint64_t stride_ = 1;
  std::uint64_t random_ = 0;
  std::uint64_t listed_ = 0;  // of this pass
  std::uint64_t picked_ = 0;  // the number of the entry that is looked at next
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  alignas(std::uint64_t) char buffer_[2048];  // small: it may be a signal handler's stack
};

}  // namespace notch::shm
