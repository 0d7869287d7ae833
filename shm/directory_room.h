// Whether a directory of segments has room for so many bytes more: limits that hold with no agent
// to enforce them, of each user before of all. They keep room on the file system for others, and
// keep segments that no agent fetches from piling up.
// Called by: segment_file.
//
// Invariants
//   DR1  A user whose entries take less than kUsersPart of the file system, and are fewer than
//        kMostEntries, is refused for no other user's: only where the file system itself is full.
//   DR2  The usual case costs two system calls. Only near a limit is the directory looked at, and
//        then a sample of it (DS1).
//   DR3  Async-signal-safe: no heap, no lock, no stdio.
#pragma once

#include <cstdint>

namespace notch::shm {

// Of one user in a directory on tmpfs, by estimate.
inline constexpr std::uint64_t kMostEntries = 32768;

// Who makes more than this may not once less than a tenth of the file system is left, or what is
// in a directory on a small one is more than its share.
inline constexpr std::uint64_t kUsersPart = 64;
inline constexpr std::uint64_t kLeftPart = 10;

// A container's /dev/shm has 64 MiB by default, and a small host's /run not much more. Others live
// off it: PostgreSQL's parallel queries alone take some MiB each. A quarter of 64 MiB is room for
// some 150 to 350 processes; from 1 GiB on a tenth that is left free is room enough for others.
inline constexpr std::uint64_t kSmallFileSystemBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kSharePart = 4;

// What the file system says of itself. Of zero size: it has no limits.
struct FileSystemRoom {
  std::uint64_t size_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t free_files = 0;
  bool is_shared = true;  // false: the directory is its root, so that all of it is for segments
};

// What is in the directory, by estimate; `own` is of the user who asks, and 0 where a sample of the
// directory has too little of his to tell by (DR1).
struct DirectoryContents {
  std::uint64_t bytes = 0;
  std::uint64_t own_bytes = 0;
  std::uint64_t own_entries = 0;
};

// False with errno if the directory cannot be read.
bool look_at_contents(int directory_fd, std::uint32_t uid, DirectoryContents& contents) noexcept;

struct RoomVerdict {
  int cause = 0;                  // errno; 0: there is room
  const char* refusal = nullptr;  // in words, where errno says too little
};

// Whether `bytes` more are within all limits, whatever is in the directory: nobody need look.
bool is_room_for_all(const FileSystemRoom& system, std::uint64_t bytes) noexcept;

// Whether this user may have `bytes` more.
RoomVerdict judge_room(const FileSystemRoom& system, const DirectoryContents& contents,
                       std::uint64_t bytes) noexcept;

struct DirectoryRoom {
  RoomVerdict verdict;
  std::uint64_t device = 0;
  bool on_disk = false;   // not on tmpfs
  bool is_small = false;  // a directory there has a share, which growth is held to as well
};

// For a new segment of this user. Cost: two system calls, or DR2.
DirectoryRoom room_for_segment(int directory_fd, std::uint64_t bytes) noexcept;

// Whether the segment at the path may have so many bytes more, on a small file system. True too
// where the path leads nowhere by now (chroot): a program is not stopped by what cannot be asked.
//
// kFileSystem: by what the file system says alone, without a descriptor. Then there is none where the
// directory would have to be looked at.
enum class LookAt { kDirectory, kFileSystem };
bool is_room_for_growth(const char* segment_path, std::uint32_t uid, std::uint64_t bytes,
                        LookAt what) noexcept;

}  // namespace notch::shm
