// Keeps the counts of dead processes in a file beside the segments. The totals themselves live in the
// tally; the ledger makes every change to them survive a kill of the agent at any instruction.
// The file's bytes: LEDGER.md. Called by: tally (at start: open; on each death: append, then
// removed; now and then: compact). Not thread-safe.
//
// Invariants
//   LE1  A fold is in the file whole or not at all: recovery drops a torn tail by its checksum.
//   LE2  A segment whose fold is in the file is never folded again: recovery names it as `folded`,
//        and its file is only removed.
//   LE3  append() returns before the segment's file is removed; a kill between the two is LE2's case.
//   LE4  compact() replaces the file by rename: at every instant one whole ledger has the name.
//   LE5  A file that lost its name (removed, or its directory was) is written on; compact() gives the
//        directory a whole ledger again, and keeps aside what has the name by then.
//   LE6  Row and family ids are dense and stay the same until compact() or the next open().
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/family/family.h"
#include "agent/files/owned_file.h"
#include "agent/ledger/ledger_frame.h"
#include "agent/ledger/ledger_values.h"

namespace notch::agent {

struct Replay;

struct LedgerResult {
  bool ok = true;
  std::string message;  // names the file and the rule
};

class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger() = default;

  // Opens or creates `file_name` in the directory, recovers what it holds. A file of another owner
  // or a link is an error, and is left as it is. One of an older version is written anew in this
  // one. One of another boot is set aside under the name with `.other-boot`. One whose header or
  // frames break a rule is kept under the name with `.broken` (`.broken-2` and so on if there is
  // one already), and a new one is written of all that keeps the rules: of nothing, if the header
  // is of a newer version, or says nothing. Cost: one pass over the file. REQUIRES: not open yet;
  // the directory stays open for as long as the ledger.
  LedgerResult open(int directory_fd, const std::string& file_name, Recovered& recovered);

  // Both return the new id. Written with the next append(), not before.
  std::uint32_t define_family(const Family& family);
  std::uint32_t define_row(std::uint32_t family, std::string_view labels,
                           std::uint32_t owner_uid = kUnknownOwner);

  // A service that is new, holds its name from now on, or has more keys. Written with the next
  // append(); rows defined before it have the names that follow of it.
  void define_service(const ServiceRecord& service);

  // Makes `folds` part of the file by one write. On failure (disk full) nothing of them is in the
  // file, they may be tried again, and their segments must stay. A segment that is folded already,
  // an unknown row or a change that is not of its row's family is a failure too. Cost: one
  // write(2); none if there is nothing to write.
  LedgerResult append(std::span<const Fold> folds, std::uint64_t now_boot_s);

  // The segment's file is gone from the directory. Written with the next append(). Nothing if the
  // segment is not folded.
  void removed(const SegmentIdentity& segment);

  // Writes a new file holding just these families, rows and services and the segments still
  // awaiting removal, and takes it into use. Ids are from then on the indices of the given vectors (`total.row` is
  // not looked at). On failure all is as before. Cost: one pass over the rows, room for both files.
  LedgerResult compact(std::span<const Family> families, std::span<const RecoveredRow> rows,
                       std::span<const ServiceRecord> services = {});

  // Compacting writes into this directory from now on, which must stay open. The file stays where it
  // is until then.
  void move_to(int directory_fd) noexcept { directory_fd_ = directory_fd; }

  // While the directory's lock is not this agent's, another agent may write to the file: nothing is
  // appended or compacted. Afterwards the file is what compact() makes of it.
  void suspend() noexcept { suspended_ = doubtful_ = true; }
  void resume() noexcept { suspended_ = false; }

  // False if compact() is due, as the next agent would not find what is in this file: the name does
  // not lead to it, though the directory is there; or after resume(). Cost: four system calls.
  bool is_in_place() const;

  // True when the file has grown enough since the last compact() to be worth another.
  bool wants_compacting() const noexcept;
  std::uint64_t file_bytes() const noexcept { return file_bytes_; }

 private:
  LedgerResult failure(std::string_view what) const;
  LedgerResult recover(OwnedFile file, Recovered& recovered);
  LedgerResult keep_aside(const char* suffix) const;
  LedgerResult take_over(const Recovered& recovered);
  LedgerResult replace_broken(const Replay& replay, Recovered& recovered);
  std::string keep_as_broken() const;
  LedgerResult replace_file(std::span<const Family> families, std::span<const RecoveredRow> rows,
                            std::span<const ServiceRecord> services);
  const char* fold_fault(const Fold& fold) const noexcept;
  void remember_definitions(std::span<const Family> families, std::span<const RecoveredRow> rows);

  // Set by open().
  int directory_fd_ = -1;
  std::string file_name_;
  BootId boot_{};

  // Set by suspend() and resume().
  bool suspended_ = false;
  bool doubtful_ = false;  // and by compact()

  // The contents of the file; changed once a write has succeeded.
  OwnedFile file_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t compacted_bytes_ = 0;
  std::unordered_set<SegmentIdentity, SegmentIdentityHash> folded_;  // awaiting removal

  // The caller's folds and removals, written or not.
  std::vector<Family> families_;
  std::vector<std::uint32_t> row_families_;  // index: row id
  std::string pending_;                      // encoded definitions and removals for the next append
  std::string definition_fault_;             // a family or row that could never be read again
};

}  // namespace notch::agent
