#include "shm/reservation.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/keep_errno.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace notch::shm {
namespace {

void* map_usable(std::byte* base, std::uint64_t bytes, int more_flags) noexcept {
  return mmap(base, bytes, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | more_flags, -1, 0);
}

// Before Linux 5.14, which has MADV_POPULATE_WRITE: the kernel is asked for the signal mask, and so
// writes a word to each page. Where it finds no memory the call fails, and no SIGBUS comes.
bool let_kernel_write(std::byte* base, std::uint64_t bytes) noexcept {
  for (std::uint64_t at = 0; at < bytes; at += 4096) {
    auto* const word = reinterpret_cast<std::uint64_t*>(base + at);
    if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, word, sizeof *word) != 0) return false;
    *word = 0;
  }
  return true;
}

}  // namespace

bool Reservation::reserve(std::uint64_t bytes) noexcept {
  const KeepErrno keep;
  void* const base =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return false;
  adopt(static_cast<std::byte*>(base), bytes, false);
  return true;
}

bool Reservation::map_at(std::byte* base, std::uint64_t bytes) noexcept {
  const KeepErrno keep;
  void* const there = map_usable(base, bytes, MAP_FIXED_NOREPLACE);
  // Before Linux 4.17 the address is only a hint.
  if (there != MAP_FAILED && there != base) munmap(there, bytes);
  if (there != base) return false;
  adopt(base, bytes, false);
  return true;
}

bool Reservation::map_over(std::byte* base, std::uint64_t bytes) noexcept {
  const KeepErrno keep;
  if (map_usable(base, bytes, MAP_FIXED) != base) return false;
  adopt(base, bytes, false);
  return true;
}

void Reservation::adopt(std::byte* base, std::uint64_t bytes, bool shared) noexcept {
  base_ = base;
  bytes_ = bytes;
  shared_ = shared;
}

bool Reservation::commit(std::uint64_t offset, std::uint64_t bytes) noexcept {
  const KeepErrno keep;
  bool committed = mprotect(base_ + offset, bytes, PROT_READ | PROT_WRITE) == 0;
  if (committed && shared_) {
    committed = madvise(base_ + offset, bytes, MADV_POPULATE_WRITE) == 0 ||
                (errno == EINVAL && let_kernel_write(base_ + offset, bytes));
  }
  return committed;
}

void Reservation::keep(std::uint64_t bytes) noexcept {
  if (bytes >= bytes_) return;
  const KeepErrno keep;
  if (munmap(base_ + bytes, bytes_ - bytes) == 0) bytes_ = bytes;
}

void Reservation::release() noexcept {
  const KeepErrno keep;
  if (base_ != nullptr) munmap(base_, bytes_);
  base_ = nullptr;
  bytes_ = 0;
}

}  // namespace notch::shm
