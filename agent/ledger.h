// What dead processes counted, kept in a file beside the segments. The totals themselves live in
// the tally; the ledger makes every change to them survive a kill of the agent at any instruction.
// Called by: tally (at start: open; on each death: append, then removed; now and then: compact).
//
// Invariants
//   J1  A fold is in the file whole or not at all: recovery drops a torn tail by its checksum.
//   J2  A segment whose fold is in the file is never folded again: recovery names it as `folded`,
//   and
//       its file is only removed.
//   J3  append() returns before the segment's file is removed; a kill between the two is J2's case.
//   J4  compact() replaces the file by rename: at every instant one whole ledger has the name.
//   J5  Row and family ids are dense and stay the same until compact() or the next open().
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/family.h"

namespace notch::agent {

// Who a segment is, as the kernel tells it: the writer cannot forge it.
struct SegmentIdentity {
  std::uint64_t inode = 0;
  std::uint64_t birth_ns = 0;  // statx btime, 0 where the file system has none
  std::string file_name;       // within the directory

  bool operator==(const SegmentIdentity&) const = default;
};

// A change of one row. `slots` as in snapshot.h for the family's type, as amounts to add (u64 and
// i64 wrapping; sums of histograms and float counters as double bits, added as doubles). A gauge of
// mode last has two slots, [complement of bits, monotonic ns], which replace the row's if their
// time is larger. Native histograms: slots are [zero_count, sum bits], buckets in `positive`,
// `negative`.
struct RowChange {
  std::uint32_t row = 0;
  std::vector<std::uint64_t> slots;
  std::vector<std::pair<std::int32_t, std::uint64_t>> positive;
  std::vector<std::pair<std::int32_t, std::uint64_t>> negative;
};

struct Fold {
  SegmentIdentity segment;
  std::vector<RowChange> rows;
};

struct RecoveredRow {
  std::uint32_t family = 0;
  std::string labels;  // as Row::labels
  std::uint64_t last_seen_unix_s = 0;
  RowChange total;  // the sum of all folds
};

struct Recovered {
  std::vector<Family> families;         // index: family id
  std::vector<RecoveredRow> rows;       // index: row id
  std::vector<SegmentIdentity> folded;  // folded, but not yet known to be removed
  std::uint64_t torn_bytes = 0;         // dropped from the end
  bool discarded_other_boot =
      false;  // the file was of another boot: its totals start again at zero
};

struct LedgerResult {
  bool ok = true;
  std::string message;  // names the file and the rule
};

class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  // Opens or creates `file_name` in the directory, recovers what it holds. A file of another owner,
  // a link, a newer version or another magic is an error, and the file is left as it is.
  LedgerResult open(int directory_fd, const std::string& file_name, Recovered& recovered);

  // Both return the new id. Written with the next append(), not before.
  std::uint32_t define_family(const Family& family);
  std::uint32_t define_row(std::uint32_t family, std::string_view labels);

  // Makes `folds` part of the file by one write. On failure (disk full) nothing of them is in the
  // file, they may be tried again, and their segments must stay. Cost: one write(2).
  LedgerResult append(std::span<const Fold> folds, std::uint64_t now_unix_s);

  // The segment's file is gone from the directory. Written with the next append().
  void removed(const SegmentIdentity& segment);

  // Writes a new file holding just these families and rows and the segments still awaiting removal,
  // and takes it into use. Ids are from then on the indices of the given vectors.
  LedgerResult compact(std::span<const Family> families, std::span<const RecoveredRow> rows);

  // True when the file has grown enough since the last compact() to be worth another.
  bool wants_compacting() const noexcept;
  std::uint64_t file_bytes() const noexcept { return file_bytes_; }

 private:
  int directory_fd_ = -1;
  int fd_ = -1;
  std::string file_name_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t compacted_bytes_ = 0;
  std::uint32_t next_family_ = 0;
  std::uint32_t next_row_ = 0;
  std::string pending_;                  // encoded definitions and removals for the next append
  std::vector<SegmentIdentity> folded_;  // awaiting removal
};

}  // namespace notch::agent
