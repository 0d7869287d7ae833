// The io module: reads, writes, syncs, and bytes moved from one descriptor to another.
// Called by: the program, in libc's place.
//
// Every call is counted, with its bytes and its error; its duration is taken of a random sample
// where the clock would cost more than the counting, and always where the disk is waited for.
#include <errno.h>

#include "client/preload/clock.h"
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

[[gnu::cold]] void count_error(IoFigures& figures) noexcept {
  const int error_number = errno;
  if (is_error(error_number))
    figures.errors[static_cast<std::size_t>(io_error_of(error_number))].add();
  errno = error_number;
}

[[gnu::noinline]] void count_duration(IoFigures& figures, const Moment& start) noexcept {
  const double seconds = seconds_since(start);
  if (seconds >= 0) figures.duration.observe(seconds);
}

// `result` is a number of bytes, or -1 and errno.
[[gnu::always_inline]] inline void count(IoFigures& figures, ssize_t result) noexcept {
  figures.operations.add();
  if (result > 0) [[likely]] {
    figures.bytes.add(static_cast<std::uint64_t>(result));
  } else if (result < 0) {
    count_error(figures);
  }
}

// The real call, counted and timed. Out of line, so that the usual way has no more registers to
// save than it needs.
template <class Real, class... Arguments>
[[gnu::noinline]] ssize_t timed(IoFigures& figures, Real real, Arguments... arguments) {
  const Moment start = now();
  const ssize_t result = real(arguments...);
  count_duration(figures, start);
  count(figures, result);
  return result;
}

// The real call, counted; now and then timed.
template <class Real, class... Arguments>
[[gnu::always_inline]] inline ssize_t counted(IoFigures& figures, Real real,
                                              Arguments... arguments) {
  if (is_sampled()) [[unlikely]]
    return timed(figures, real, arguments...);
  const ssize_t result = real(arguments...);
  count(figures, result);
  return result;
}

template <class Real, class... Rest>
ssize_t read_bytes(Real real, int fd, Rest... rest) {
  return counted(reads_of(kind_of(fd)), real, fd, rest...);
}

template <class Real, class... Rest>
ssize_t write_bytes(Real real, int fd, Rest... rest) {
  return counted(writes_of(kind_of(fd)), real, fd, rest...);
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
  return static_cast<int>(timed(sync_figures, real, fd));
}

// A read of the one and a write of the other; the time is the writer's.
template <class Real, class... Rest>
ssize_t send_file(Real real, int to, int from, Rest... rest) {
  IoFigures& reads = reads_of(kind_of(from));
  const ssize_t result = counted(writes_of(kind_of(to)), real, to, from, rest...);
  count(reads, result);
  return result;
}

template <class Real, class Offset, class... Rest>
ssize_t move_bytes(Real real, int from, Offset from_at, int to, Rest... rest) {
  IoFigures& reads = reads_of(kind_of(from));
  const ssize_t result = counted(writes_of(kind_of(to)), real, from, from_at, to, rest...);
  count(reads, result);
  return result;
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_IO(...) NOTCH_DEFINE_WRAPPER(kIo, __VA_ARGS__)
#include "client/preload/wrappers.def"
