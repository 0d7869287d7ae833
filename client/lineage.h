// The lineage key: the same in all processes that were forked from one another, whatever users they
// become, and known to no others. By it the agent tells a service's own processes from the processes
// of another user who took its name. Called by: settings.
//
// Invariants
//   LK1  It is made without a system call, of the random bytes that the kernel gave this program
//        when it was executed (AT_RANDOM). A fork inherits these, so the key exists before any fork.
//   LK2  Those bytes guard the stack, and cannot be found from the key: it is SipHash-2-4's output
//        of 128 bits, a pseudorandom function, with them as its key.
#pragma once

#include <cstdint>
#include <string_view>

#include "shm/layout.h"

namespace notch::client {

inline constexpr const char* kLineageVariable = "NOTCH_LINEAGE";

// SipHash-2-4 of `text`, with 128 bits of output.
void keyed_hash(const std::uint8_t (&key)[16], std::string_view text,
                std::uint8_t (&out)[16]) noexcept;

// The key handed over an exec by `handed_on` (32 hex digits in small letters, not all zero), else
// this program's own; zero if the kernel gave no random bytes. Async-signal-safe.
void find_lineage_key(const char* handed_on, std::uint8_t (&key)[shm::kLineageKeyBytes]) noexcept;

}  // namespace notch::client
