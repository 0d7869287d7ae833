// Which file a segment is, from what the kernel says of it.
// Called by: mapped_segment, segment_directory, folded_files, ledger, collect.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/files/keyed_hash.h"

namespace notch::agent {

// The identity of a segment, which comes from the kernel: the writer cannot forge it. The name is no
// part of it, because the owner may rename the file at any time.
struct SegmentIdentity {
  std::uint64_t inode = 0;
  std::uint64_t birth_ns = 0;  // statx btime, 0 where the file system has none
  std::string file_name;       // within the directory, when it was last seen

  bool operator==(const SegmentIdentity& other) const noexcept {
    return inode == other.inode && birth_ns == other.birth_ns;
  }
};

struct SegmentIdentityHash {
  std::size_t operator()(const SegmentIdentity& segment) const noexcept {
    const std::uint64_t words[] = {segment.inode, segment.birth_ns};
    return keyed_hash({reinterpret_cast<const char*>(words), sizeof words});
  }
};

inline constexpr unsigned kIdentityStatxMask = STATX_INO | STATX_BTIME;

// REQUIRES: `status` was asked for with kIdentityStatxMask.
inline SegmentIdentity identity_of(const struct statx& status, const std::string& name) {
  SegmentIdentity identity;
  identity.inode = status.stx_ino;
  if ((status.stx_mask & STATX_BTIME) != 0) {
    identity.birth_ns = static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 +
                        status.stx_btime.tv_nsec;
  }
  identity.file_name = name;
  return identity;
}

}  // namespace notch::agent
