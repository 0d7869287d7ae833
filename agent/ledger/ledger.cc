#include "agent/ledger/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "agent/files/directory_entry.h"
#include "agent/ledger/ledger_replay.h"
#include "shm/injection_point.h"

namespace notch::agent {

namespace {

constexpr std::uint64_t kWorthCompactingBytes = 1U << 20;
constexpr std::size_t kSnapshotChunkBytes = 1U << 20;
constexpr int kMostBroken = 9;
constexpr std::size_t kKeptPendingBytes = 1U << 22;

std::string with_error(std::string_view what, int error) {
  return std::string(what) + ": " + std::generic_category().message(error);
}

// Makes all of what `encode` adds part of `pending`, or nothing if it throws.
template <class Encode>
void add_whole(std::string& pending, const Encode& encode) {
  const std::size_t before = pending.size();
  try {
    encode();
  } catch (...) {
    pending.resize(before);
    throw;
  }
}

std::vector<std::uint32_t> families_of(std::span<const RecoveredRow> rows) {
  std::vector<std::uint32_t> families;
  families.reserve(rows.size());
  for (const RecoveredRow& row : rows) families.push_back(row.family);
  return families;
}

// Writes a snapshot in pieces, so that a large one is never whole in memory.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(OwnedFile& file) noexcept : file_(file) {}

  std::string& out() noexcept { return chunk_; }

  void flush_if_full() {
    if (chunk_.size() >= kSnapshotChunkBytes) flush();
  }

  // After a failure later calls do nothing.
  void flush() {
    if (error_ == 0) error_ = file_.write_at_end(chunk_, written_);
    if (error_ == 0) written_ += chunk_.size();
    chunk_.clear();
  }

  int error() const noexcept { return error_; }
  std::uint64_t written() const noexcept { return written_; }

 private:
  OwnedFile& file_;
  std::string chunk_;
  std::uint64_t written_ = 0;
  int error_ = 0;
};

void write_definitions(std::span<const Family> families, std::span<const RecoveredRow> rows,
                       SnapshotWriter& writer) {
  for (std::uint32_t id = 0; id < families.size(); ++id) {
    encode_family(id, families[id], writer.out());
    writer.flush_if_full();
  }
  RowChange total;
  for (std::uint32_t id = 0; id < rows.size(); ++id) {
    encode_row({id, rows[id].family, rows[id].labels, rows[id].owner_uid}, writer.out());
    total = rows[id].total;
    total.row = id;
    encode_total(total, rows[id].last_seen_boot_s, writer.out());
    writer.flush_if_full();
  }
}

// The rule that would keep a snapshot of these from being read again, or empty.
std::string snapshot_fault(std::span<const Family> families, std::span<const RecoveredRow> rows) {
  for (const Family& family : families) {
    if (const char* fault = family_fault(family)) return "family " + family.name + ": " + fault;
  }
  for (const RecoveredRow& row : rows) {
    if (row.family >= families.size()) return "row {" + row.labels + "}: its family is not given";
    if (const char* fault = change_fault(families[row.family], row.total)) {
      return "row " + families[row.family].name + "{" + row.labels + "}: " + fault;
    }
  }
  return {};
}

bool are_one_file(int directory_fd, const std::string& a, const std::string& b) {
  struct stat of_a {};
  struct stat of_b {};
  return look_at_entry(directory_fd, a, of_a) && look_at_entry(directory_fd, b, of_b) &&
         of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

}  // namespace

LedgerResult Ledger::failure(std::string_view what) const {
  return {false, "ledger " + file_name_ + ": " + std::string(what)};
}

LedgerResult Ledger::open(int directory_fd, const std::string& file_name, Recovered& recovered) {
  directory_fd_ = directory_fd;
  file_name_ = file_name;
  recovered = {};
  const std::optional<BootId> boot = read_boot_id();
  if (!boot) return failure("the kernel does not tell its boot id");
  boot_ = *boot;
  // Removes what a killed compact() left; if that fails, the next compact() will say so.
  (void)free_name(directory_fd_, file_name_ + ".new");
  set_stranger_aside(directory_fd_, file_name_);
  std::string why;
  OwnedFile file = OwnedFile::open(directory_fd_, file_name_, why);
  if (!why.empty()) return failure(why);
  if (!file.is_open()) return replace_file({}, {}, {});
  return recover(std::move(file), recovered);
}

LedgerResult Ledger::recover(OwnedFile file, Recovered& recovered) {
  const std::uint64_t bytes = file.size();
  Replay replay;
  {
    const MappedFile mapped(file);
    if (!mapped.ok()) return failure(with_error("cannot be mapped", errno));
    replay = replay_ledger(mapped.bytes(), boot_);
  }
  if (replay.outcome == ReplayOutcome::kRefused) {
    replay.recovered.broken_frames = 1;
    recovered = std::move(replay.recovered);
    return replace_broken(replay, recovered);
  }
  if (replay.outcome == ReplayOutcome::kOtherBoot) {
    recovered.discarded_other_boot = true;
    const LedgerResult aside = keep_aside(".other-boot");
    return aside.ok ? replace_file({}, {}, {}) : aside;
  }
  if (replay.recovered.broken_frames != 0) {
    recovered = std::move(replay.recovered);
    return replace_broken(replay, recovered);
  }
  if (replay.version < kLedgerVersion) {
    recovered = std::move(replay.recovered);
    return take_over(recovered);
  }
  if (replay.whole_bytes != bytes) {
    NOTCH_INJECTION_POINT("ledger.before_drop_torn");
    if (const int error = file.cut(replay.whole_bytes)) {
      return failure(with_error("its torn end cannot be cut", error));
    }
    NOTCH_INJECTION_POINT("ledger.after_drop_torn");
  }
  recovered = std::move(replay.recovered);
  file_ = std::move(file);
  file_bytes_ = replay.whole_bytes;
  compacted_bytes_ = replay.snapshot_bytes;
  folded_.insert(recovered.folded.begin(), recovered.folded.end());
  remember_definitions(recovered.families, recovered.rows);
  return {};
}

// The file stays, whole, under a name that says what it is; what is read from now on is a new one.
LedgerResult Ledger::replace_broken(const Replay& replay, Recovered& recovered) {
  const std::string kept = keep_as_broken();
  if (kept.empty()) return failure(with_error(replay.message + "; it cannot be set aside", errno));
  recovered.broken_message = "ledger " + file_name_ + ": ";
  if (replay.outcome == ReplayOutcome::kRefused) {
    recovered.broken_message += replay.message + "; totals start at zero";
  } else {
    recovered.broken_message +=
        std::to_string(recovered.broken_frames) +
        " frames break a rule (the header counts as one), the first: " + replay.message +
        "; all others are in force";
  }
  recovered.broken_message += ", and the file is kept as " + kept;
  return take_over(recovered);
}

// Writes what was read as a new file, in the bytes of this version.
LedgerResult Ledger::take_over(const Recovered& recovered) {
  folded_.insert(recovered.folded.begin(), recovered.folded.end());
  const LedgerResult result = replace_file(recovered.families, recovered.rows, recovered.services);
  if (result.ok) remember_definitions(recovered.families, recovered.rows);
  return result;
}

// The name the file got beside its own, empty if none (errno says why). It has one already if the
// agent was killed, or found no room, before the new ledger was there.
std::string Ledger::keep_as_broken() const {
  const std::string first = file_name_ + ".broken";
  for (int number = 1; number <= kMostBroken; ++number) {
    const std::string name = number == 1 ? first : first + "-" + std::to_string(number);
    set_stranger_aside(directory_fd_, name);
    if (linkat(directory_fd_, file_name_.c_str(), directory_fd_, name.c_str(), 0) == 0) return name;
    if (errno != EEXIST) return {};
    if (are_one_file(directory_fd_, file_name_, name)) return name;
    errno = EEXIST;
  }
  return {};
}

// By a second link, so that the name always has a whole ledger (LE4).
LedgerResult Ledger::keep_aside(const char* suffix) const {
  std::string aside = file_name_ + suffix;
  if (const int error = take_name(directory_fd_, aside)) {
    return failure(with_error("cannot free the name " + aside, error));
  }
  if (linkat(directory_fd_, file_name_.c_str(), directory_fd_, aside.c_str(), 0) != 0) {
    return failure(with_error("cannot be set aside as " + aside, errno));
  }
  return {};
}

std::uint32_t Ledger::define_family(const Family& family) {
  const auto id = static_cast<std::uint32_t>(families_.size());
  if (const char* fault = family_fault(family); fault != nullptr && definition_fault_.empty()) {
    definition_fault_ = "family " + family.name + ": " + fault;
  }
  add_whole(pending_, [&] {
    encode_family(id, family, pending_);
    families_.push_back(family);
  });
  return id;
}

std::uint32_t Ledger::define_row(std::uint32_t family, std::string_view labels,
                                 std::uint32_t owner_uid) {
  const auto id = static_cast<std::uint32_t>(row_families_.size());
  if (family >= families_.size() && definition_fault_.empty()) {
    definition_fault_ = "row {" + std::string(labels) + "}: its family is not defined";
  }
  add_whole(pending_, [&] {
    encode_row({id, family, labels, owner_uid}, pending_);
    row_families_.push_back(family);
  });
  return id;
}

void Ledger::define_service(const ServiceRecord& service) {
  add_whole(pending_, [&] { encode_service(service, pending_); });
}

const char* Ledger::fold_fault(const Fold& fold) const noexcept {
  for (const RowChange& change : fold.rows) {
    if (change.row >= row_families_.size()) return "its row is not defined";
    if (const char* fault = change_fault(families_[row_families_[change.row]], change)) {
      return fault;
    }
  }
  return fold_payload_bytes(fold) <= kMaxPayloadBytes ? nullptr : "too large for one frame";
}

LedgerResult Ledger::append(std::span<const Fold> folds, std::uint64_t now_boot_s) {
  if (!file_.is_open()) return failure("is not open");
  if (suspended_) return failure("the directory's lock is not this agent's");
  if (!definition_fault_.empty()) return failure(definition_fault_);
  for (const Fold& fold : folds) {
    if (const char* fault = fold_fault(fold)) {
      return failure("fold of " + fold.segment.file_name + ": " + fault);
    }
  }
  std::size_t remembered = 0;
  const std::size_t told_before = pending_.size();
  const auto forget = [&] {
    pending_.resize(told_before);
    for (const Fold& fold : folds.first(remembered)) folded_.erase(fold.segment);
  };
  try {
    for (const Fold& fold : folds) {
      if (!folded_.insert(fold.segment).second) {
        forget();
        return failure("fold of " + fold.segment.file_name + ": folded already");
      }
      ++remembered;
    }
    for (const Fold& fold : folds) encode_fold(fold, now_boot_s, pending_);
  } catch (...) {
    forget();
    throw;
  }
  if (pending_.empty()) return {};
  NOTCH_INJECTION_POINT("ledger.before_append");
  const int error = file_.write_at_end(pending_, file_bytes_);
  if (error != 0) {
    forget();
    return failure(with_error("cannot append", error));
  }
  NOTCH_INJECTION_POINT("ledger.after_append");
  file_bytes_ += pending_.size();
  pending_.clear();
  if (pending_.capacity() > kKeptPendingBytes) pending_.shrink_to_fit();
  return {};
}

void Ledger::removed(const SegmentIdentity& segment) {
  NOTCH_INJECTION_POINT("ledger.before_removed");
  if (folded_.contains(segment)) {
    add_whole(pending_, [&] { encode_segment(FrameKind::kRemoved, segment, pending_); });
    folded_.erase(segment);
  }
  NOTCH_INJECTION_POINT("ledger.after_removed");
}

LedgerResult Ledger::compact(std::span<const Family> families, std::span<const RecoveredRow> rows,
                             std::span<const ServiceRecord> services) {
  if (!file_.is_open()) return failure("is not open");
  if (suspended_) return failure("the directory's lock is not this agent's");
  const std::string fault = snapshot_fault(families, rows);
  if (!fault.empty()) return failure("cannot be compacted: " + fault);
  if (!is_in_place()) {
    set_stranger_aside(directory_fd_, file_name_);
    struct stat other {};
    if (look_at_entry(directory_fd_, file_name_, other)) {
      if (const LedgerResult aside = keep_aside(".replaced"); !aside.ok) return aside;
    }
  }
  // Made before, so that the file and these agree whatever memory there is.
  std::vector<Family> kept_families(families.begin(), families.end());
  std::vector<std::uint32_t> kept_rows = families_of(rows);
  LedgerResult result = replace_file(families, rows, services);
  if (!result.ok) return result;
  families_ = std::move(kept_families);
  row_families_ = std::move(kept_rows);
  pending_.clear();
  definition_fault_.clear();
  return result;
}

LedgerResult Ledger::replace_file(std::span<const Family> families,
                                  std::span<const RecoveredRow> rows,
                                  std::span<const ServiceRecord> services) {
  std::string temporary = file_name_ + ".new";
  if (const int error = take_name(directory_fd_, temporary)) {
    return failure(with_error("cannot free the name " + temporary, error));
  }
  NOTCH_INJECTION_POINT("ledger.compact_begin");
  std::string why;
  OwnedFile file = OwnedFile::create(directory_fd_, temporary, why);
  if (!file.is_open()) return failure(temporary + " " + why);
  NOTCH_INJECTION_POINT("ledger.compact_created");

  SnapshotWriter writer(file);
  encode_header(boot_, writer.out());
  write_definitions(families, rows, writer);
  writer.flush();
  NOTCH_INJECTION_POINT("ledger.compact_half_written");
  for (const SegmentIdentity& segment : folded_) {
    encode_segment(FrameKind::kAwaiting, segment, writer.out());
    writer.flush_if_full();
  }
  // Behind the rows, which have the names that these give them already.
  for (const ServiceRecord& service : services) {
    encode_service(service, writer.out());
    writer.flush_if_full();
  }
  encode_snapshot_end({families.size(), rows.size(), folded_.size()}, writer.out());
  writer.flush();
  if (writer.error() != 0) {
    unlinkat(directory_fd_, temporary.c_str(), 0);
    return failure(with_error("cannot write " + temporary, writer.error()));
  }
  NOTCH_INJECTION_POINT("ledger.compact_written");

  if (renameat(directory_fd_, temporary.c_str(), directory_fd_, file_name_.c_str()) != 0) {
    const int error = errno;
    unlinkat(directory_fd_, temporary.c_str(), 0);
    return failure(with_error("cannot rename " + temporary, error));
  }
  NOTCH_INJECTION_POINT("ledger.compact_renamed");
  file_ = std::move(file);
  NOTCH_INJECTION_POINT("ledger.compact_closed");
  file_bytes_ = writer.written();
  compacted_bytes_ = writer.written();
  doubtful_ = false;
  return {};
}

// From here on the file and these agree, and nothing waits to be written.
void Ledger::remember_definitions(std::span<const Family> families,
                                  std::span<const RecoveredRow> rows) {
  families_.assign(families.begin(), families.end());
  row_families_ = families_of(rows);
  pending_.clear();
  definition_fault_.clear();
}

bool Ledger::is_in_place() const {
  if (!has_a_name(directory_fd_)) return true;
  return !doubtful_ && file_.has_name(directory_fd_, file_name_);
}

bool Ledger::wants_compacting() const noexcept {
  return file_bytes_ - compacted_bytes_ >= std::max(kWorthCompactingBytes, compacted_bytes_);
}

}  // namespace notch::agent
