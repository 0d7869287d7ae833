#include "client/examples/otlp/collector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "client/examples/otlp/collector_connection.h"

namespace otlp_demo {
namespace {

constexpr std::size_t kMaxConnections = 256;

// SO_REUSEPORT lets the collector listen where its supervisor has reserved the port.
int bound_socket(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  const int on = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
      ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return descriptor;
  }
  ::close(descriptor);
  return -1;
}

class Collector {
 public:
  Collector(int listener, int signals, const CollectorPlan& plan)
      : listener_(listener), signals_(signals), plan_(plan), random_(plan.seed) {}

  // Until SIGTERM.
  void serve() {
    for (;;) {
      std::vector<pollfd> entries{{signals_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& connection : connections_) {
        entries.push_back({connection->descriptor(), connection->events(), 0});
      }
      if (::poll(entries.data(), entries.size(), until_wake_ms()) < 0 && errno != EINTR) return;
      if (entries[0].revents != 0) return;
      for (std::size_t i = connections_.size(); i-- > 0;) {
        if (!connections_[i]->go_on(entries[i + 2].revents)) {
          connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      if (entries[1].revents != 0) accept_one();
    }
  }

 private:
  int until_wake_ms() const {
    auto wait = Clock::duration(std::chrono::seconds(60));
    for (const auto& connection : connections_) {
      wait = std::min(wait, connection->wake_at() - Clock::now());
    }
    const auto wait_ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
    return static_cast<int>(std::max<std::int64_t>(wait_ms, 0));
  }

  void accept_one() {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    if (connections_.size() >= kMaxConnections) {
      ::close(descriptor);
      return;
    }
    connections_.push_back(std::make_unique<CollectorConnection>(
        descriptor, [this](const CollectorRequest& request) { return decide(request); }));
  }

  // How it behaves today: chosen anew for each batch.
  CollectorDecision decide(const CollectorRequest& request) {
    const std::uint64_t dice = random_() % 1000;
    if (dice < 4 && plan_.may_die) ::kill(::getpid(), SIGKILL);
    if (dice < 20) return {.hangs_up = true};
    CollectorDecision decision;
    decision.reply = reply_to(request, mood_of(dice));
    // Slow is up to 700 ms: longer than an exporter waits.
    const std::uint64_t wait_ms = dice >= 45 && dice < 120 ? random_() % 700 : random_() % 4;
    decision.wait = std::chrono::milliseconds(wait_ms);
    plan_.counts->taken += decision.reply.taken;
    plan_.counts->refused += decision.reply.refused;
    return decision;
  }

  static CollectorMood mood_of(std::uint64_t dice) {
    using std::chrono::seconds;
    if (dice < 25) return {.status = 429, .retry_after = seconds(1)};
    if (dice < 30) return {.status = 503, .retry_after = seconds(0)};
    if (dice < 34) return {.status = 503};
    if (dice < 37) return {.status = 502};
    if (dice < 39) return {.status = 500};
    return {.takes_all = dice >= 45};
  }

  const int listener_;
  const int signals_;
  const CollectorPlan plan_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<CollectorConnection>> connections_;
};

}  // namespace

ReservedPort::ReservedPort() : descriptor_(bound_socket(0)) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (descriptor_ >= 0 &&
      ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    number_ = ntohs(address.sin_port);
  }
}

ReservedPort::~ReservedPort() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int run_collector(const CollectorPlan& plan) {
  const int listener = bound_socket(plan.port);
  if (listener < 0 || ::listen(listener, 128) != 0) {
    std::fprintf(stderr, "otlp_demo: the collector cannot listen on 127.0.0.1:%u: %s\n", plan.port,
                 std::strerror(errno));
    return kCollectorNoPort;
  }
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  const int signals = ::signalfd(-1, &set, SFD_CLOEXEC);
  Collector(listener, signals, plan).serve();
  ::close(signals);
  ::close(listener);
  return 0;
}

}  // namespace otlp_demo
