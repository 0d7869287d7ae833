#include "client/preload/net_figures.h"

#include <errno.h>

#include <string_view>

#include "client/preload/definitions.h"
#include "client/preload/io_figures.h"

namespace notch::preload {

NetFigures net_figures[kNetOperations];
UpDownCounter open_connections;

namespace {

constexpr std::string_view kOperations[kNetOperations] = {"connect", "accept", "send", "receive"};
constexpr std::string_view kErrors[kNetErrors] = {"refused",      "timeout",        "unreachable",
                                                  "disconnected", "bad_descriptor", "other"};

// From the loopback's answer to a connect that is tried again, four to a bound.
constexpr double kDurationBounds[] = {16e-6, 64e-6, 256e-6, 1.024e-3, 4.096e-3, 16.384e-3,
                                      0.065, 0.26,  1,      4,        16,       64};

// As in io_figures.cc: nothing is shown of what the program has never done.
constexpr std::uint32_t kQuiet = 1;

void define_bytes() noexcept {
  const Family operations =
      define_counter("libc_net_operations_total",
                     "Calls of the program that sent or received, by the functions "
                     "that only sockets have.",
                     "", {"operation"}, kQuiet);
  const Family bytes = define_counter("libc_net_bytes_total", "Bytes these calls moved.", "bytes",
                                      {"operation"}, kQuiet);
  for (const NetOperation operation : {NetOperation::kSend, NetOperation::kReceive}) {
    const std::string_view word = kOperations[static_cast<std::size_t>(operation)];
    figures_of(operation).operations = Counter(operations.with({word}));
    figures_of(operation).bytes = Counter(bytes.with({word}));
  }
}

}  // namespace

void define_net_figures() noexcept {
  figures_of(NetOperation::kConnect).operations = Counter(
      define_counter("libc_net_connects_total", "Connections asked for, made or not.", "", {})
          .with({}));
  figures_of(NetOperation::kAccept).operations =
      Counter(define_counter("libc_net_accepts_total", "Connections accepted.", "", {}).with({}));
  define_bytes();
  const Family errors =
      define_counter("libc_net_errors_total", "Calls on sockets that failed for good.", "",
                     {"operation", "error_type"}, kQuiet);
  const Family duration = define_histogram(
      "libc_net_duration_seconds",
      "How long calls on sockets took, waiting included: every connect, else a random sample.",
      "seconds", {"operation"}, kDurationBounds, 0, kQuiet);
  for (std::size_t i = 0; i < kNetOperations; ++i) {
    for (std::size_t j = 0; j < kNetErrors; ++j) {
      net_figures[i].errors[j] = Counter(errors.with({kOperations[i], kErrors[j]}));
    }
    net_figures[i].duration = Histogram(duration.with({kOperations[i]}));
  }
  open_connections = UpDownCounter(
      define_up_down_counter("libc_net_open_connections",
                             "Connections that this process made or accepted, and has not closed.",
                             "", {})
          .with_gauge({}));
}

[[gnu::cold]] void count_error(NetFigures& figures) noexcept {
  const int error_number = errno;
  if (is_error(error_number))
    figures.errors[static_cast<std::size_t>(net_error_of(error_number))].add();
  errno = error_number;
}

void observe_connecting(double seconds) noexcept {
  figures_of(NetOperation::kConnect).duration.observe(seconds);
}

void count_connect_error(int error_number) noexcept {
  const auto error = static_cast<std::size_t>(net_error_of(error_number));
  figures_of(NetOperation::kConnect).errors[error].add();
}

NetError net_error_of(int error_number) noexcept {
  switch (error_number) {
    case ECONNREFUSED:
      return NetError::kRefused;
    case ETIMEDOUT:
      return NetError::kTimeout;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EADDRNOTAVAIL:
      return NetError::kUnreachable;
    case EPIPE:
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
      return NetError::kDisconnected;
    case EBADF:
    case ENOTSOCK:
      return NetError::kBadDescriptor;
    default:
      return NetError::kOther;
  }
}

}  // namespace notch::preload
