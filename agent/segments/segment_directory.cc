#include "agent/segments/segment_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "agent/files/directory_entry.h"
#include "agent/files/owned_file.h"
#include "agent/segments/segment_identity.h"
#include "shm/default_directory.h"
#include "shm/lock_lifetime.h"

namespace notch::agent {
namespace {

constexpr const char* kLockName = "agent.lock";
constexpr mode_t kDirectoryMode = 03777;
constexpr mode_t kLockMode = 0640;
constexpr std::uint32_t kWatched = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
                                   IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::size_t kLongestEvent_bytes = sizeof(inotify_event) + NAME_MAX + 1;

enum class NameKind { kSegment, kHalfBorn, kOwn, kOther };

// The ledger and what replaces it, and the lock.
bool is_own(std::string_view name) {
  return name == kLockName || name.starts_with("agent.") || name == "." || name == "..";
}

NameKind kind_of(std::string_view name) {
  if (is_own(name)) return NameKind::kOwn;
  if (name.starts_with('.')) {
    return name.ends_with(kHalfBornSuffix) ? NameKind::kHalfBorn : NameKind::kOther;
  }
  return name.ends_with(kSegmentSuffix) ? NameKind::kSegment : NameKind::kOther;
}

DirectoryResult failure(const std::string& what, const std::string& path, int error = 0) {
  DirectoryResult result;
  result.ok = false;
  result.message = what + " " + path;
  if (error != 0) result.message += std::string(": ") + std::strerror(error);
  return result;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool same_file(int a, int b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 && same_file(of_a, of_b);
}

struct Entry {
  std::string name;
  std::uint64_t inode = 0;
};

// A listing needs a descriptor of its own: it moves the offset, and closedir() closes it.
std::vector<Entry> entries_in(int directory_fd, int& error) {
  std::vector<Entry> entries;
  const int fd = ::openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* stream = fd < 0 ? nullptr : ::fdopendir(fd);
  error = stream == nullptr ? errno : 0;
  if (stream == nullptr) {
    if (fd >= 0) ::close(fd);
    return entries;
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> closing(stream, &::closedir);
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    entries.push_back({entry->d_name, entry->d_ino});
  }
  error = errno;
  return entries;
}

std::string holder_of(int lock_fd) {
  std::array<char, 32> text{};
  const ssize_t bytes = ::pread(lock_fd, text.data(), text.size() - 1, 0);
  const long pid = bytes > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
  return pid > 0 ? "process " + std::to_string(pid) : "another process";
}

bool write_pid(int lock_fd) {
  const std::string text = std::to_string(::getpid()) + "\n";
  return ::ftruncate(lock_fd, 0) == 0 &&
         ::pwrite(lock_fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

// The name of a file that shows that the directory is not for segments and was given by mistake. Empty if
// it has held segments or an agent, or has the mode of a directory made for segments: there every user
// may leave a file, and must not keep the agent out by it. Files that mkfs leaves in a new ext4 do not
// count.
std::string foreign_name(const std::vector<Entry>& entries, mode_t mode) {
  if ((mode & 07777) == kDirectoryMode) return "";
  std::string foreign;
  for (const auto& [name, inode] : entries) {
    const NameKind kind = kind_of(name);
    if (kind == NameKind::kSegment || name.starts_with("agent.")) return "";
    if (kind != NameKind::kOther || name == "lost+found") continue;
    if (foreign.empty() || name < foreign) foreign = name;
  }
  return foreign;
}

}  // namespace

DirectoryResult SegmentDirectory::open(const std::string& path, bool create, Named named) {
  *this = SegmentDirectory();
  SegmentDirectory opened;
  opened.path_ = path;
  opened.create_ = create;
  opened.named_ = named;
  const DirectoryResult directory = opened.open_directory();
  if (!directory.ok) return directory;
  DirectoryResult result = opened.examine();
  if (result.ok) {
    const DirectoryResult locks = opened.check_locks();
    if (!locks.ok) return locks;
    const DirectoryResult lock = opened.take_lock();
    if (!lock.ok) return lock;
    (void)opened.watch();  // poll() lists without it
    *this = std::move(opened);
  }
  return result;
}

DirectoryResult SegmentDirectory::open_directory() {
  const bool made = create_ && ::mkdir(path_.c_str(), 0700) == 0;
  if (create_ && !made && errno != EEXIST) return failure("cannot create", path_, errno);
  if (named_ == Named::kByDefault) {
    const FileDescriptor place(shm::open_default_directory(path_.c_str()));
    if (!place.valid() && errno == EPERM) {
      return failure(std::string("not to be trusted, as ") + shm::kNotTrusted +
                         "; remove it, or name a directory by --dir:",
                     path_);
    }
    if (!place.valid()) return failure("cannot open the directory", path_, errno);
    directory_ = FileDescriptor(::openat(place.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  } else {
    directory_ =
        FileDescriptor(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!directory_.valid()) return failure("cannot open the directory", path_, errno);
  // Not by mkdir's mode, which the umask would narrow.
  if (made && ::fchmod(directory_.get(), kDirectoryMode) != 0) {
    return failure("cannot set mode 3777 of", path_, errno);
  }
  return {};
}

DirectoryResult SegmentDirectory::examine() const {
  struct stat status {};
  struct statfs file_system {};
  if (::fstat(directory_.get(), &status) != 0 || ::fstatfs(directory_.get(), &file_system) != 0) {
    return failure("cannot examine", path_, errno);
  }
  int error = 0;
  const std::vector<Entry> entries = entries_in(directory_.get(), error);
  if (error != 0) return failure("cannot list", path_, error);
  if (const std::string foreign = foreign_name(entries, status.st_mode); !foreign.empty()) {
    return failure("not a directory of segments, as it holds " + foreign +
                       "; one that is empty or missing will do:",
                   path_);
  }
  DirectoryResult result;
  result.not_tmpfs = file_system.f_type != TMPFS_MAGIC;
  result.owned_by_other = status.st_uid != ::geteuid();
  result.not_sticky = (status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0;
  return result;
}

DirectoryResult SegmentDirectory::check_locks() const {
  const shm::LockLifetime lifetime = shm::lock_lifetime(directory_.get());
  if (lifetime == shm::LockLifetime::kMapping) return {};
  const int error = lifetime == shm::LockLifetime::kUnknown ? errno : 0;
  return failure(std::string("not a place for segments, as ") + shm::lock_lifetime_fault(lifetime) +
                     "; one on tmpfs will do:",
                 path_, error);
}

DirectoryResult SegmentDirectory::take_lock() {
  const std::string lock_path = path_ + "/" + kLockName;
  set_stranger_aside(directory_.get(), kLockName);
  lock_ = open_entry(directory_.get(), kLockName, O_RDWR | O_CREAT, kLockMode);
  if (!lock_.valid() && errno == EACCES) {
    return failure("another user's agent has used the directory: cannot open its lock", lock_path,
                   errno);
  }
  if (!lock_.valid()) return failure("cannot open the agent's lock", lock_path, errno);
  struct stat status {};
  if (::fstat(lock_.get(), &status) != 0) return failure("cannot examine", lock_path, errno);
  if (!S_ISREG(status.st_mode)) return failure("the agent's lock is not a file:", lock_path);
  if (status.st_uid != ::geteuid()) {
    return failure("the agent's lock belongs to uid " + std::to_string(status.st_uid) + ":",
                   lock_path);
  }
  if (status.st_nlink != 1) return failure("the agent's lock has a second name:", lock_path);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failure("cannot lock", lock_path, errno);
    return failure(holder_of(lock_.get()) + " is the agent of", path_);
  }
  // Locked, but perhaps not what has the name by now: then another agent may hold that.
  struct stat named {};
  if (!look_at_entry(directory_.get(), kLockName, named) || !same_file(status, named)) {
    return failure("the agent's lock was replaced while it was taken:", lock_path);
  }
  if (!write_pid(lock_.get())) return failure("cannot write", lock_path, errno);
  return {};
}

std::string SegmentDirectory::watch() {
  if (watched()) return "";
  if (!watch_.valid()) watch_ = FileDescriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch_.valid()) return failure("cannot make an inotify instance for", path_, errno).message;
  // By the descriptor, so that what is watched is what was opened.
  const std::string opened = "/proc/self/fd/" + std::to_string(directory_.get());
  watched_ = ::inotify_add_watch(watch_.get(), opened.c_str(), kWatched);
  if (!watched()) return failure("cannot watch", path_, errno).message;
  listing_due_ = true;  // no event tells of what came before
  return "";
}

// Whether the lock that this agent has is the one of that name.
bool SegmentDirectory::has_lock() const {
  struct stat held {};
  struct stat named {};
  return lock_.valid() && ::fstat(lock_.get(), &held) == 0 &&
         look_at_entry(directory_.get(), kLockName, named) && same_file(held, named);
}

Loss SegmentDirectory::loss() const {
  struct stat here {};
  struct stat named {};
  if (::fstat(directory_.get(), &here) != 0 || ::stat(path_.c_str(), &named) != 0 ||
      !same_file(here, named) || here.st_nlink == 0) {  // a mount may lead to a removed one
    return Loss::kDirectory;
  }
  return has_lock() ? Loss::kNone : Loss::kLock;
}

DirectoryChanges SegmentDirectory::poll() {
  DirectoryChanges changes;
  if (!directory_.valid()) return changes;
  changes.loss = loss();
  read_events(changes);
  if (listing_due_ || !watched()) list(changes);
  if (changes.loss == Loss::kLock) {
    for (const std::string& name : changes.added) known_.erase(name);
    changes.added.clear();
  }
  return changes;
}

void SegmentDirectory::tell_anew() noexcept {
  known_.clear();
  listing_due_ = true;
}

// For a directory other than the one that is open: one that was open before is locked already.
DirectoryResult SegmentDirectory::take_new_lock(SegmentDirectory& found) const {
  const DirectoryResult examined = found.examine();
  if (!examined.ok) return examined;
  struct stat before {};
  struct stat now {};
  if (::fstat(directory_.get(), &before) != 0 || ::fstat(found.directory_.get(), &now) != 0) {
    return failure("cannot examine", path_, errno);
  }
  if (now.st_uid != 0 && now.st_uid != ::geteuid() && now.st_uid != before.st_uid) {
    return failure("not to be trusted, as it belongs to uid " + std::to_string(now.st_uid) +
                       " and did not before:",
                   path_);
  }
  const DirectoryResult locks = found.check_locks();
  if (!locks.ok) return locks;
  const DirectoryResult lock = found.take_lock();
  return lock.ok ? examined : lock;
}

DirectoryResult SegmentDirectory::regain() {
  SegmentDirectory found;
  found.path_ = path_;
  found.create_ = create_;
  found.named_ = named_;
  DirectoryResult result = found.open_directory();
  if (!result.ok) return result;
  if (same_file(found.directory_.get(), directory_.get())) {
    if (!has_lock()) {
      result = found.take_lock();
      if (result.ok) lock_ = std::move(found.lock_);
    }
    listing_due_ = true;
    return result;
  }
  former_.reserve(former_.size() + 1);  // so that nothing below throws between two descriptors
  const auto back = std::ranges::find_if(former_, [&](const Former& former) {
    return same_file(former.directory.get(), found.directory_.get());
  });
  if (back != former_.end()) {
    // With the descriptor that the caller knows it by.
    std::swap(found.directory_, back->directory);
    std::swap(found.lock_, back->lock);
  }
  if (!found.has_lock()) result = take_new_lock(found);
  if (back != former_.end() && !result.ok) {
    std::swap(found.directory_, back->directory);
    std::swap(found.lock_, back->lock);
  }
  if (!result.ok) return result;
  if (back != former_.end()) former_.erase(back);
  former_.push_back({std::exchange(directory_, std::move(found.directory_)),
                     std::exchange(lock_, std::move(found.lock_))});
  if (watched()) ::inotify_rm_watch(watch_.get(), std::exchange(watched_, -1));
  known_.clear();
  half_born_.clear();
  listing_due_ = true;
  listed_before_ = false;
  (void)watch();
  return result;
}

void SegmentDirectory::drop_former(const std::function<bool(int directory_fd)>& in_use) {
  std::erase_if(former_, [&](const Former& former) { return !in_use(former.directory.get()); });
}

void SegmentDirectory::read_events(DirectoryChanges& changes) {
  // The buffer has room for at most this many events, with the shortest names.
  constexpr std::size_t kEventBytes = sizeof(inotify_event) + 16;
  alignas(inotify_event) std::array<char, 16384> buffer;
  for (std::size_t events = 0; events < kMostEvents;) {
    const std::size_t room = std::min(buffer.size(), (kMostEvents - events) * kEventBytes);
    const ssize_t bytes = ::read(watch_.get(), buffer.data(), std::max(room, kLongestEvent_bytes));
    if (bytes <= 0) return;
    const char* at = buffer.data();
    while (at < buffer.data() + bytes) {
      ++events;
      inotify_event event;
      std::memcpy(&event, at, sizeof(event));
      const std::string name(at + sizeof(event), strnlen(at + sizeof(event), event.len));
      at += sizeof(event) + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) listing_due_ = true;
      if (event.wd != watched_) continue;  // of a former directory
      if ((event.mask & IN_IGNORED) != 0) watched_ = -1;
      if (event.len > 0) on_event(event.mask, name, changes);
    }
  }
  changes.more = true;
}

void SegmentDirectory::on_event(std::uint32_t mask, const std::string& name,
                                DirectoryChanges& changes) {
  const NameKind kind = kind_of(name);
  const bool appeared = (mask & (IN_CREATE | IN_MOVED_TO)) != 0;
  if (kind == NameKind::kOther && appeared) ++ignored_names_;
  if (kind == NameKind::kSegment) refresh(name, changes);
}

// Compares the file that is under the name now with the one that was: an event may be about a file that
// a listing has seen already, or that has been replaced since.
void SegmentDirectory::refresh(const std::string& name, DirectoryChanges& changes) {
  struct statx status {};
  const bool seen = look_at_entry(directory_.get(), name, kIdentityStatxMask, status);
  const bool present = seen || errno == EXDEV;  // what is mounted over it is rejected as a segment
  const SegmentIdentity now = seen ? identity_of(status, name) : SegmentIdentity{};
  const auto known = known_.find(name);
  const bool was_known = known != known_.end();
  if (was_known && present && known->second == now) return;
  if (was_known) {
    known_.erase(known);
    const auto added = std::ranges::find(changes.added, name);
    if (added == changes.added.end()) {
      changes.removed.push_back(name);
    } else {
      changes.added.erase(added);  // came and went between two polls
    }
  }
  if (present) {
    known_.emplace(name, now);
    changes.added.push_back(name);
  }
}

void SegmentDirectory::list(DirectoryChanges& changes) {
  int error = 0;
  const std::vector<Entry> entries = entries_in(directory_.get(), error);
  if (error != 0) {
    changes.message = "cannot list " + path_ + ": " + std::strerror(error);
    return;
  }
  listing_due_ = false;
  changes.listed_anew = true;
  // A name that still leads to the known inode needs no look, and one that is not listed does.
  NameMap<std::uint64_t> listed;
  std::vector<std::string> due;
  for (const auto& [name, inode] : entries) {
    if (kind_of(name) == NameKind::kSegment) {
      listed.emplace(name, inode);
      if (!known_.contains(name)) due.push_back(name);
    }
    if (kind_of(name) == NameKind::kOther && !listed_before_) ++ignored_names_;
  }
  for (const auto& [name, identity] : known_) {
    const auto found = listed.find(name);
    if (found == listed.end() || found->second != identity.inode) due.push_back(name);
  }
  listed_before_ = true;
  for (const std::string& name : due) refresh(name, changes);
}

std::uint64_t SegmentDirectory::remove_half_born(std::uint64_t now_boot_s) {
  if (!directory_.valid()) return 0;
  std::uint64_t removed = 0;
  const auto before = std::exchange(half_born_, {});
  int error = 0;
  for (const auto& [name, inode] : entries_in(directory_.get(), error)) {
    if (kind_of(name) != NameKind::kHalfBorn) continue;
    const FileDescriptor file = open_entry(directory_.get(), name, O_RDONLY);
    struct stat status {};
    if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    HalfBorn seen = {status.st_ino, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec,
                     now_boot_s};
    if (const auto known = before.find(name); known != before.end() &&
                                              known->second.inode == seen.inode &&
                                              known->second.changed_ns == seen.changed_ns) {
      seen.since_boot_s = known->second.since_boot_s;
    }
    half_born_.emplace(name, seen);
    if (now_boot_s - seen.since_boot_s <= kHalfBornAge_s) continue;
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (::unlinkat(directory_.get(), name.c_str(), 0) == 0) ++removed;
  }
  return removed;
}

}  // namespace notch::agent
