// Decides whether a directory of segments has room for so many bytes more. The limits hold even with no
// agent to enforce them, and hold for each user before they hold for all. They keep room on the file
// system for others, and keep segments from piling up while no agent fetches them.
// Called by: segment_file.
//
// Invariants
//   DR1  A user whose entries take less than kUsersPart of the file system, and are fewer than
//        kMostEntries, is not refused because of other users' entries, but only where the file system
//        itself is full.
//   DR2  The usual case costs two system calls. The directory is read only near a limit, and then
//        a sample of it (DS1).
//   DR3  Async-signal-safe: no heap, no lock, no stdio.
#pragma once

#include <cstdint>

namespace notch::shm {

// The most entries of one user in a directory on tmpfs, by estimate.
inline constexpr std::uint64_t kMostEntries = 32768;

// The part of the file system that a user may have in any case. A user with more makes no segment once
// less than a tenth of the file system is left, or once a directory on a small one is past its share.
inline constexpr std::uint64_t kUsersPart = 64;
inline constexpr std::uint64_t kLeftPart = 10;

// A container's /dev/shm has 64 MiB by default, and a small host's /run not much more. Other programs
// need it too: PostgreSQL's parallel queries alone take some MiB each. A quarter of 64 MiB is room for
// some 150 to 350 processes. From 1 GiB on, the tenth that is left free is room enough for others.
inline constexpr std::uint64_t kSmallFileSystemBytes = std::uint64_t{1} << 30;
inline constexpr std::uint64_t kSharePart = 4;

// The file system's own figures. A size of zero means that it has no limits.
struct FileSystemRoom {
  std::uint64_t size_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t free_files = 0;
  bool is_shared = true;  // false: the directory is its root, and all of it is for segments
};

// The contents of the directory, by estimate. `own` is the asking user's part; it is 0 where the
// sample has too few of his entries for an estimate (DR1).
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

// True if `bytes` more are within all limits whatever is in the directory, which then need not be read.
bool is_room_for_all(const FileSystemRoom& system, std::uint64_t bytes) noexcept;

// Decides whether this user may have `bytes` more.
RoomVerdict judge_room(const FileSystemRoom& system, const DirectoryContents& contents,
                       std::uint64_t bytes) noexcept;

struct DirectoryRoom {
  RoomVerdict verdict;
  std::uint64_t device = 0;
  bool on_disk = false;   // not on tmpfs
  bool is_small = false;  // a directory on it has a share, and growth is held to that too
};

// For a new segment of this user. Cost: two system calls, or DR2.
DirectoryRoom room_for_segment(int directory_fd, std::uint64_t bytes) noexcept;

// True if the segment at the path may have so many bytes more, on a small file system. Also true
// where the path leads nowhere by now (chroot): a program is not stopped because nothing can be asked.
//
// kFileSystem: decides by the file system's own figures, without a descriptor, and refuses where it
// would have to read the directory.
enum class LookAt { kDirectory, kFileSystem };
bool is_room_for_growth(const char* segment_path, std::uint32_t uid, std::uint64_t bytes,
                        LookAt what) noexcept;

}  // namespace notch::shm
