// Reads a whole ledger into what it says: one pass over bytes, frame by frame, no file.
// Called by: ledger (open), the crash model and the fuzz target.
//
// Invariants
//   LR1  What a killed writer leaves is read: the torn end, from the first frame that is not whole,
//        is left out and counted. What no crash leaves (a whole frame that breaks a rule, a snapshot
//        without its end) is counted apart, and what of it keeps the rules is taken; so are all
//        frames behind it. A file whose header is not ours is refused; one whose header is damaged,
//        but was of this boot, is read as one with a broken frame.
//   LR2  Changes are added in file order by add_change() alone (VL1).
//   LR3  Memory is proportional to the families, rows and waiting segments, not to the folds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "agent/ledger/ledger_frame.h"
#include "agent/ledger/ledger_values.h"

namespace notch::agent {

enum class ReplayOutcome : std::uint8_t {
  kRead,       // `recovered` holds what the ledger says
  kOtherBoot,  // a ledger, but of another boot: nothing else of it was read
  kRefused,    // `message` names the rule it breaks and where
};

struct Replay {
  ReplayOutcome outcome = ReplayOutcome::kRefused;
  std::string message;  // why it is refused; or the first frame that breaks a rule, and the rule
  Recovered recovered;
  std::uint32_t version = 0;         // of the file
  std::uint64_t whole_bytes = 0;     // where the torn end begins
  std::uint64_t snapshot_bytes = 0;  // what the last compaction wrote
};

// Cost: one pass over the bytes. Never throws but for lack of memory.
Replay replay_ledger(std::span<const std::byte> file, const BootId& this_boot);

}  // namespace notch::agent
