#include "client/preload/io_figures.h"

#include <errno.h>

#include "client/preload/definitions.h"

namespace notch::preload {

IoFigures read_figures[kKinds];
IoFigures write_figures[kKinds];
IoFigures sync_figures;

namespace {

constexpr std::string_view kKindWords[kKinds] = {"other", "file", "socket", "pipe"};
constexpr std::string_view kErrorWords[kIoErrors] = {"no_space", "device", "disconnected",
                                                     "bad_descriptor", "other"};

// From what the page cache answers to what a full disk takes, four to a bound.
constexpr double kDurationBounds[] = {1e-6,     4e-6,      16e-6, 64e-6, 256e-6, 1.024e-3,
                                      4.096e-3, 16.384e-3, 0.065, 0.26,  1,      4};

// Nothing is shown of an operation on a kind of descriptor that the program has never made; from
// its first on, its errors are there as zeros.
constexpr std::uint32_t kQuiet = 2;

struct Families {
  Family operations;
  Family bytes;
  Family errors;
  Family duration;
};

Families define_families() noexcept {
  return {
      define_counter("libc_io_operations_total",
                     "Calls of the program that read, wrote or synced, by libc's functions.", "",
                     {"operation", "kind"}, kQuiet),
      define_counter("libc_io_bytes_total", "Bytes these calls moved.", "bytes",
                     {"operation", "kind"}, kQuiet),
      define_counter("libc_io_errors_total",
                     "Calls that failed for good: EAGAIN, EINTR and EINPROGRESS are not counted.",
                     "", {"operation", "kind", "error_type"}, kQuiet),
      define_histogram("libc_io_duration_seconds",
                       "How long calls took, waiting included: a random sample of the reads and "
                       "writes, every sync.",
                       "seconds", {"operation", "kind"}, kDurationBounds, 0, kQuiet),
  };
}

void define_figures(const Families& families, std::string_view operation, Kind kind,
                    IoFigures& figures) noexcept {
  const std::string_view word = kKindWords[static_cast<std::size_t>(kind)];
  figures.operations = Counter(families.operations.with({operation, word}));
  for (std::size_t i = 0; i < kIoErrors; ++i) {
    figures.errors[i] = Counter(families.errors.with({operation, word, kErrorWords[i]}));
  }
  figures.duration = Histogram(families.duration.with({operation, word}));
}

}  // namespace

void define_io_figures() noexcept {
  const Families families = define_families();
  for (std::size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    define_figures(families, "read", kind, read_figures[i]);
    define_figures(families, "write", kind, write_figures[i]);
    read_figures[i].bytes = Counter(families.bytes.with({"read", kKindWords[i]}));
    write_figures[i].bytes = Counter(families.bytes.with({"write", kKindWords[i]}));
  }
  define_figures(families, "fsync", Kind::kFile, sync_figures);
}

[[gnu::cold]] void count_error(IoFigures& figures) noexcept {
  const int error_number = errno;
  if (is_error(error_number))
    figures.errors[static_cast<std::size_t>(io_error_of(error_number))].add();
  errno = error_number;
}

bool is_error(int error_number) noexcept {
  return error_number != EAGAIN && error_number != EINTR && error_number != EINPROGRESS;
}

IoError io_error_of(int error_number) noexcept {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return IoError::kNoSpace;
    case EIO:
    case ENXIO:
    case ENODEV:
    case ESTALE:
      return IoError::kDevice;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ECONNREFUSED:
    case ENOTCONN:
    case ETIMEDOUT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return IoError::kDisconnected;
    case EBADF:
      return IoError::kBadDescriptor;
    default:
      return IoError::kOther;
  }
}

}  // namespace notch::preload
