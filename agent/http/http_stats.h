// The HTTP front's counters, as plain numbers. Written on the loop's thread by http_service,
// http_connection and http_server; read there by the agent's own telemetry.
#pragma once

#include <cstdint>
#include <map>

namespace notch::agent {

struct HttpStats {
  // Now.
  std::uint64_t connections_open = 0;
  std::uint64_t requests_in_flight = 0;  // from the password, or the header's end, to the last byte
  std::uint64_t passwords_waiting = 0;   // requests whose password is being checked

  // Since the start.
  std::map<unsigned, std::uint64_t> responses;  // by status code, counted when writing begins
  std::uint64_t bytes_sent = 0;                 // heads and bodies handed to the socket or to TLS
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  // no other could be cut for it
  std::uint64_t accept_errors = 0;        // out of descriptors, mostly
  std::uint64_t header_timeouts = 0;      // TLS handshakes included
  std::uint64_t write_timeouts = 0;
  std::uint64_t tls_failures = 0;  // handshakes that failed, plain HTTP included
  std::uint64_t unauthorized = 0;
  std::uint64_t route_errors = 0;  // a route threw, the client saw 500

  // Connections cut for others, and for being slow.
  std::uint64_t cut_for_connections = 0;
  std::uint64_t cut_for_requests = 0;
  std::uint64_t cut_for_memory = 0;
  std::uint64_t cut_slow_readers = 0;  // below the least rate

  // Requests answered 503, by what there was no room in.
  std::uint64_t rejected_by_requests = 0;
  std::uint64_t rejected_by_passwords = 0;
  std::uint64_t rejected_by_memory = 0;

  std::uint64_t config_reloads = 0;
  std::uint64_t config_reload_failures = 0;
};

}  // namespace notch::agent
