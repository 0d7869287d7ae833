// The directory of segments: makes it, claims it for one agent, and tells which segment files came
// and went. It looks at names alone; what a file holds is mapped_segment's part.
// Called by: the agent's event loop, which watches watch_fd() and calls poll().
//
// Invariants
//   SD1  A name is yielded as added once per file that bore it, until tell_anew(): known names are
//        kept, so listing anew after lost events yields the differences only.
//   SD2  While an object is open no other agent can open the same directory, unless somebody removes
//        agent.lock there: then no new name is yielded until the lock is this agent's again.
//   SD3  Nothing is removed but half-born files whose writer is gone.
//   SD4  Nothing is written into a directory that holds other files, unless it has held segments or
//        an agent before, or has the mode of one made for segments (3777).
//   SD5  A poll() takes at most kMostEvents of what the kernel queued, however fast others make and
//        remove files: the loop comes back to its other work, and asks again.
//   SD6  A directory that is moved or removed is followed all the same, until regain() has another
//        under the path. It stays open and locked while the caller uses it.
//   SD7  Without an inotify instance or watch nothing is missed: each poll() lists the directory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/files/file_descriptor.h"
#include "agent/files/keyed_hash.h"
#include "agent/segments/segment_identity.h"

namespace notch::agent {

inline constexpr std::string_view kSegmentSuffix = ".notch";
inline constexpr std::string_view kHalfBornSuffix = ".new";  // and a name that begins with a dot
inline constexpr std::uint64_t kHalfBornAge_s = 60;
inline constexpr std::size_t kMostEvents = 2048;

struct DirectoryResult {
  bool ok = true;
  std::string message;  // names the path and the rule; empty if ok

  // To be warned about; all false if not ok.
  bool not_tmpfs = false;       // stores to a disk-backed mapping can block the writers
  bool owned_by_other = false;  // its owner may remove and replace segments
  bool not_sticky = false;      // anyone may remove anyone's segments
};

enum class Named : std::uint8_t { kByUser, kByDefault };

// Why what is open is not this agent's directory of segments any more.
enum class Loss : std::uint8_t {
  kNone,
  kDirectory,  // the path does not lead to it: it was removed, moved or mounted over
  kLock,       // the lock's name does not lead to the lock that this agent has
};

// The changes since the last poll(). Take them in this order: removed, then added (a name in both is a
// new file under an old name).
struct DirectoryChanges {
  std::vector<std::string> removed;
  std::vector<std::string> added;
  bool listed_anew = false;  // events were lost, or it is the first time
  bool more = false;         // events may be left: to be asked for soon (SD5)
  Loss loss = Loss::kNone;   // regain() is due
  std::string message;       // why, if listing failed
};

class SegmentDirectory {
 public:
  SegmentDirectory() = default;
  SegmentDirectory(SegmentDirectory&&) = default;
  SegmentDirectory& operator=(SegmentDirectory&&) = default;

  // Opens `path`, made with mode 3777 if it is missing and `create` is set (its parent must exist),
  // takes agent.lock in it, and watches it if the kernel lets it. On failure nothing is held. Fails
  // for one that holds files of others (SD4), where a mapping does not keep its file's lock, and for
  // one that nobody named and shm::default_directory does not trust.
  DirectoryResult open(const std::string& path, bool create, Named named = Named::kByUser);

  // Reads what the kernel queued; the first call lists the directory, and every call without a
  // watch (SD7). Never waits. Also to be called now and then without an event: while the agent has
  // the directory open, the kernel does not tell of its removal. Cost: three system calls if nothing
  // happened, and one per event.
  DirectoryChanges poll();

  // The next poll() yields all that is there, and nothing that is gone: for a caller that an exception
  // kept from what poll() told, or was about to.
  void tell_anew() noexcept;

  // After poll() told of a loss: makes or opens the directory at the path and takes its lock, as
  // open() does, and what is there is listed by the next poll(). On failure all is as before; to be
  // called again. Fails too for a directory of a user who is neither root, nor this one, nor the
  // former directory's owner. Cost: about ten system calls.
  DirectoryResult regain();

  // Closes what was open before regain() and is not `in_use` any more, by the descriptor.
  void drop_former(const std::function<bool(int directory_fd)>& in_use);

  // Watches the directory if it is not watched yet: empty, or why it cannot be. To be called again
  // now and then, as others may give instances or watches back.
  std::string watch();
  bool watched() const noexcept { return watched_ >= 0; }

  // Removes files a writer left half-born (".*.new", lock free) and that have not changed for
  // kHalfBornAge_s of these calls' own time, as the file system's can be set. Returns how many.
  // Cost: a listing of the directory.
  std::uint64_t remove_half_born(std::uint64_t now_boot_s);

  int fd() const noexcept { return directory_.get(); }
  int watch_fd() const noexcept { return watch_.get(); }  // readable if poll() has something; or -1
  const std::string& path() const noexcept { return path_; }

  // Names seen that are neither segments nor the agent's own nor half-born.
  std::uint64_t ignored_names() const noexcept { return ignored_names_; }

 private:
  struct Former {
    FileDescriptor directory;
    FileDescriptor lock;
  };

  DirectoryResult open_directory();
  DirectoryResult examine() const;
  DirectoryResult check_locks() const;
  DirectoryResult take_lock();
  DirectoryResult take_new_lock(SegmentDirectory& found) const;
  bool has_lock() const;
  Loss loss() const;
  void list(DirectoryChanges& changes);
  void read_events(DirectoryChanges& changes);
  void on_event(std::uint32_t mask, const std::string& name, DirectoryChanges& changes);
  void refresh(const std::string& name, DirectoryChanges& changes);

  struct HalfBorn {
    std::uint64_t inode = 0;
    std::int64_t changed_ns = 0;
    std::uint64_t since_boot_s = 0;  // when a call first saw it so
  };

  // Set by open(), constant after.
  std::string path_;
  bool create_ = false;
  Named named_ = Named::kByUser;

  // Set by open() and regain().
  FileDescriptor directory_;
  FileDescriptor lock_;
  std::vector<Former> former_;

  // Set by watch().
  FileDescriptor watch_;  // stays once it is there
  int watched_ = -1;      // its watch of the directory; -1: none

  // Moved on by poll().
  NameMap<SegmentIdentity> known_;  // by name
  std::uint64_t ignored_names_ = 0;
  bool listing_due_ = true;
  bool listed_before_ = false;

  NameMap<HalfBorn> half_born_;  // by name, of the last remove_half_born()
};

}  // namespace notch::agent
