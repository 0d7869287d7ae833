// The default directory of segments. A program and the agent both take it from here, and so meet in
// the same one.
// Called by: client/settings, segment_file, the agent's daemon and segment_directory.
//
// Invariants
//   DF1  Both sides follow one order: /run/notch if it may be used (the agent: or made) and a
//        mapping keeps its file's lock there, else /dev/shm/notch.
//   DF2  The directory that is opened is no link. It belongs to root or to the process's own user, or it
//        lies where only root can make an entry. Any other owner may have put it there to read other
//        users' counts, or to make their calls wait on a file system of his own.
//   DF3  Async-signal-safe: no heap, no lock, no stdio.
#pragma once

#include <cstdint>

namespace notch::shm {

inline constexpr const char* kFirstDefaultDirectory = "/run/notch";
inline constexpr const char* kSecondDefaultDirectory = "/dev/shm/notch";

enum class DefaultUse : std::uint8_t {
  kJoin,  // a program: takes one that is there
  kMake,  // the agent: takes one that is there, or that it may make
};

// Never null. Cost: three or four system calls.
const char* default_directory(DefaultUse use) noexcept;

// Opens it with O_PATH and O_CLOEXEC. Returns the descriptor, or -1 with errno. EPERM: it is there
// and breaks DF2. Cost: four system calls, six where others may make entries beside it.
int open_default_directory(const char* path) noexcept;

// The text for that EPERM: a whole clause without a full stop.
inline constexpr const char* kNotTrusted =
    "it belongs neither to root nor to this user, or is a mount of its own, where anyone may have "
    "made it";

}  // namespace notch::shm
