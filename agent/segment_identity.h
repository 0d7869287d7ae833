// A file's SegmentIdentity from what the kernel says of it.
// Called by: mapped_segment, segment_directory.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "agent/ledger.h"

namespace notch::agent {

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
