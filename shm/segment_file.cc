#include "shm/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <iterator>

#include "shm/default_directory.h"
#include "shm/descriptor.h"
#include "shm/directory_room.h"
#include "shm/injection_point.h"
#include "shm/keep_errno.h"
#include "shm/kernel_identity.h"
#include "shm/lock_lifetime.h"
#include "shm/memory_order.h"
#include "shm/process_identity.h"

namespace notch::shm {
namespace {

constexpr std::uint64_t kLeastCells = 1024;
constexpr std::uint64_t kLeastCatalogueBytes = 64 * 1024;
constexpr std::uint64_t kExemplarBytes = kExemplarSlots * sizeof(ExemplarSlot);

// How much address space is tried. It has room for what the plan commits, and for the least sizes.
struct Room {
  std::uint64_t cells;
  std::uint64_t catalogue_bytes;

  bool operator==(const Room&) const noexcept = default;
};

// Half of `room`; the same again if half would be too small.
Room smaller(const SegmentPlan& plan, const Room& room) noexcept {
  return {std::max({room.cells / 2, std::min(kLeastCells, plan.cells), plan.committed_cells}),
          std::max({room.catalogue_bytes / 2, std::min(kLeastCatalogueBytes, plan.catalogue_bytes),
                    plan.committed_catalogue_bytes})};
}

void lay_out(const SegmentPlan& plan, const Room& room, Segment& segment) noexcept {
  segment.catalogue_offset = kHeaderBytes + kExemplarBytes;
  segment.catalogue_capacity = round_to_page(room.catalogue_bytes);
  segment.values_offset = segment.catalogue_offset + segment.catalogue_capacity;
  segment.column_stride = round_to_page(room.cells * kCellBytes);
  segment.cell_capacity = segment.column_stride / kCellBytes;
  segment.column_capacity = plan.columns;
}

std::uint64_t file_bytes(const Segment& segment) noexcept {
  return segment.values_offset + segment.column_capacity * segment.column_stride;
}

// The bytes that the plan commits from the start.
std::uint64_t first_bytes(const SegmentPlan& plan) noexcept {
  const std::uint64_t columns =
      plan.committed_columns + (plan.own_column >= plan.committed_columns ? 1U : 0U);
  return kHeaderBytes + kExemplarBytes + round_to_page(plan.committed_catalogue_bytes) +
         columns * round_to_page(plan.committed_cells * kCellBytes);
}

// The first thread's own column is wanted, not needed: without room for it the plan does without.
int refuse_full_directory(int directory_fd, SegmentPlan& plan, Segment& segment) noexcept {
  DirectoryRoom room = room_for_segment(directory_fd, first_bytes(plan));
  if (room.verdict.cause != 0 && plan.own_column >= plan.committed_columns) {
    plan.own_column = 0;
    room = room_for_segment(directory_fd, first_bytes(plan));
  }
  segment.device = room.device;
  segment.on_disk = room.on_disk;
  segment.has_share = room.is_small;
  segment.refusal = room.verdict.refusal;
  return room.verdict.cause;
}

// An agent must be able to tell the living from the dead.
int refuse_short_locks(int directory_fd, Segment& segment) noexcept {
  if (!segment.on_disk) return 0;
  const LockLifetime lifetime = lock_lifetime(directory_fd);
  if (lifetime == LockLifetime::kMapping) return 0;
  if (lifetime == LockLifetime::kUnknown && errno != 0) return errno;
  segment.refusal = lock_lifetime_fault(lifetime);
  return EOPNOTSUPP;
}

// Growing a file past RLIMIT_FSIZE raises SIGXFSZ, which kills; so the limit is asked first.
bool within_file_size_limit(std::uint64_t bytes) noexcept {
  struct rlimit limit {};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return true;
  return limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

bool map_file(int fd, std::uint64_t bytes, Segment& segment) noexcept {
  void* const base = mmap(nullptr, bytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  if (base == MAP_FAILED) return false;
  segment.memory.adopt(static_cast<std::byte*>(base), bytes, true);
  if (madvise(base, bytes, MADV_DONTFORK) == 0 && madvise(base, bytes, MADV_DONTDUMP) == 0)
    return true;
  segment.memory.release();
  return false;
}

// Memory by fallocate while the descriptor is there: it works before MADV_POPULATE_WRITE
// (Linux 5.14), and a page that is never used is never cleared or mapped.
bool commit_part(int fd, const Segment& segment, std::uint64_t start, std::uint64_t end) noexcept {
  return fallocate(fd, 0, static_cast<off_t>(start), static_cast<off_t>(end - start)) == 0 &&
         mprotect(segment.memory.base() + start, end - start, PROT_READ | PROT_WRITE) == 0;
}

// Parts that touch are one, so a plan that commits all of its segment costs two calls.
bool commit_first(int fd, const SegmentPlan& plan, Segment& segment) noexcept {
  const std::uint64_t cells = round_to_page(plan.committed_cells * kCellBytes);
  std::uint64_t start = 0;
  std::uint64_t end = segment.catalogue_offset + round_to_page(plan.committed_catalogue_bytes);
  segment.catalogue_committed = end - segment.catalogue_offset;
  segment.cells_committed = cells / kCellBytes;
  for (std::uint32_t column = 0; column < plan.committed_columns; ++column) {
    const std::uint64_t next = segment.values_offset + column * segment.column_stride;
    if (next != end) {
      if (!commit_part(fd, segment, start, end)) return false;
      start = next;
    }
    end = next + cells;
  }
  if (!commit_part(fd, segment, start, end)) return false;
  const bool has_own = plan.own_column >= plan.committed_columns;
  const std::uint64_t own = segment.values_offset + plan.own_column * segment.column_stride;
  segment.own_column = has_own && commit_part(fd, segment, own, own + cells) ? plan.own_column : 0;
  return true;
}

void note_column(Segment& segment, std::uint32_t column) noexcept {
  segment.columns_in_use[column / 64] |= std::uint64_t{1} << (column % 64);
}

void fill_header(const SegmentPlan& plan, Segment& segment) noexcept {
  SegmentHeader& header = segment.header();
  header.major = kMajorVersion;
  header.minor = kMinorVersion;
  header.byte_order = kByteOrder;
  header.header_bytes = kHeaderBytes;
  header.state = static_cast<std::uint32_t>(State::kLive);
  header.file_bytes = file_bytes(segment);
  header.catalogue_offset = segment.catalogue_offset;
  header.catalogue_capacity = segment.catalogue_capacity;
  header.values_offset = segment.values_offset;
  header.column_stride = segment.column_stride;
  header.column_capacity = segment.column_capacity;
  header.counting_mode = static_cast<std::uint32_t>(plan.mode);
  header.cell_capacity = segment.cell_capacity;
  header.cells_committed = segment.cells_committed;
  header.exemplar_offset = kHeaderBytes;
  header.exemplar_slots = kExemplarSlots;
  header.exemplar_slot_bytes = sizeof(ExemplarSlot);
  for (std::uint32_t column = 0; column < plan.committed_columns; ++column)
    note_column(segment, column);
  note_column(segment, segment.own_column);
  std::copy(std::begin(segment.columns_in_use), std::end(segment.columns_in_use),
            std::begin(header.column_bitmap));
  if (plan.lineage_key != nullptr) memcpy(header.lineage_key, plan.lineage_key, kLineageKeyBytes);
  strncpy(header.service, plan.service, kServiceBytes - 1);
  describe_process(header);
  header.uid = segment.owner_uid;
  if (segment.on_disk) describe_boot(header);
  // [tag: segment-magic] Publishes the header to SegmentReader::attach(); else the agent could
  // judge a field that is still zero, and reject the file.
  publish(header.magic, kMagic);
}

// "<pid>-<16 hex digits>.notch"
void make_name(std::uint32_t pid, char* name) noexcept {
  std::uint64_t random = 0;
  if (!kernel_random(&random, sizeof random)) {
    random = reinterpret_cast<std::uintptr_t>(name) * 0x9e3779b97f4a7c15U;
  }
  char* end = write_decimal(name, pid);
  *end++ = '-';
  for (int shift = 60; shift >= 0; shift -= 4) *end++ = "0123456789abcdef"[(random >> shift) & 15];
  memcpy(end, ".notch", 7);
}

// Without O_TMPFILE the file has a name from its birth: a hidden one that readers pass over.
int open_hidden(int directory_fd, const char* name, char* hidden) noexcept {
  hidden[0] = '.';
  strcpy(hidden + 1, name);
  strcat(hidden, ".new");
  return openat(directory_fd, hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
}

// Linux 6.10 names a file by its descriptor; before, only root may, and everybody by /proc.
int give_name(int directory_fd, int fd, const char* name, const char* hidden) noexcept {
  if (hidden[0] != '\0') return renameat(directory_fd, hidden, directory_fd, name) == 0 ? 0 : errno;
  if (linkat(fd, "", directory_fd, name, AT_EMPTY_PATH) == 0) return 0;
  char link[40] = "/proc/self/fd/";
  *write_decimal(link + strlen(link), static_cast<std::uint64_t>(fd)) = '\0';
  return linkat(AT_FDCWD, link, directory_fd, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
}

// Sizes the file and maps it; with less room where that is too much.
int map_with_room(int fd, const SegmentPlan& plan, Segment& segment) noexcept {
  for (Room room{plan.cells, plan.catalogue_bytes};;) {
    lay_out(plan, room, segment);
    if (within_file_size_limit(file_bytes(segment))) {
      if (ftruncate(fd, static_cast<off_t>(file_bytes(segment))) != 0) return errno;
      if (map_file(fd, file_bytes(segment), segment)) return 0;
      // EAGAIN: all of it would be locked (mlockall), and that is more than RLIMIT_MEMLOCK.
      if (errno != ENOMEM && errno != EAGAIN) return errno;
    }
    const Room less = smaller(plan, room);
    if (less == room) return EFBIG;
    room = less;
  }
}

int fill_file(int fd, const SegmentPlan& plan, Segment& segment) noexcept {
  struct stat file {};
  if (!kernel_fstat(fd, file)) return errno;
  segment.device = file.st_dev;
  segment.inode = file.st_ino;
  segment.owner_uid = file.st_uid;
  if ((file.st_mode & 0777) != 0640 && fchmod(fd, 0640) != 0) return errno;  // whatever the umask
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) return errno;
  NOTCH_INJECTION_POINT("segment.locked");
  if (const int cause = map_with_room(fd, plan, segment); cause != 0) return cause;
  NOTCH_INJECTION_POINT("segment.sized");
  if (!commit_first(fd, plan, segment)) {
    const int cause = errno;
    segment.memory.release();
    return cause;
  }
  NOTCH_INJECTION_POINT("segment.mapped");
  fill_header(plan, segment);
  return 0;
}

// Fills the file and gives it its name; `hidden` is the one it has already, if any.
int complete(int directory_fd, int fd, const SegmentPlan& plan, const char* name,
             const char* hidden, Segment& segment) noexcept {
  int cause = fill_file(fd, plan, segment);
  if (cause == 0) {
    NOTCH_INJECTION_POINT("segment.filled");
    cause = give_name(directory_fd, fd, name, hidden);
    if (cause != 0) segment.memory.release();
  }
  if (cause != 0 && hidden[0] != '\0') unlinkat(directory_fd, hidden, 0);
  return cause;
}

int create_in(int directory_fd, SegmentPlan plan, Segment& segment) noexcept {
  if (const int cause = refuse_full_directory(directory_fd, plan, segment); cause != 0)
    return cause;
  if (const int cause = refuse_short_locks(directory_fd, segment); cause != 0) return cause;
  char name[64];
  char hidden[80] = "";
  make_name(kernel_pid(), name);
  int cause = 0;
  {
    const Descriptor file(openat(directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0640));
    segment.birth_fd = file.get();
    cause =
        file.get() < 0 ? errno : complete(directory_fd, file.get(), plan, name, hidden, segment);
  }
  // No O_TMPFILE there; or no way from a descriptor to a name: an old kernel without /proc.
  const bool unnamed = segment.birth_fd >= 0 && cause == ENOENT;
  if (unnamed ||
      (segment.birth_fd < 0 && (cause == EOPNOTSUPP || cause == EISDIR || cause == EINVAL))) {
    const Descriptor file(open_hidden(directory_fd, name, hidden));
    segment.birth_fd = file.get();
    cause =
        file.get() < 0 ? errno : complete(directory_fd, file.get(), plan, name, hidden, segment);
  }
  if (cause != 0) return cause;
  NOTCH_INJECTION_POINT("segment.named");
  const std::size_t length = strlen(plan.directory);
  if (length + 1 + strlen(name) < sizeof segment.path) {
    memcpy(segment.path, plan.directory, length);
    segment.path[length] = '/';
    strcpy(segment.path + length + 1, name);
  }
  return 0;
}

// False if there is no memory, or more than the directory's share would be taken.
bool commit_range(Segment& segment, std::uint64_t offset, std::uint64_t bytes) noexcept {
  const LookAt what = segment.opens_nothing ? LookAt::kFileSystem : LookAt::kDirectory;
  if (segment.has_share && !is_room_for_growth(segment.path, segment.owner_uid, bytes, what))
    return false;
  return segment.memory.commit(offset, bytes);
}

}  // namespace

bool create_segment(const SegmentPlan& plan, Segment& segment) noexcept {
  const KeepErrno keep;
  segment = Segment{};
  segment.opens_nothing = plan.opens_nothing;
  const PlaceDescriptor directory(plan.is_default
                                      ? open_default_directory(plan.directory)
                                      : ::open(plan.directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() >= 0) {
    segment.system_errno = create_in(directory.get(), plan, segment);
  } else {
    segment.system_errno = errno;
    if (plan.is_default && errno == EPERM) segment.refusal = kNotTrusted;
  }
  segment.attached = segment.system_errno == 0;
  return segment.attached;
}

bool create_private_segment(const SegmentPlan& plan, Segment& segment) noexcept {
  const int system_errno = segment.system_errno;
  segment = Segment{};
  segment.system_errno = system_errno;
  for (Room room{plan.cells, plan.catalogue_bytes};;) {
    lay_out(plan, room, segment);
    if (segment.memory.reserve(file_bytes(segment))) break;
    const Room less = smaller(plan, room);
    if (less == room) return false;
    room = less;
  }
  const std::uint64_t catalogue = round_to_page(plan.committed_catalogue_bytes);
  const std::uint64_t values = round_to_page(plan.committed_cells * kCellBytes);
  bool committed = segment.memory.commit(0, segment.catalogue_offset + catalogue);
  for (std::uint32_t column = 0; committed && column < plan.committed_columns; ++column) {
    committed =
        segment.memory.commit(segment.values_offset + column * segment.column_stride, values);
  }
  if (!committed) {
    segment.memory.release();
    return false;
  }
  segment.catalogue_committed = catalogue;
  segment.cells_committed = values / kCellBytes;
  fill_header(plan, segment);
  return true;
}

bool column_in_use(const Segment& segment, std::uint32_t column) noexcept {
  return (segment.columns_in_use[column / 64] >> (column % 64) & 1) != 0;
}

bool commit_column(Segment& segment, std::uint32_t index) noexcept {
  if (index >= segment.column_capacity) return false;
  if (column_in_use(segment, index)) return true;
  const std::uint64_t offset = segment.values_offset + index * segment.column_stride;
  const KeepErrno keep;
  if (!commit_range(segment, offset, segment.cells_committed * kCellBytes)) return false;
  note_column(segment, index);
  // [tag: column-bit] Publishes the column's memory for all committed cells; else the agent could read
  // a column that has none yet.
  publish(segment.header().column_bitmap[index / 64], segment.columns_in_use[index / 64]);
  return true;
}

bool commit_cells(Segment& segment, std::uint64_t cells) noexcept {
  const std::uint64_t wanted = round_to_page(cells * kCellBytes) / kCellBytes;
  if (wanted <= segment.cells_committed) return true;
  if (wanted > segment.cell_capacity) return false;
  const KeepErrno keep;
  bool committed = true;
  for (std::uint32_t column = 0; committed && column < segment.column_capacity; ++column) {
    if (!column_in_use(segment, column)) continue;
    const std::uint64_t start = segment.values_offset + column * segment.column_stride;
    committed = commit_range(segment, start + segment.cells_committed * kCellBytes,
                             (wanted - segment.cells_committed) * kCellBytes);
  }
  if (!committed) return false;
  segment.cells_committed = wanted;
  // [tag: cells-committed] Publishes the memory of these cells in each column in use; else the
  // agent could read a cell that has none yet.
  publish(segment.header().cells_committed, wanted);
  return true;
}

bool commit_catalogue(Segment& segment, std::uint64_t bytes) noexcept {
  const std::uint64_t wanted = round_to_page(bytes);
  if (wanted <= segment.catalogue_committed) return true;
  if (wanted > segment.catalogue_capacity) return false;
  const KeepErrno keep;
  const bool committed =
      commit_range(segment, segment.catalogue_offset + segment.catalogue_committed,
                   wanted - segment.catalogue_committed);
  if (committed) segment.catalogue_committed = wanted;
  return committed;
}

void discard_segment(Segment& segment) noexcept {
  const KeepErrno keep;
  close_segment(segment);  // an agent may have it open by now: nobody was killed here
  unlink(segment.path);
  segment.memory.release();
  segment = Segment{};
}

void close_segment(Segment& segment) noexcept {
  if (segment.memory.base() == nullptr) return;
  // Relaxed is enough: it is believed when the process is gone, and the lock's end orders that.
  write_alone(segment.header().state, static_cast<std::uint32_t>(State::kClosed));
}

}  // namespace notch::shm
