// Figures about collecting, for the agent's own metrics. Totals never fall while the agent runs, and
// start at zero with it.
// Made by: collect.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "agent/family/conflict.h"
#include "agent/services/service_rename.h"
#include "shm/layout.h"

namespace notch::agent {

struct EndCounts {
  std::uint64_t closed = 0;
  std::uint64_t exec = 0;
  std::uint64_t killed = 0;
};

struct CollectStats {
  // Now.
  std::uint64_t live_segments = 0;
  std::uint64_t dead_segments = 0;       // waiting to be folded, or (per process) lingering
  std::uint64_t nameless_segments = 0;   // among both: their owner removed the file
  std::uint64_t rejected_segments = 0;   // files remembered as no segments
  std::uint64_t waiting_segments = 0;    // files that there was no room for yet
  std::uint64_t unremoved_segments = 0;  // folded, but their files are not known to be gone
  std::uint64_t series = 0;              // bound, over all segments
  std::uint64_t rows = 0;
  std::uint64_t slots = 0;
  std::uint64_t ledger_rows = 0;
  std::uint64_t ledger_bytes = 0;
  std::uint64_t mapped_bytes = 0;   // address space
  std::uint64_t claimed_bytes = 0;  // memory, as the writers claim it
  double gather_s = 0;              // the last gather's duration

  // Totals.
  std::map<std::string_view, std::uint64_t> rejected;  // by reason
  std::map<std::string_view, std::uint64_t> removed;   // of these files, by the same reason
  std::array<std::uint64_t, kConflicts> conflicts{};   // index: Conflict
  // Index: shm::DropReason. kNullHandle: the sum of the integers added through null handles.
  std::array<std::uint64_t, shm::kDropReasons> drops{};
  std::map<std::string, EndCounts> ends;  // by service
  // Index: NameChange. Segments shown under another name; for kDisplaced, services.
  std::array<std::uint64_t, kNameChanges> renamed_services{};
  std::uint64_t folds = 0;
  std::uint64_t fold_failures = 0;        // appends to the ledger that failed
  std::uint64_t ledger_replacements = 0;  // its file had lost its name and was written anew
  std::uint64_t broken_frames = 0;        // of the ledger, when it was opened
  std::uint64_t overflowed_rows = 0;
  std::uint64_t retired_rows = 0;
  std::uint64_t not_finite = 0;  // readings left out
  std::uint64_t resets = 0;      // slots shown higher than they summed to
  std::uint64_t gathers = 0;

  // The last file left out, and why; empty if none was.
  std::string rejected_message;

  // The last service that is shown under another name, and why; empty if none is.
  std::string service_message;

  // The last thing the ledger refused, empty if it works.
  std::string ledger_message;
};

}  // namespace notch::agent
