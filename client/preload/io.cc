// The io module: reads, writes, syncs, and bytes moved from one descriptor to another.
// Called by: the program, in libc's place.
//
// Every call is counted, with its bytes and its error; its duration is taken of a random sample
// where the clock would cost more than the counting, and always where the disk is waited for.
#include "client/preload/connections.h"
#include "client/preload/counting.h"
#include "client/preload/io_figures.h"
#include "client/preload/wrapper.h"

namespace notch::preload {
namespace {

IoFigures& reads_of(Kind kind) noexcept {
  return read_figures[static_cast<std::size_t>(kind)];
}
IoFigures& writes_of(Kind kind) noexcept {
  return write_figures[static_cast<std::size_t>(kind)];
}

template <class Real, class... Rest>
ssize_t read_bytes(Real real, int fd, Rest... rest) {
  const ssize_t result = counted(reads_of(kind_of(fd)), real, fd, rest...);
  pass(fd, Way::kIn, 0, result, rest...);
  return result;
}

template <class Real, class... Rest>
ssize_t write_bytes(Real real, int fd, Rest... rest) {
  const std::uint64_t begun = begin_write(fd);
  const ssize_t result = counted(writes_of(kind_of(fd)), real, fd, rest...);
  pass(fd, Way::kOut, begun, result, rest...);
  return result;
}

// At an offset: what has none would refuse the call.
template <class Real, class... Rest>
ssize_t read_file_bytes(Real real, int fd, Rest... rest) {
  const ssize_t result = counted(reads_of(Kind::kFile), real, fd, rest...);
  if (result >= 0) set_kind(fd, Kind::kFile);
  return result;
}

template <class Real, class... Rest>
ssize_t write_file_bytes(Real real, int fd, Rest... rest) {
  const ssize_t result = counted(writes_of(Kind::kFile), real, fd, rest...);
  if (result >= 0) set_kind(fd, Kind::kFile);
  return result;
}

template <class Real>
int sync_file(Real real, int fd) {
  const int result = timed(sync_figures, real, fd);
  count(sync_figures, result);
  return result;
}

// A read of the one and a write of the other; the time is the writer's.
template <class Real, class... Rest>
ssize_t send_file(Real real, int to, int from, Rest... rest) {
  IoFigures& reads = reads_of(kind_of(from));
  const std::uint64_t begun = begin_write(to);
  const ssize_t result = counted(writes_of(kind_of(to)), real, to, from, rest...);
  count(reads, result);
  pass_unseen(to, Way::kOut, begun, result);
  return result;
}

template <class Real, class Offset, class... Rest>
ssize_t move_bytes(Real real, int from, Offset from_at, int to, Rest... rest) {
  IoFigures& reads = reads_of(kind_of(from));
  const std::uint64_t begun = begin_write(to);
  const ssize_t result = counted(writes_of(kind_of(to)), real, from, from_at, to, rest...);
  count(reads, result);
  pass_unseen(from, Way::kIn, 0, result);
  pass_unseen(to, Way::kOut, begun, result);
  return result;
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/io_wrappers.def"
