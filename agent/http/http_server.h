// A small HTTP/1.1 server on one event loop: listens, accepts, and hands each connection to
// http_connection. Called by: daemon, tests.
//
// Invariants
//   HS1  Everything but the hashing of passwords happens on the loop's thread; nothing here blocks
//        it but a route and, when a file has changed, reading the web configuration.
//   HS2  After the destructor no route is called, whatever is still queued on the loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/http/http_options.h"
#include "agent/http/http_stats.h"

namespace notch::agent {

class HttpService;
class HttpListener;

class HttpServer {
 public:
  // REQUIRES: `loop` is run by one thread at a time and outlives the server; all calls come from
  // that thread, or while the loop is not running.
  HttpServer(boost::asio::io_context& loop, HttpOptions options, std::vector<Route> routes);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Reads the web configuration and opens every address. Returns an empty string, or what is wrong
  // with which address or file, and then nothing listens. To be called once.
  std::string start();

  // Every listening socket as --listen would name it, with the ports the kernel chose.
  std::vector<std::string> addresses() const;

  // Whether new connections speak TLS at this moment.
  bool uses_tls() const;

  // Reads the web configuration again, changed or not. False if it is wrong, or would take
  // protection away: then the last good one stays.
  bool reload();

  // Stops listening, ends idle connections, lets responses in flight finish until stop_deadline,
  // cuts what is left, then calls `on_stopped` from the loop, once.
  void stop(std::function<void()> on_stopped);

  const HttpStats& stats() const noexcept;

 private:
  boost::asio::io_context& loop_;
  boost::asio::steady_timer stop_deadline_;
  std::shared_ptr<HttpService> service_;  // shared with the connections
  std::vector<std::shared_ptr<HttpListener>> listeners_;
};

}  // namespace notch::agent
