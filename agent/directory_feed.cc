#include "agent/directory_feed.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "agent/clocks.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kLossLine_s = 60;
// At most so many polls of the directory in one turn of the loop (SD5 of segment_directory.h).
constexpr int kMostPolls = 8;

}  // namespace

void warn_of(const DirectoryResult& opened, const std::string& path) {
  if (opened.not_tmpfs)
    spdlog::warn("{} is not on tmpfs: programs can block while the disk is written", path);
  if (opened.owned_by_other)
    spdlog::warn("{} belongs to another user, who may remove segments", path);
  if (opened.not_sticky)
    spdlog::warn("{} is not sticky: any user may remove other users' segments", path);
}

void DirectoryFeed::take_changes() {
  collect_.move_to(directory_.fd());
  DirectoryChanges changes;
  int polls = 0;
  do {
    changes = directory_.poll();
    if (!changes.removed.empty()) collect_.removed(changes.removed);
    if (!changes.added.empty()) collect_.add(changes.added, moment_now());
  } while (changes.more && ++polls < kMostPolls);
  if (loss_ != changes.loss) collect_.hold_ledger(changes.loss != Loss::kLock);
  loss_ = changes.loss;
  if (changes.message != last_message_ && !changes.message.empty()) {
    spdlog::warn("{}", changes.message);
  }
  last_message_ = changes.message;
}

// Keeps DX1.
void DirectoryFeed::tell_anew() {
  directory_.tell_anew();
  collect_.forget_names();
}

void DirectoryFeed::tell_loss() {
  if (std::exchange(told_loss_, true)) return;
  spdlog::error("{}{}; running programs are still counted", directory_.path(),
                loss_ == Loss::kDirectory ? " was removed or replaced"
                                          : ": agent.lock was removed or replaced");
}

void DirectoryFeed::regain(const Moment& now) {
  if (!is_lost()) return;
  tell_loss();
  const DirectoryResult regained = directory_.regain();
  if (!regained.ok) {
    if (now.boot_s < next_loss_boot_s_) return;
    next_loss_boot_s_ = now.boot_s + kLossLine_s;
    spdlog::error("new programs are not seen: {}", regained.message);
    return;
  }
  ++regained_;
  told_loss_ = false;
  next_loss_boot_s_ = 0;
  spdlog::warn("segments are in {} again", directory_.path());
  warn_of(regained, directory_.path());
  take_changes();
  drop_former();
}

void DirectoryFeed::tidy(const Moment& now) {
  directory_.remove_half_born(now.boot_s);
  drop_former();
}

void DirectoryFeed::drop_former() {
  directory_.drop_former([this](int fd) { return collect_.uses_directory(fd); });
}

}  // namespace notch::agent
