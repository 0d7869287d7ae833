// What older kernels get: records of connections and stalls in a table by key, as nothing may be kept
// with a socket or a task there. On the live kernel, whichever it is. Others' connections count here
// too: what this process does is the least there must be.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>

#include "ebpf/counter_rows.h"
#include "ebpf/memory_probe.h"
#include "ebpf/service_table.h"
#include "ebpf/tcp_probe.h"

namespace notch::ebpf {
namespace {

// Of two sockets each, more than there is room for at one time: records go with their connections.
constexpr std::uint64_t kConnections = 9'000;
constexpr std::uint64_t kRefusals = 20;

struct Listener {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};

  Listener() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
  }
  ~Listener() { close(fd); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int connected() const {
    const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      return client;
    close(client);
    return -1;
  }
};

std::uint64_t number_in(const latency_histogram& times) {
  const TimeHistogram shown = time_histogram(times);
  std::uint64_t number = shown.zero_count;
  for (const auto& bucket : shown.buckets) number += bucket.second;
  return number;
}

class KeptByKey : public testing::Test {
 protected:
  void SetUp() override {
    const Outcome outcome = services_.start();
    if (!outcome.ok() && outcome.refusal != Refusal::kNoHook) GTEST_SKIP() << outcome.words;
  }
  ServiceTable services_;
};

TEST_F(KeptByKey, ConnectionsAreTimedFromTheirBeginningToTheirEnd) {
  TcpProbe probe;
  const Outcome outcome = probe.load(services_, true);
  ASSERT_TRUE(outcome.ok()) << outcome.words;
  const auto row = [&] { return sum_rows(probe.object().values<tcp_row>("connections"), 0, 1); };
  const tcp_row before = row();
  const Listener refusing;
  for (std::uint64_t i = 0; i < kRefusals; ++i) EXPECT_EQ(refusing.connected(), -1);
  const Listener listener;
  ASSERT_EQ(listen(listener.fd, 16), 0);
  for (std::uint64_t i = 0; i < kConnections; ++i) {
    const int client = listener.connected();
    const int server = accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
    ASSERT_GE(client, 0);
    ASSERT_GE(server, 0);
    // A reset, so that no port is left to wait.
    const linger at_once{1, 0};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(client);
    close(server);
  }
  const tcp_row after = row();
  EXPECT_EQ(after.untracked, before.untracked);
  EXPECT_GE(after.connect_failures, before.connect_failures + kRefusals);
  EXPECT_GE(number_in(after.connect), number_in(before.connect) + kConnections);
  for (const int direction : {NOTCH_TCP_OUTBOUND, NOTCH_TCP_INBOUND}) {
    EXPECT_GE(after.opened[direction], before.opened[direction] + kConnections);
    EXPECT_GE(number_in(after.lifetime[direction]),
              number_in(before.lifetime[direction]) + kConnections);
  }
}

TEST_F(KeptByKey, FatalSignalsCount) {
  MemoryProbe probe;
  const Outcome outcome = probe.load(services_, true);
  ASSERT_TRUE(outcome.ok()) << outcome.words;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSYS, SIG_DFL);
    raise(SIGSYS);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  std::uint64_t ended = 0;
  for (const memory_row& row : probe.object().values<memory_row>("rows"))
    ended += row.fatal_signals[SIGSYS];
  EXPECT_GE(ended, 1U);
}

}  // namespace
}  // namespace notch::ebpf
