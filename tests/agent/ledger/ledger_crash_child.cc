// An agent in small for ledger_crash_test: folds the files of DIR/segments into DIR/ledger, removes
// them, compacts now and then, and has the kernel cut some of its writes short. Killed at will.
//   ledger_crash_child DIR SEED [WRONG]     0: every segment is folded and gone; 1: trouble
// A segment file `segment-N` stands for one change of every kind, made from N. WRONG is a rule of
// the ledger's to break on purpose, for the checker to find: refold, unlink-first, ignore-failure.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "agent/ledger/ledger.h"
#include "tests/agent/ledger/ledger_sample.h"

namespace notch::agent {
namespace {

void limit_file_bytes(rlim_t bytes) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = std::min(bytes, limit.rlim_max);
  setrlimit(RLIMIT_FSIZE, &limit);
}

class SmallAgent {
 public:
  SmallAgent(std::string directory, std::uint64_t seed, std::string wrong)
      : segments_(directory + "/segments"), random_(seed), wrong_(std::move(wrong)) {
    directory_fd_ = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  SmallAgent(const SmallAgent&) = delete;
  SmallAgent& operator=(const SmallAgent&) = delete;
  ~SmallAgent() { close(directory_fd_); }

  bool run() {
    if (!start()) return false;
    for (std::vector<Fold> folds = next_folds(); !folds.empty(); folds = next_folds()) {
      if (wrong_ == "unlink-first") unlink_segments(folds);
      if (!fold(folds)) return false;
      unlink_segments(folds);
      for (const Fold& folded : folds) ledger_.removed(folded.segment);
      if (const bool first = !std::exchange(compacted_some_, true);
          (first || one_in(4)) && !compact()) {
        return false;
      }
    }
    return ok(ledger_.append({}, 1));
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }

  static bool ok(const LedgerResult& result) {
    if (!result.ok) std::fprintf(stderr, "child: %s\n", result.message.c_str());
    return result.ok;
  }

  bool start() {
    Recovered recovered;
    if (!ok(ledger_.open(directory_fd_, "ledger", recovered))) return false;
    families_ = std::move(recovered.families);
    rows_ = std::move(recovered.rows);
    if (families_.empty()) {
      families_ = sample::families();
      for (const Family& family : families_) ledger_.define_family(family);
    } else if (families_.size() < sample::kFamilies) {  // the end was torn among the definitions
      for (std::size_t id = families_.size(); id < sample::kFamilies; ++id) {
        families_.push_back(sample::families()[id]);
        ledger_.define_family(families_.back());
      }
    }
    for (const SegmentIdentity& segment : recovered.folded) {
      if (wrong_ != "refold") unlink((segments_ + "/" + segment.file_name).c_str());
      ledger_.removed(segment);
    }
    return true;
  }

  std::uint32_t row_of(std::uint32_t family, const std::string& labels) {
    for (std::uint32_t row = 0; row < rows_.size(); ++row) {
      if (rows_[row].family == family && rows_[row].labels == labels) return row;
    }
    const std::uint32_t row = ledger_.define_row(family, labels);
    rows_.push_back({family, labels, 0, empty_total(families_[family], row)});
    return row;
  }

  Fold fold_of(const std::filesystem::path& path) {
    struct stat status {};
    stat(path.c_str(), &status);
    const std::string name = path.filename();
    const std::uint64_t number = std::strtoull(name.c_str() + name.find('-') + 1, nullptr, 10);
    Fold fold{{status.st_ino, 0, name}, {}};
    for (std::uint32_t family = 0; family < sample::kFamilies; ++family) {
      const std::uint32_t row = row_of(family, sample::labels_of(number));
      fold.rows.push_back(sample::make_change(row, family, number));
    }
    return fold;
  }

  std::vector<Fold> next_folds() {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(segments_)) {
      paths.push_back(entry.path());
    }
    std::ranges::sort(paths);
    paths.resize(std::min<std::size_t>(paths.size(), 1 + random_() % 3));
    std::vector<Fold> folds;
    for (const auto& path : paths) folds.push_back(fold_of(path));
    return folds;
  }

  bool fold(const std::vector<Fold>& folds) {
    const bool first = !std::exchange(folded_some_, true);
    if (first || one_in(3)) {
      // The kernel takes a part of this write and then no more.
      limit_file_bytes(ledger_.file_bytes() + 1 + random_() % (350 * folds.size()));
      const LedgerResult result = ledger_.append(folds, 1);
      limit_file_bytes(RLIM_INFINITY);
      if (result.ok || wrong_ == "ignore-failure") return add(folds);
    }
    return ok(ledger_.append(folds, 1)) && add(folds);
  }

  bool add(const std::vector<Fold>& folds) {
    for (const Fold& fold : folds) {
      for (const RowChange& change : fold.rows) {
        RecoveredRow& row = rows_[change.row];
        add_change(families_[row.family], change, row.total);
      }
    }
    return true;
  }

  void unlink_segments(const std::vector<Fold>& folds) const {
    for (const Fold& fold : folds) unlink((segments_ + "/" + fold.segment.file_name).c_str());
  }

  // In another order of rows, so that ids change.
  bool compact() {
    if (one_in(2)) {
      limit_file_bytes(1 + random_() % 1000);
      const LedgerResult result = ledger_.compact(families_, rows_);
      limit_file_bytes(RLIM_INFINITY);
      if (result.ok) return true;
    }
    std::vector<RecoveredRow> shuffled = rows_;
    std::ranges::shuffle(shuffled, random_);
    if (!ok(ledger_.compact(families_, shuffled))) return false;
    rows_ = std::move(shuffled);
    return true;
  }

  const std::string segments_;
  std::mt19937_64 random_;
  const std::string wrong_;
  int directory_fd_ = -1;
  bool folded_some_ = false;
  bool compacted_some_ = false;
  Ledger ledger_;
  std::vector<Family> families_;
  std::vector<RecoveredRow> rows_;
};

}  // namespace
}  // namespace notch::agent

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  signal(SIGXFSZ, SIG_IGN);
  notch::agent::SmallAgent agent(argv[1], std::strtoull(argv[2], nullptr, 10),
                                 argc > 3 ? argv[3] : "");
  return agent.run() ? 0 : 1;
}
