// Addresses to listen on, and sockets passed by systemd.
#include "agent/http/listen_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "tests/agent/http/http_client.h"
#include "tests/agent/http/live_server.h"

namespace notch::agent::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

LiveServer* serve_on(std::vector<std::string> addresses) {
  HttpOptions options;
  options.listen = std::move(addresses);
  Route hello{"/hello", [](const Request& request) { return text_response(200, request.peer); }};
  return new LiveServer(options, {hello});
}

TEST(ListenSocket, ReportsThePortTheKernelChose) {
  const std::unique_ptr<LiveServer> server(serve_on({"127.0.0.1:0"}));
  EXPECT_THAT(server->address(), StartsWith("127.0.0.1:"));
  EXPECT_FALSE(server->address().ends_with(":0"));
}

TEST(ListenSocket, ListensOnSeveralAddresses) {
  const std::unique_ptr<LiveServer> server(serve_on({"127.0.0.1:0", "localhost:0"}));
  ASSERT_EQ(server->message(), "");
  EXPECT_EQ(HttpClient(server->address(0)).ask(get("/hello")).status, 200);
  EXPECT_EQ(HttpClient(server->address(1)).ask(get("/hello")).status, 200);
}

TEST(ListenSocket, ListensOnIpv6) {
  const std::unique_ptr<LiveServer> server(serve_on({"[::1]:0"}));
  if (server->message().find("Cannot assign") != std::string::npos) {
    GTEST_SKIP() << "no IPv6 loopback here: " << server->message();
  }
  ASSERT_EQ(server->message(), "");
  EXPECT_THAT(server->address(), StartsWith("[::1]:"));
  EXPECT_THAT(HttpClient(server->address()).ask(get("/hello")).body, StartsWith("[::1]:"));
}

TEST(ListenSocket, ListensOnEveryAddressWithoutAHost) {
  const std::unique_ptr<LiveServer> server(serve_on({":0"}));
  ASSERT_EQ(server->message(), "");
  const std::string port = server->address().substr(server->address().rfind(':'));
  EXPECT_EQ(HttpClient("127.0.0.1" + port).ask(get("/hello")).status, 200);
}

TEST(ListenSocket, NamesAnAddressInUse) {
  const std::unique_ptr<LiveServer> first(serve_on({"127.0.0.1:0"}));
  const std::unique_ptr<LiveServer> second(serve_on({first->address()}));
  EXPECT_EQ(second->message(), "cannot listen on " + first->address() + ": Address already in use");
}

TEST(ListenSocket, RefusesWhatIsNoAddress) {
  boost::asio::io_context loop;
  std::vector<ListenSocket> sockets;
  for (const std::string address :
       {"", "9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "::1:80",
        "127.0.0.1:-1", "[::1]", "a]b:1"}) {
    EXPECT_THAT(open_listen_socket(loop, address, {}, sockets),
                HasSubstr("\"" + address + "\" is no address to listen on: want ADDRESS:PORT"));
  }
  EXPECT_TRUE(sockets.empty());
}

TEST(ListenSocket, NamesAnAddressOfAnotherHost) {
  boost::asio::io_context loop;
  std::vector<ListenSocket> sockets;
  EXPECT_THAT(open_listen_socket(loop, "192.0.2.1:0", {}, sockets),
              StartsWith("cannot listen on 192"));
}

// Puts a descriptor of ours where systemd puts its first, and what was there back afterwards.
class ActivationTest : public ::testing::Test {
 protected:
  static constexpr int kFirst = 3;

  ActivationTest() : saved_(::fcntl(kFirst, F_DUPFD_CLOEXEC, 100)) {}

  ~ActivationTest() override {
    ::close(kFirst);
    if (saved_ >= 0) ::dup2(saved_, kFirst), ::close(saved_);
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
  }

  void pass(int fd) {
    ::dup2(fd, kFirst);
    if (fd != kFirst) ::close(fd);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
  }

  std::unique_ptr<LiveServer> serve() {
    HttpOptions options;
    options.systemd_sockets = true;
    Route hello{"/hello", [](const Request&) { return text_response(200, "hello"); }};
    return std::make_unique<LiveServer>(options, std::vector<Route>{hello});
  }

  const int saved_;
};

TEST_F(ActivationTest, ServesASocketItWasPassed) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  ASSERT_EQ(::bind(fd, any.data(), static_cast<socklen_t>(any.size())), 0);
  ASSERT_EQ(::listen(fd, 8), 0);
  pass(fd);
  const auto server = serve();
  ASSERT_EQ(server->message(), "");
  EXPECT_EQ(HttpClient(server->address()).ask(get("/hello")).body, "hello");
}

TEST_F(ActivationTest, RefusesADescriptorThatDoesNotListen) {
  pass(::socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_THAT(serve()->message(), EndsWith("descriptor 3: not a listening stream socket"));
}

TEST_F(ActivationTest, RefusesToStartWithNone) {
  EXPECT_THAT(serve()->message(), HasSubstr("none were passed"));
}

}  // namespace
}  // namespace notch::agent::testing
