#include "shm/directory_room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "shm/descriptor.h"
#include "shm/directory_sample.h"
#include "shm/kernel_identity.h"

namespace notch::shm {
namespace {

// Twice as many as the smallest segments, of 16 KiB, that the share of 64 MiB has room for: what is
// in it is known to the page, whatever else lies there. Were it estimated, each try would be another
// draw, and who tries again would get past the share. Beyond so many the error is some percent.
constexpr std::uint64_t kSamples = 2048;

// With fewer samples of a user, his part is a guess: one sample stands for many entries, which may be others'.
constexpr std::uint64_t kLeastSamples = kSamples / kUsersPart;

// A directory entry of tmpfs counts 20 bytes in the directory's size (BOGO_DIRENT_SIZE,
// mm/shmem.c).
constexpr std::uint64_t kTmpfsEntryBytes = 20;

constexpr std::uint64_t kStatBlockBytes = 512;

constexpr const char* kTooManyEntries = "this user has too many files there";
constexpr const char* kPastShare =
    "what is in the directory is a quarter of its small file system, which is left to others";

FileSystemRoom room_of(const struct statfs& told) noexcept {
  const auto block = static_cast<std::uint64_t>(told.f_frsize != 0 ? told.f_frsize : told.f_bsize);
  return {told.f_blocks * block, (told.f_blocks - told.f_bfree) * block,
          told.f_bavail * block, told.f_files,
          told.f_ffree,          true};
}

// A tmpfs gives its root the first number, from Linux 5.9 on; before, every one counts as shared.
bool is_root_of_tmpfs(const struct stat& directory) noexcept {
  return directory.st_ino == 1;
}

bool is_small(const FileSystemRoom& system) noexcept {
  return system.is_shared && system.size_bytes != 0 && system.size_bytes < kSmallFileSystemBytes;
}

bool is_nearly_full(const FileSystemRoom& system) noexcept {
  return system.size_bytes != 0 && system.available_bytes < system.size_bytes / kLeftPart;
}

bool is_nearly_out_of_files(const FileSystemRoom& system) noexcept {
  return system.files != 0 && system.free_files < system.files / kLeftPart;
}

RoomVerdict look_and_judge(int directory_fd, std::uint32_t uid, const FileSystemRoom& system,
                           std::uint64_t bytes) noexcept {
  DirectoryContents contents;
  if (!look_at_contents(directory_fd, uid, contents)) return {errno, nullptr};
  return judge_room(system, contents, bytes);
}

}  // namespace

bool look_at_contents(int directory_fd, std::uint32_t uid, DirectoryContents& contents) noexcept {
  DirectorySample sample(directory_fd, kSamples);
  if (!sample.readable()) return false;
  std::uint64_t own_samples = 0;
  struct stat status {};
  while (sample.next(status)) {
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(status.st_blocks) * kStatBlockBytes * sample.stride();
    contents.bytes += bytes;
    if (status.st_uid != uid) continue;
    contents.own_bytes += bytes;
    contents.own_entries += sample.stride();
    ++own_samples;
  }
  if (sample.stride() > 1 && own_samples < kLeastSamples)
    contents.own_bytes = contents.own_entries = 0;
  return true;
}

bool is_room_for_all(const FileSystemRoom& system, std::uint64_t bytes) noexcept {
  if (is_nearly_full(system) || is_nearly_out_of_files(system)) return false;
  return !is_small(system) || system.used_bytes + bytes <= system.size_bytes / kSharePart;
}

RoomVerdict judge_room(const FileSystemRoom& system, const DirectoryContents& contents,
                       std::uint64_t bytes) noexcept {
  if (contents.own_entries >= kMostEntries) return {EDQUOT, kTooManyEntries};
  const bool has_much = contents.own_bytes + bytes > system.size_bytes / kUsersPart;
  if (is_nearly_full(system) && has_much) return {ENOSPC, nullptr};
  if (is_nearly_out_of_files(system) && contents.own_entries >= system.files / kUsersPart)
    return {ENOSPC, nullptr};
  const bool past_share = contents.bytes + bytes > system.size_bytes / kSharePart;
  if (is_small(system) && past_share && has_much) return {ENOSPC, kPastShare};
  return {};
}

DirectoryRoom room_for_segment(int directory_fd, std::uint64_t bytes) noexcept {
  DirectoryRoom room;
  struct statfs told {};
  struct stat directory {};
  if (fstatfs(directory_fd, &told) != 0 || !kernel_fstat(directory_fd, directory)) {
    room.verdict.cause = errno;
    return room;
  }
  FileSystemRoom system = room_of(told);
  room.device = directory.st_dev;
  room.on_disk = told.f_type != TMPFS_MAGIC && told.f_type != RAMFS_MAGIC;
  system.is_shared = room.on_disk || !is_root_of_tmpfs(directory);
  room.is_small = is_small(system);
  const bool many_entries =
      !room.on_disk &&
      static_cast<std::uint64_t>(directory.st_size) / kTmpfsEntryBytes >= kMostEntries;
  if (many_entries || !is_room_for_all(system, bytes))
    room.verdict = look_and_judge(directory_fd, kernel_euid(), system, bytes);
  return room;
}

bool is_room_for_growth(const char* segment_path, std::uint32_t uid, std::uint64_t bytes,
                        LookAt what) noexcept {
  struct statfs told {};
  if (statfs(segment_path, &told) != 0) return true;
  const FileSystemRoom system = room_of(told);
  if (is_room_for_all(system, bytes)) return true;
  if (what == LookAt::kFileSystem) return false;
  char directory[256];
  const char* const name = strrchr(segment_path, '/');
  if (name == nullptr) return true;
  const auto length = static_cast<std::size_t>(name - segment_path);
  if (length >= sizeof directory) return true;
  memcpy(directory, segment_path, length);
  directory[length] = '\0';
  const PlaceDescriptor place(directory, O_DIRECTORY);
  return place.get() < 0 || look_and_judge(place.get(), uid, system, bytes).cause == 0;
}

}  // namespace notch::shm
