#include "agent/segments/mapped_segment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/interprocess/creation_tags.hpp>
#include <boost/interprocess/exceptions.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "agent/files/directory_entry.h"
#include "agent/segments/segment_identity.h"

namespace notch::agent {
namespace {

namespace bip = boost::interprocess;

constexpr std::uint64_t kBlockBytes = 512;  // stat's unit, whatever the file system's

// The file for mapped_region: Boost's own file_mapping opens by path and follows links.
class DescriptorMappable {
 public:
  explicit DescriptorMappable(int fd) : fd_(fd) {}
  bip::mapping_handle_t get_mapping_handle() const noexcept {
    return bip::ipcdetail::mapping_handle_from_file_handle(fd_);
  }

 private:
  int fd_;
};

Reject reject_of_open(int error) {
  switch (error) {
    case ENOENT:
      return Reject::kAbsent;
    case ELOOP:  // a link
    case ENXIO:  // a socket, or a device that is not there
    case EISDIR:
    case EXDEV:  // something is mounted over it
      return Reject::kNotAFile;
    default:
      return Reject::kUnreadable;
  }
}

}  // namespace

const char* reject_name(Reject reject) noexcept {
  switch (reject) {
    case Reject::kNone:
      return "none";
    case Reject::kAbsent:
      return "absent";
    case Reject::kGone:
      return "gone";
    case Reject::kUnreadable:
      return "unreadable";
    case Reject::kNotAFile:
      return "not_a_file";
    case Reject::kManyLinks:
      return "many_links";
    case Reject::kTooShort:
      return "too_short";
    case Reject::kTooLarge:
      return "too_large";
    case Reject::kNotMapped:
      return "not_mapped";
    case Reject::kWrongOwner:
      return "wrong_owner";
    case Reject::kNotBacked:
      return "not_backed";
    case Reject::kTruncated:
      return "truncated";
  }
  return "unknown";
}

Reject MappedSegment::open(int directory_fd, const std::string& name, const MapLimits& limits) {
  *this = MappedSegment();
  MappedSegment opened;
  opened.file_ = open_entry(directory_fd, name, O_RDONLY);
  if (!opened.file_.valid()) return reject_of_open(errno);
  Reject reject = opened.examine(name, limits);
  if (reject == Reject::kNone) reject = opened.map();
  if (reject == Reject::kNone) *this = std::move(opened);
  return reject;
}

Reject MappedSegment::examine(const std::string& name, const MapLimits& limits) {
  struct statx status {};
  constexpr unsigned kWanted = STATX_BASIC_STATS | kIdentityStatxMask;
  if (::statx(file_.get(), "", AT_EMPTY_PATH, kWanted, &status) != 0) return Reject::kUnreadable;
  if (!S_ISREG(status.stx_mode)) return Reject::kNotAFile;
  if (status.stx_nlink == 0) return Reject::kGone;
  if (status.stx_nlink != 1) return Reject::kManyLinks;
  if (status.stx_size < shm::kHeaderBytes) return Reject::kTooShort;
  if (status.stx_size > limits.file_bytes) return Reject::kTooLarge;
  file_bytes_ = status.stx_size;
  owner_uid_ = status.stx_uid;
  identity_ = identity_of(status, name);
  return Reject::kNone;
}

Reject MappedSegment::map() {
  try {
    region_ = bip::mapped_region(DescriptorMappable(file_.get()), bip::read_only, 0,
                                 static_cast<std::size_t>(file_bytes_));
    guard_ = TruncationGuard(region_.get_address(), region_.get_size());
  } catch (const bip::interprocess_exception&) {
    return Reject::kNotMapped;
  } catch (const std::bad_alloc&) {
    return Reject::kNotMapped;
  }
  return Reject::kNone;
}

Reject MappedSegment::check_claims(const shm::SegmentReader& reader) {
  if (reader.info().uid != owner_uid_) return Reject::kWrongOwner;
  if (reader.claimed_bytes() <= backed_bytes_) return Reject::kNone;
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return Reject::kUnreadable;
  if (static_cast<std::uint64_t>(status.st_size) < file_bytes_) return Reject::kTruncated;
  backed_bytes_ = static_cast<std::uint64_t>(status.st_blocks) * kBlockBytes;
  return reader.claimed_bytes() <= backed_bytes_ ? Reject::kNone : Reject::kNotBacked;
}

bool MappedSegment::try_lock_dead() noexcept {
  if (!locked_dead_ && file_.valid()) locked_dead_ = ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0;
  return locked_dead_;
}

std::span<const std::byte> MappedSegment::bytes() const noexcept {
  return {static_cast<const std::byte*>(region_.get_address()), region_.get_size()};
}

}  // namespace notch::agent
