// Which connection is cut when a newcomer finds no room: pure values, so that each rule can be
// tested. A party is whoever limits are counted for: an IPv4 address, all of 127.0.0.0/8, an IPv6
// network of 64 bits, or the user at the other end of a Unix socket. Called by: http_service.
//
// Invariants
//   DP1  The party that has most gives way first; among equals the newcomer's own.
//   DP2  A response is not cut before its reader had the grace.
//   DP3  The only response of a party is cut only if it is read at less than the least rate.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace notch::agent {

enum class Stage : std::uint8_t {
  kWaiting,    // for its client: a handshake, a request
  kDeciding,   // a password is checked, or room is made
  kAnswering,  // a response is being written
  kLingering,  // the last response is written, the client has not closed
  kCut,        // closed here, its last operation has not ended yet
};

struct ConnectionState {
  std::string_view party;
  Stage stage = Stage::kWaiting;
  std::chrono::steady_clock::time_point since;  // of the stage
  std::uint64_t taken_bytes = 0;                // of the response being written
  bool in_flight = false;                       // its response counts towards the limit of requests
};

enum class Scarce : std::uint8_t {
  kConnections,  // any connection is one
  kResponses,    // only responses in flight are, and hold memory
};

struct Displacement {
  std::string_view newcomer;  // its party
  Scarce scarce = Scarce::kConnections;
  std::chrono::steady_clock::time_point now;
  std::chrono::milliseconds grace{};
  double least_rate = 0;  // bytes per second
};

// The index of the connection to cut, or nothing: then there is no room. Cost: linear.
std::optional<std::size_t> displaced_connection(std::span<const ConnectionState> connections,
                                                const Displacement& wanted);

}  // namespace notch::agent
