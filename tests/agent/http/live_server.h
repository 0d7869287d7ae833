// A real HttpServer on loopback, its loop on a thread of its own. The server itself is only touched
// from that thread.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/http/http_server.h"

namespace notch::agent::testing {

class LiveServer {
 public:
  LiveServer(HttpOptions options, std::vector<Route> routes) {
    options.on_warning = [this](const std::string& text) {
      const std::lock_guard lock(warnings_mutex_);
      warnings_.push_back(text);
    };
    server_ = std::make_unique<HttpServer>(loop_, std::move(options), std::move(routes));
    message_ = server_->start();
    addresses_ = server_->addresses();
    thread_ = std::thread([this] { loop_.run(); });
  }

  ~LiveServer() {
    on_loop([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  const std::string& message() const { return message_; }
  const std::string& address(std::size_t index = 0) const { return addresses_.at(index); }

  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  HttpServer& server() { return *server_; }  // for on_loop()

  HttpStats stats() {
    HttpStats copy;
    on_loop([&] { copy = server_->stats(); });
    return copy;
  }

  // Polls the counters until `reached` says yes; false if it does not in 20 s.
  bool reaches(const std::function<bool(const HttpStats&)>& reached) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!reached(stats())) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  std::future<void> stop() {
    auto stopped = std::make_shared<std::promise<void>>();
    on_loop([&] { server_->stop([stopped] { stopped->set_value(); }); });
    return stopped->get_future();
  }

  std::vector<std::string> warnings() {
    const std::lock_guard lock(warnings_mutex_);
    return warnings_;
  }

 private:
  boost::asio::io_context loop_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
      boost::asio::make_work_guard(loop_);
  std::unique_ptr<HttpServer> server_;
  std::string message_;
  std::vector<std::string> addresses_;
  std::mutex warnings_mutex_;
  std::vector<std::string> warnings_;
  std::thread thread_;
};

}  // namespace notch::agent::testing
