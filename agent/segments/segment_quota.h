// Limits the room that segments take, per user and in all.
// Called by: collect.
//
// Invariants
//   SQ1  A segment is refused before it is read, and none that was taken is refused later: one that
//        grows past a limit keeps what it has, and what it adds is left out.
//   SQ2  Dead segments count until they are folded: what waits is bounded by the same limits.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "agent/files/accounts.h"

namespace notch::agent {

struct SegmentUsage {
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;  // memory the segments claim
  std::uint64_t series = 0;
  std::uint64_t cells = 0;         // of bound series: about 24 bytes of the agent's memory each
  std::uint64_t mapped_bytes = 0;  // address space; files are sparse, so not memory

  bool operator==(const SegmentUsage&) const = default;
};

struct SegmentLimits {
  SegmentUsage per_uid = {8'192, std::uint64_t{8} << 30, 2'000'000, 8'000'000,
                          std::uint64_t{4} << 40};
  SegmentUsage total = {16'384, std::uint64_t{16} << 30, 4'000'000, 16'000'000,
                        std::uint64_t{16} << 40};
};

// The same, with no more segments than there are descriptors for: each keeps one, and
// `kept_descriptors` are for connections, the ledger and the host's files. Of what is left a user has
// at most three quarters.
SegmentLimits within_descriptors(SegmentLimits limits, std::uint64_t descriptors,
                                 std::uint64_t kept_descriptors);

class SegmentQuota {
 public:
  explicit SegmentQuota(const SegmentLimits& limits, Accounts* accounts = nullptr)
      : limits_(limits), accounts_(accounts) {}

  // The limit one more segment of so many bytes would break, as used in the `reason` label; null if
  // there is none.
  const char* refusal(std::uint32_t uid, std::uint64_t bytes, std::uint64_t mapped_bytes) const;

  // One segment's part becomes `after` instead of `before`.
  void change(std::uint32_t uid, const SegmentUsage& before, const SegmentUsage& after);

  std::uint64_t series_left(std::uint32_t uid) const;
  std::uint64_t cells_left(std::uint32_t uid) const;
  std::uint64_t segments_left(std::uint32_t uid) const;
  std::uint64_t all_segments_left() const;
  const SegmentUsage& total() const noexcept { return total_; }

 private:
  const SegmentUsage& of(std::uint32_t uid) const;

  const SegmentLimits limits_;
  Accounts* const accounts_;
  SegmentUsage total_;
  std::unordered_map<std::uint32_t, SegmentUsage> by_uid_;  // accounts'
};

}  // namespace notch::agent
