#include "agent/segments/rejected_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "agent/files/directory_entry.h"
#include "agent/segments/mapped_segment.h"
#include "shm/fault.h"
#include "shm/layout.h"

namespace notch::agent {
namespace {

constexpr std::uint64_t kLeastUnchanged_s = 60;

// Neither another version's or machine's file, nor one that a larger limit has room for.
bool is_of_a_fault(std::string_view reason) {
  const std::array faults = {
      reject_name(Reject::kTooShort),         reject_name(Reject::kWrongOwner),
      reject_name(Reject::kNotBacked),        reject_name(Reject::kTruncated),
      shm::fault_name(shm::Fault::kTooShort), shm::fault_name(shm::Fault::kBadGeometry),
      shm::fault_name(shm::Fault::kBadRecord)};
  return std::ranges::find(faults, reason) != faults.end();
}

struct Start {
  std::uint64_t magic;
  std::uint16_t major;
  std::uint16_t minor;
  std::uint32_t byte_order;
};
static_assert(sizeof(Start) == sizeof(RejectedFile::start));
static_assert(offsetof(Start, magic) == offsetof(shm::SegmentHeader, magic));
static_assert(offsetof(Start, major) == offsetof(shm::SegmentHeader, major));
static_assert(offsetof(Start, byte_order) == offsetof(shm::SegmentHeader, byte_order));

}  // namespace

bool serves_nobody(const RejectedFile& file) noexcept {
  if (!file.is_regular || file.links != 1 || !is_of_a_fault(file.reason) ||
      file.unchanged_s <= kLeastUnchanged_s) {
    return false;
  }
  const auto start = std::bit_cast<Start>(file.start);
  if (start.magic == 0) return file.bytes < shm::kHeaderBytes;
  // One that ends before them has neither.
  if (file.bytes < sizeof(Start)) return start.magic == shm::kMagic;
  return start.magic == shm::kMagic && start.major == shm::kMajorVersion &&
         start.byte_order == shm::kByteOrder;
}

RejectedFiles::Look RejectedFiles::look_of(const struct stat& status) {
  return {status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

void RejectedFiles::add(int directory_fd, const std::string& name, const char* reason,
                        std::uint64_t now_boot_s) {
  ++by_reason_[reason];
  struct stat status {};
  if (!look_at_entry(directory_fd, name, status)) return;
  forget(name);
  by_turn_.emplace(++turns_, name);
  files_.insert_or_assign(name, Remembered{look_of(status), reason, now_boot_s, turns_});
}

void RejectedFiles::forget(const std::string& name) {
  const auto file = files_.find(name);
  if (file == files_.end()) return;
  by_turn_.erase(file->second.turn);
  files_.erase(file);
}

void RejectedFiles::forget_all() {
  files_.clear();
  by_turn_.clear();
}

bool RejectedFiles::remove(int directory_fd, const std::string& name, const Remembered& remembered,
                           std::uint64_t now_boot_s) {
  // A look that costs nothing first: most are no segments, or too young.
  if (now_boot_s - remembered.since_boot_s <= kLeastUnchanged_s ||
      !is_of_a_fault(remembered.reason)) {
    return false;
  }
  const FileDescriptor open = open_entry(directory_fd, name, O_RDONLY);
  struct stat status {};
  if (!open.valid() || ::flock(open.get(), LOCK_EX | LOCK_NB) != 0 ||
      ::fstat(open.get(), &status) != 0 || look_of(status) != remembered.look) {
    return false;
  }
  RejectedFile file;
  file.reason = remembered.reason;
  file.unchanged_s = now_boot_s - remembered.since_boot_s;
  file.is_regular = S_ISREG(status.st_mode);
  file.links = status.st_nlink;
  file.bytes = static_cast<std::uint64_t>(status.st_size);
  const ssize_t read = ::pread(open.get(), file.start.data(), file.start.size(), 0);
  if (read < 0 || !serves_nobody(file)) return false;
  struct stat named {};
  return look_at_entry(directory_fd, name, named) && named.st_dev == status.st_dev &&
         named.st_ino == status.st_ino && ::unlinkat(directory_fd, name.c_str(), 0) == 0;
}

RejectedFiles::Looked RejectedFiles::look_again(int directory_fd, std::uint64_t now_boot_s) {
  Looked looked;
  for (std::size_t looks = std::min(kMostLooks, by_turn_.size()); looks > 0; --looks) {
    const std::string name = by_turn_.begin()->second;
    Remembered& file = files_.at(name);
    struct stat status {};
    const bool gone = !look_at_entry(directory_fd, name, status);
    const bool changed = !gone && look_of(status) != file.look;
    if (changed) looked.changed.push_back(name);
    if (!gone && !changed && looked.removed.size() < kMostRemovals &&
        remove(directory_fd, name, file, now_boot_s)) {
      looked.removed.push_back({name, file.reason});
    } else if (!gone && !changed) {
      by_turn_.emplace(++turns_, name);
      by_turn_.erase(std::exchange(file.turn, turns_));
      continue;
    }
    forget(name);
  }
  return looked;
}

}  // namespace notch::agent
