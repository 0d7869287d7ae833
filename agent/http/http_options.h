// The options of the HTTP front, and the routes that it serves. Filled by: notchd's flags, tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "agent/http/http_message.h"
#include "agent/http/socket_file.h"

namespace notch::agent {

struct HttpOptions {
  std::vector<std::string> listen{"127.0.0.1:9464"};  // as open_listen_socket() takes them
  SocketAccess socket_access;                         // of Unix sockets that have a path
  bool systemd_sockets = false;                       // take systemd's sockets instead of `listen`
  std::string web_config_file;                        // empty: plain HTTP, no authentication

  std::size_t max_requests = 40;  // in flight, over limited routes; 0: no limit
  std::size_t max_waiting = 40;   // for a place among them
  std::size_t max_connections = 512;
  std::size_t max_query_parameters = 256;
  std::size_t header_limit_bytes = 16 * 1024;
  std::size_t slice_bytes = 128 * 1024;  // written at a time

  // Each is for the whole of its step, so that a byte now and then does not prolong it.
  std::chrono::milliseconds header_deadline{10'000};  // TLS handshake; first byte to header's end
  std::chrono::milliseconds idle_deadline{300'000};   // between two requests of a connection
  std::chrono::milliseconds write_deadline{60'000};   // one response
  std::chrono::milliseconds slice_deadline{10'000};   // slice_bytes of a response
  std::chrono::milliseconds reading_grace{1'000};     // before a response is cut for another
  std::chrono::milliseconds place_wait{1'500};        // for a place: longer than the grace
  std::chrono::milliseconds linger_deadline{1'000};   // last response to the client's own close
  std::chrono::milliseconds stop_deadline{5'000};     // stop() to cutting what is still open

  // The least rate of a reader, in bytes per second; a slower one is cut.
  double least_rate() const {
    return static_cast<double>(slice_bytes) / std::chrono::duration<double>(slice_deadline).count();
  }

  std::function<void(const std::string&)> on_warning;  // may be empty; called on the loop's thread
};

// Runs on the loop's thread and holds it up for as long as it takes. May throw: that is a 500.
using RouteHandler = std::function<Response(const Request&)>;

struct Route {
  std::string path;
  RouteHandler handler;
  bool limited = true;  // false: answered even at max_requests, as probes of health want it
};

}  // namespace notch::agent
