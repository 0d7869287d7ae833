#include "client/examples/otlp/collector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "client/examples/otlp/batch_rules.h"
#include "client/examples/otlp/span_frame.h"

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

struct Connection {
  int descriptor = -1;
  FrameReader reader;
  Bytes answer;  // to be sent at `answer_at`; an exporter asks again only once it has it
  Clock::time_point answer_at;

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(descriptor); }
};

class Collector {
 public:
  Collector(int listener, int signals, const CollectorPlan& plan)
      : listener_(listener), signals_(signals), plan_(plan), random_(plan.seed) {}

  // Until SIGTERM.
  void serve() {
    for (;;) {
      std::vector<pollfd> entries{{signals_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const auto& connection : connections_) {
        entries.push_back({connection->descriptor, POLLIN, 0});
      }
      if (::poll(entries.data(), entries.size(), until_next_answer_ms()) < 0 && errno != EINTR) {
        return;
      }
      if (entries[0].revents != 0) return;
      for (std::size_t i = connections_.size(); i-- > 0;) {
        if ((entries[i + 2].revents != 0 && !read_some(*connections_[i])) ||
            !answer_if_due(*connections_[i])) {
          connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
      if (entries[1].revents != 0) accept_one();
    }
  }

 private:
  int until_next_answer_ms() const {
    auto wait = Clock::duration(std::chrono::seconds(60));
    for (const auto& connection : connections_) {
      if (!connection->answer.empty()) {
        wait = std::min(wait, connection->answer_at - Clock::now());
      }
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
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->descriptor = descriptor;
  }

  // False: this connection is over.
  bool read_some(Connection& connection) {
    std::array<std::uint8_t, 16384> room;
    const ssize_t got = ::recv(connection.descriptor, room.data(), room.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    connection.reader.take({room.data(), static_cast<std::size_t>(got)});
    while (const auto payload = connection.reader.next()) {
      const std::optional<Request> request = parse_request(*payload);
      if (!request || !take(connection, *request)) return false;
    }
    return !connection.reader.broken();
  }

  // How it behaves today: chosen anew for each batch. False: hangs up.
  bool take(Connection& connection, const Request& request) {
    const std::uint64_t dice = random_() % 1000;
    if (dice < 4 && plan_.may_die) ::kill(::getpid(), SIGKILL);
    if (dice < 20) return false;
    const Answer answer = dice < 45 ? Answer::kRejected : Answer::kTaken;
    // Slow is up to 700 ms: longer than an exporter waits.
    const std::uint64_t wait_ms = dice >= 45 && dice < 120 ? random_() % 700 : random_() % 4;
    connection.answer = reply_frame({request.batch_id, answer});
    connection.answer_at = Clock::now() + std::chrono::milliseconds(wait_ms);
    return true;
  }

  static bool answer_if_due(Connection& connection) {
    if (connection.answer.empty() || Clock::now() < connection.answer_at) return true;
    // An answer is far smaller than a socket's buffer: one that does not fit has no reader.
    const bool sent =
        ::send(connection.descriptor, connection.answer.data(), connection.answer.size(),
               MSG_NOSIGNAL) == static_cast<ssize_t>(connection.answer.size());
    connection.answer.clear();
    return sent;
  }

  const int listener_;
  const int signals_;
  const CollectorPlan plan_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Connection>> connections_;
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
