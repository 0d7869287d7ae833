#include "shm/lock_lifetime.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shm/descriptor.h"
#include "shm/process_identity.h"

namespace notch::shm {
namespace {

constexpr std::size_t kTrialBytes = 4096;
constexpr long kXfsMagic = 0x58465342;  // not in every linux/magic.h

// Their mappings hold the very file that was locked.
bool is_known_to_keep(long type) noexcept {
  return type == TMPFS_MAGIC || type == RAMFS_MAGIC || type == EXT4_SUPER_MAGIC ||
         type == kXfsMagic || type == BTRFS_SUPER_MAGIC;
}

// A half-born segment's.
void make_trial_name(char* name) noexcept {
  std::uint64_t random = 0;
  if (getrandom(&random, sizeof random, GRND_NONBLOCK) != static_cast<ssize_t>(sizeof random))
    random = reinterpret_cast<std::uintptr_t>(name);
  strcpy(name, ".lock-trial-");
  char* const end = write_decimal(name + strlen(name), random);
  strcpy(end, ".new");
}

LockLifetime try_with(int directory_fd, const char* name, int locked_fd) noexcept {
  // As the agent opens a segment: some file systems let only a writer have the lock.
  const Descriptor other(openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (other.get() < 0 || flock(locked_fd, LOCK_SH | LOCK_NB) != 0 ||
      ftruncate(locked_fd, kTrialBytes) != 0) {
    close(locked_fd);
    return LockLifetime::kUnknown;
  }
  void* const mapping = mmap(nullptr, kTrialBytes, PROT_NONE, MAP_SHARED, locked_fd, 0);
  close(locked_fd);
  if (mapping == MAP_FAILED) return LockLifetime::kUnknown;
  const bool kept = flock(other.get(), LOCK_EX | LOCK_NB) != 0;
  const int cause = errno;
  munmap(mapping, kTrialBytes);
  if (!kept) return LockLifetime::kDescriptor;
  errno = cause;
  if (cause != EWOULDBLOCK) return LockLifetime::kUnknown;
  return flock(other.get(), LOCK_EX | LOCK_NB) == 0 ? LockLifetime::kMapping
                                                    : LockLifetime::kDescriptor;
}

}  // namespace

LockLifetime try_lock_lifetime(int directory_fd) noexcept {
  char name[48];
  make_trial_name(name);
  const int file =
      openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return LockLifetime::kUnknown;
  const LockLifetime lifetime = try_with(directory_fd, name, file);
  const int cause = errno;
  unlinkat(directory_fd, name, 0);
  errno = cause;
  return lifetime;
}

LockLifetime lock_lifetime(int directory_fd) noexcept {
  struct statfs system {};
  if (fstatfs(directory_fd, &system) != 0) return LockLifetime::kUnknown;
  return is_known_to_keep(system.f_type) ? LockLifetime::kMapping : try_lock_lifetime(directory_fd);
}

const char* lock_lifetime_fault(LockLifetime lifetime) noexcept {
  switch (lifetime) {
    case LockLifetime::kMapping:
      return "a mapping keeps its file's lock there";
    case LockLifetime::kDescriptor:
      return "a mapping does not keep its file's lock there (overlayfs?), so that living processes "
             "would be taken for dead";
    case LockLifetime::kUnknown:
      return "it cannot be tried whether a mapping keeps its file's lock there";
  }
  return "";
}

}  // namespace notch::shm
