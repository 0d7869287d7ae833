// The metrics of sockets: connects, accepts, bytes sent and received by the calls that only sockets
// have. Called by: net.cc and connections.cc, which count; life.cc, which has them defined.
#pragma once

#include <cstddef>
#include <cstdint>

#include "notch/counter.h"
#include "notch/histogram.h"
#include "notch/up_down_counter.h"

namespace notch::preload {

// The values of the label "operation".
enum class NetOperation : std::uint8_t { kConnect, kAccept, kSend, kReceive };
inline constexpr std::size_t kNetOperations = 4;

// The values of the label "error_type".
enum class NetError : std::uint8_t {
  kRefused,
  kTimeout,
  kUnreachable,
  kDisconnected,
  kBadDescriptor,
  kOther,
};
inline constexpr std::size_t kNetErrors = 6;

// One operation.
struct NetFigures {
  Counter operations;
  Counter bytes;
  Counter errors[kNetErrors];
  Histogram duration;
};

extern NetFigures net_figures[kNetOperations];
extern UpDownCounter open_connections;

void define_net_figures() noexcept;

// By errno, which it leaves.
void count_error(NetFigures& figures) noexcept;

// A connect that had only begun is through, or has failed.
void observe_connecting(double seconds) noexcept;
void count_connect_error(int error_number) noexcept;

NetError net_error_of(int error_number) noexcept;

inline NetFigures& figures_of(NetOperation operation) noexcept {
  return net_figures[static_cast<std::size_t>(operation)];
}

}  // namespace notch::preload
