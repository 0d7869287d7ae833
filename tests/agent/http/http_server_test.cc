// The HTTP front without TLS, over real sockets: requests, limits, deadlines, ends.
#include "agent/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/agent/http/http_client.h"
#include "tests/agent/http/live_server.h"

namespace notch::agent::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kBlockBytes = 1 << 20;
constexpr std::size_t kBlocks = 16;  // more than the kernel takes off our hands for one connection

HttpOptions loopback() {
  HttpOptions options;
  options.listen = {"127.0.0.1:0"};
  options.linger_deadline = 200ms;
  return options;
}

Response echo(const Request& request) {
  std::string text = request.method + " " + request.path + "\n";
  for (const auto& [name, value] : request.query) text += name + "=" + value + "\n";
  text += "accept: " + request.accept + "\nencoding: " + request.accept_encoding + "\n";
  if (request.scrape_timeout_s) text += "timeout: " + std::to_string(*request.scrape_timeout_s);
  return text_response(200, text);
}

class HttpServerTest : public ::testing::Test {
 protected:
  LiveServer& serve(HttpOptions options = loopback()) {
    Route big{"/big", [this](const Request&) {
                Response response;
                response.body.assign(kBlocks, {block_, *block_});
                return response;
              }};
    Route broken{"/broken", [](const Request&) -> Response { throw std::runtime_error("oops"); }};
    // There is memory for its response once nobody holds the large one's.
    Route scarce{"/scarce", [this](const Request&) {
                   if (block_.use_count() == 1) return text_response(200, "there is room\n");
                   Response refusal = busy_response("no memory\n");
                   refusal.no_memory = true;
                   return refusal;
                 }};
    Route health{"/health", [](const Request&) { return text_response(200, "fine\n"); }, false};
    server_ = std::make_unique<LiveServer>(
        std::move(options), std::vector<Route>{{"/echo", echo}, big, broken, scarce, health});
    EXPECT_EQ(server_->message(), "");
    return *server_;
  }

  // A client whose response is being written and stays so, because it does not read.
  std::unique_ptr<HttpClient> stuck_client() {
    auto client = std::make_unique<HttpClient>(server_->address(), 4096);
    client->send(get("/big"));
    client->read_some();
    return client;
  }

  const std::shared_ptr<const std::string> block_ =
      std::make_shared<const std::string>(kBlockBytes, 'x');
  std::unique_ptr<LiveServer> server_;
};

TEST_F(HttpServerTest, AnswersARoute) {
  HttpClient client(serve().address());
  const ClientResponse response = client.ask(get("/echo"));
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, StartsWith("GET /echo\n"));
  EXPECT_EQ(response.headers.at("content-length"), std::to_string(response.body.size()));
  EXPECT_TRUE(response.headers.contains("date"));
}

TEST_F(HttpServerTest, GivesTheRouteWhatTheHeadSays) {
  HttpClient client(serve().address());
  const ClientResponse response =
      client.ask(get("/echo?name%5B%5D=a&name[]=b+c",
                     "Accept: text/plain\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n"
                     "X-Prometheus-Scrape-Timeout-Seconds: 9.5\r\n"));
  EXPECT_EQ(response.body,
            "GET /echo\nname[]=a\nname[]=b c\naccept: text/plain, text/html\nencoding: gzip\n"
            "timeout: 9.500000");
}

TEST_F(HttpServerTest, IgnoresATimeoutThatIsNone) {
  HttpClient client(serve().address());
  for (const std::string value : {"0", "-1", "nan", "inf", "1e999", "5s", ""}) {
    const std::string line = "X-Prometheus-Scrape-Timeout-Seconds: " + value + "\r\n";
    EXPECT_EQ(client.ask(get("/echo", line)).body.find("timeout"), std::string::npos) << value;
  }
}

TEST_F(HttpServerTest, TakesARequestSplitAtAnyByte) {
  const std::string request = get("/echo", "Accept: text/plain\r\n");
  HttpClient client(serve().address());
  for (std::size_t at = 1; at < request.size(); ++at) {
    client.send(request.substr(0, at));
    // The first part has arrived and been read once the server answers someone who came later.
    HttpClient(server_->address()).ask(get("/health"));
    ASSERT_EQ(client.ask(request.substr(at)).status, 200) << "split at " << at;
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  HttpClient client(serve().address());
  std::string requests;
  for (int i = 0; i < 50; ++i) requests += get("/echo?i=" + std::to_string(i));
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    ASSERT_THAT(client.read_response().body, HasSubstr("\ni=" + std::to_string(i) + "\n"));
  }
}

TEST_F(HttpServerTest, ReusesAConnection) {
  HttpClient client(serve().address());
  EXPECT_EQ(client.ask(get("/echo")).headers.at("connection"), "keep-alive");
  EXPECT_EQ(client.ask(get("/echo")).status, 200);
  EXPECT_EQ(server_->stats().connections_accepted, 1u);
}

TEST_F(HttpServerTest, ClosesWhenAskedTo) {
  HttpClient client(serve().address());
  client.send(get("/echo", "Connection: close\r\n"));
  EXPECT_EQ(client.read_response().headers.at("connection"), "close");
  EXPECT_EQ(client.read_to_close(), "");
}

TEST_F(HttpServerTest, SpeaksHttp10) {
  HttpClient once(serve().address());
  once.send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_EQ(once.read_response().headers.at("connection"), "close");
  EXPECT_EQ(once.read_to_close(), "");

  HttpClient kept(server_->address());
  const std::string request = "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  EXPECT_EQ(kept.ask(request).headers.at("connection"), "keep-alive");
  EXPECT_EQ(kept.ask(request).status, 200);
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthAndNoBody) {
  HttpClient client(serve().address());
  client.send("HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n" + get("/health"));
  const ClientResponse head = client.read_response(false);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(kBlocks * kBlockBytes));
  EXPECT_EQ(client.read_response().body, "fine\n");
}

TEST_F(HttpServerTest, WritesAllBlocksInOneResponse) {
  HttpClient client(serve().address());
  const ClientResponse response = client.ask(get("/big"));
  EXPECT_EQ(response.body, std::string(kBlocks * kBlockBytes, 'x'));
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 0; }));
  EXPECT_GT(server_->stats().bytes_sent, kBlocks * kBlockBytes);
}

TEST_F(HttpServerTest, SharesBlocksWhileWritingAndLetsThemGo) {
  serve();
  const auto client = stuck_client();
  EXPECT_GE(block_.use_count(), static_cast<long>(1 + kBlocks));
  while (client->read_response().status == 0) {
  }
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 0; }));
  EXPECT_EQ(block_.use_count(), 1);
}

TEST_F(HttpServerTest, AnswersAnUnknownPathWith404) {
  HttpClient client(serve().address());
  EXPECT_EQ(client.ask(get("/nowhere")).status, 404);
  EXPECT_EQ(client.ask(get("/echo")).status, 200);
}

TEST_F(HttpServerTest, AnswersOtherMethodsWith405) {
  HttpClient client(serve().address());
  for (const std::string method : {"POST", "DELETE", "OPTIONS", "BREW"}) {
    const ClientResponse response = client.ask(method + " /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.headers.at("allow"), "GET, HEAD") << method;
  }
}

TEST_F(HttpServerTest, NeverReadsABodyAsARequest) {
  HttpClient client(serve().address());
  const std::string body = get("/echo");
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  const ClientResponse response = client.read_response();
  EXPECT_EQ(response.status, 405) << response.body;
  EXPECT_EQ(client.read_to_close(), "");
}

TEST_F(HttpServerTest, RefusesALargeHead) {
  HttpOptions options = loopback();
  options.header_limit_bytes = 1024;
  HttpClient client(serve(options).address());
  client.send(get("/echo", "X: " + std::string(100'000, 'a') + "\r\n"));
  EXPECT_EQ(client.read_response().status, 431);
  EXPECT_EQ(client.read_to_close(), "");
}

TEST_F(HttpServerTest, TakesAHeadBelowTheLimit) {
  HttpOptions options = loopback();
  options.header_limit_bytes = 1024;
  HttpClient client(serve(options).address());
  EXPECT_EQ(client.ask(get("/echo", "X: " + std::string(900, 'a') + "\r\n")).status, 200);
}

struct BadHead {
  const char* name;
  const char* bytes;
  int status;
};

class BadHeadTest : public HttpServerTest, public ::testing::WithParamInterface<BadHead> {};

TEST_P(BadHeadTest, IsRefusedAndTheConnectionEnds) {
  HttpClient client(serve().address());
  client.send(GetParam().bytes);
  EXPECT_EQ(client.read_response().status, GetParam().status);
  EXPECT_EQ(client.read_to_close(), "");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadHeadTest,
    ::testing::Values(
        BadHead{"NoVersion", "GET /echo\r\n\r\n", 400},
        BadHead{"OtherVersion", "GET /echo HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        BadHead{"NoHost", "GET /echo HTTP/1.1\r\n\r\n", 400},
        BadHead{"TwoHosts", "GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        BadHead{"BadEscape", "GET /echo?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        BadHead{"SpaceInName", "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", 400},
        BadHead{"TwoLengths",
                "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400},
        BadHead{"AnotherFraming",
                "GET /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501},
        BadHead{"TwoFramings",
                "GET /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        BadHead{"LengthAndChunks",
                "GET /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                "Transfer-Encoding: chunked\r\n\r\n",
                400}),
    [](const auto& param) { return param.param.name; });

TEST_F(HttpServerTest, AnswersAThrowingRouteWith500) {
  HttpClient client(serve().address());
  const ClientResponse response = client.ask(get("/broken"));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("oops"), std::string::npos);
  EXPECT_EQ(server_->stats().route_errors, 1u);
  EXPECT_THAT(server_->warnings().at(0), HasSubstr("/broken failed: oops"));
}

TEST_F(HttpServerTest, RefusesRequestsBeyondTheLimitUntilOneIsWritten) {
  HttpOptions options = loopback();
  options.max_requests = 2;
  options.reading_grace = 1h;
  serve(options);
  const auto first = stuck_client();
  const auto second = stuck_client();
  HttpClient third(server_->address());
  const ClientResponse refusal = third.ask(get("/echo"));
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(refusal.body, "Limit of concurrent requests reached (2), try again later.\n");
  EXPECT_EQ(refusal.headers.at("retry-after"), "1");
  EXPECT_EQ(server_->stats().rejected_by_requests, 1u);
  EXPECT_EQ(third.ask(get("/health")).status, 200) << "an unlimited route is answered";

  EXPECT_EQ(first->read_response().status, 200);
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 1; }));
  EXPECT_EQ(third.ask(get("/echo")).status, 200);
}

TEST_F(HttpServerTest, ALostClientGivesItsPlaceBack) {
  HttpOptions options = loopback();
  options.max_requests = 1;
  serve(options);
  stuck_client().reset();
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 0; }));
}

TEST_F(HttpServerTest, CutsASlowSender) {
  HttpOptions options = loopback();
  options.header_deadline = 100ms;
  HttpClient client(serve(options).address());
  const std::string endless = get("/echo", "X: " + std::string(10'000, 'a'));
  std::size_t sent = 0;
  while (sent < endless.size() && client.send(endless.substr(sent, 1))) {
    ++sent;
    std::this_thread::sleep_for(1ms);  // the slowness that is tested
  }
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_LT(sent, endless.size());
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.header_timeouts == 1; }));
}

TEST_F(HttpServerTest, CutsAClientThatNeverSpeaks) {
  HttpOptions options = loopback();
  options.header_deadline = 50ms;
  HttpClient client(serve(options).address());
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.header_timeouts == 1; }));
}

TEST_F(HttpServerTest, CutsAnIdleConnection) {
  HttpOptions options = loopback();
  options.idle_deadline = 50ms;
  HttpClient client(serve(options).address());
  EXPECT_EQ(client.ask(get("/echo")).status, 200);
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_EQ(server_->stats().header_timeouts, 0u);
}

TEST_F(HttpServerTest, CutsASlowReader) {
  HttpOptions options = loopback();
  options.write_deadline = 100ms;
  serve(options);
  const auto client = stuck_client();
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.write_timeouts == 1; }));
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 0; }));
  EXPECT_LT(client->read_to_close().size(), kBlocks * kBlockBytes);
  EXPECT_EQ(block_.use_count(), 1);
}

TEST_F(HttpServerTest, CutsAReaderBelowTheLeastRateThoughItNeverStops) {
  HttpOptions options = loopback();
  options.slice_bytes = 4 << 20;
  options.slice_deadline = 200ms;
  serve(options);
  const auto client = stuck_client();
  std::size_t reads = 0;
  while (server_->stats().cut_slow_readers == 0 && ++reads < 2'000) {
    client->read_some();
    std::this_thread::sleep_for(5ms);  // the slowness that is tested: 13 MB a second at most
  }
  EXPECT_EQ(server_->stats().cut_slow_readers, 1u);
  EXPECT_EQ(server_->stats().write_timeouts, 0u);
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 0; }));
  EXPECT_LT(client->read_to_close().size(), kBlocks * kBlockBytes);
}

TEST_F(HttpServerTest, ARequestThatFindsNoPlaceTakesThatOfTheSlowestReader) {
  HttpOptions options = loopback();
  options.max_requests = 2;
  options.reading_grace = 0ms;
  serve(options);
  const auto slowest = stuck_client();
  const auto slow = stuck_client();
  while (slow->received().size() < 4 * kBlockBytes) slow->read_some();
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/echo")).status, 200);
  EXPECT_LT(slowest->read_to_close().size(), kBlocks * kBlockBytes);
  EXPECT_EQ(slow->read_response().status, 200);
  const HttpStats stats = server_->stats();
  EXPECT_EQ(stats.cut_for_requests, 1u);
  EXPECT_EQ(stats.rejected_by_requests, 0u);
}

TEST_F(HttpServerTest, ARequestWaitsUntilAReaderHasHadItsGrace) {
  HttpOptions options = loopback();
  options.max_requests = 1;
  options.reading_grace = 200ms;
  options.place_wait = 400ms;
  serve(options);
  const auto young = stuck_client();
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/echo")).status, 200);
  EXPECT_LT(young->read_to_close().size(), kBlocks * kBlockBytes);
  const HttpStats stats = server_->stats();
  EXPECT_EQ(stats.cut_for_requests, 1u);
  EXPECT_EQ(stats.rejected_by_requests, 0u);
}

TEST_F(HttpServerTest, AnotherPageWaitsUntilAReaderHasHadItsGrace) {
  HttpOptions options = loopback();
  options.reading_grace = 200ms;
  options.place_wait = 400ms;
  serve(options);
  const auto young = stuck_client();
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/scarce")).status, 200);
  EXPECT_EQ(server_->stats().cut_for_memory, 1u);
}

TEST_F(HttpServerTest, ARequestThatWaitsTakesThePlaceOfOneThatIsWritten) {
  HttpOptions options = loopback();
  options.max_requests = 1;
  options.max_waiting = 1;
  options.reading_grace = 1h;
  options.place_wait = 1h;
  serve(options);
  const auto first = stuck_client();
  HttpClient waiting(server_->address());
  waiting.send(get("/echo"));
  HttpClient second(server_->address());
  second.send(get("/echo"));
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.rejected_by_requests == 1; }))
      << "no more than one waits";
  EXPECT_EQ(first->read_response().status, 200);
  // Which of the two came first, the server alone knows.
  std::vector statuses = {waiting.read_response().status, second.read_response().status};
  std::ranges::sort(statuses);
  EXPECT_THAT(statuses, ElementsAre(200, 503));
}

TEST_F(HttpServerTest, APageThatFindsNoMemoryCutsReadersUntilItDoes) {
  HttpOptions options = loopback();
  options.reading_grace = 0ms;
  serve(options);
  const auto first = stuck_client();
  const auto second = stuck_client();
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/scarce")).status, 200);
  EXPECT_LT(first->read_to_close().size(), kBlocks * kBlockBytes);
  EXPECT_LT(second->read_to_close().size(), kBlocks * kBlockBytes);
  EXPECT_EQ(server_->stats().cut_for_memory, 2u);
}

TEST_F(HttpServerTest, APageThatFindsNoMemoryIsRefusedWhenNoReaderIsSlow) {
  HttpOptions options = loopback();
  options.reading_grace = 1h;
  serve(options);
  const auto busy = stuck_client();
  HttpClient client(server_->address());
  const ClientResponse refusal = client.ask(get("/scarce"));
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(refusal.headers.at("retry-after"), "1");
  EXPECT_EQ(server_->stats().rejected_by_memory, 1u);
  EXPECT_EQ(busy->read_response().status, 200);
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.requests_in_flight == 0; }));
  EXPECT_EQ(client.ask(get("/scarce")).status, 200);
}

TEST_F(HttpServerTest, MakesRoomByCuttingWhoeverKeepsItWaitingLongest) {
  HttpOptions options = loopback();
  options.max_connections = 2;
  HttpClient first(serve(options).address());
  EXPECT_EQ(first.ask(get("/echo")).status, 200);
  HttpClient second(server_->address());
  EXPECT_EQ(second.ask(get("/echo")).status, 200);
  HttpClient third(server_->address());
  EXPECT_EQ(third.ask(get("/echo")).status, 200);
  EXPECT_EQ(first.read_to_close(), "");
  EXPECT_EQ(second.ask(get("/echo")).status, 200);
  EXPECT_EQ(server_->stats().cut_for_connections, 1u);
}

TEST_F(HttpServerTest, MakesRoomByCuttingWhoeverReadsNothing) {
  HttpOptions options = loopback();
  options.max_connections = 2;
  options.reading_grace = 0ms;
  serve(options);
  const auto first = stuck_client();
  const auto second = stuck_client();
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/echo")).status, 200);
  EXPECT_EQ(server_->stats().cut_for_connections, 1u);
}

TEST_F(HttpServerTest, MakesRoomByCuttingWhoeverIsAnsweredAndDoesNotClose) {
  HttpOptions options = loopback();
  options.max_connections = 1;
  options.linger_deadline = 1h;
  HttpClient lingering(serve(options).address());
  lingering.send(get("/echo", "Connection: close\r\n"));
  EXPECT_EQ(lingering.read_response().status, 200);
  EXPECT_EQ(HttpClient(server_->address()).ask(get("/echo")).status, 200);
}

TEST_F(HttpServerTest, RefusesANewcomerWhenAllOthersAreBeingAnswered) {
  HttpOptions options = loopback();
  options.max_connections = 1;
  options.reading_grace = 1h;
  serve(options);
  const auto busy = stuck_client();
  HttpClient client(server_->address());
  EXPECT_EQ(client.read_to_close(), "");
  EXPECT_EQ(server_->stats().connections_refused, 1u);
  EXPECT_EQ(busy->read_response().status, 200);
}

TEST_F(HttpServerTest, StopsAfterTheResponsesInFlight) {
  serve();
  HttpClient idle(server_->address());
  EXPECT_EQ(idle.ask(get("/echo")).status, 200);
  const auto busy = stuck_client();
  std::future<void> stopped = server_->stop();
  EXPECT_EQ(idle.read_to_close(), "");
  EXPECT_EQ(stopped.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(busy->read_response().body.size(), kBlocks * kBlockBytes);
  EXPECT_EQ(busy->read_to_close(), "");
  EXPECT_EQ(stopped.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(server_->stats().connections_open, 0u);
}

TEST_F(HttpServerTest, CutsWhatTheStopDeadlineFindsOpen) {
  HttpOptions options = loopback();
  options.stop_deadline = 50ms;
  serve(options);
  const auto busy = stuck_client();
  EXPECT_EQ(server_->stop().wait_for(20s), std::future_status::ready);
  EXPECT_LT(busy->read_to_close().size(), kBlocks * kBlockBytes);
}

TEST_F(HttpServerTest, StopsAtOnceWithoutConnections) {
  EXPECT_EQ(serve().stop().wait_for(20s), std::future_status::ready);
}

TEST_F(HttpServerTest, CanBeDestroyedWhileAnswering) {
  serve();
  const auto busy = stuck_client();
  server_.reset();
  EXPECT_LT(busy->read_to_close().size(), kBlocks * kBlockBytes);
  EXPECT_EQ(block_.use_count(), 1);
}

TEST_F(HttpServerTest, CountsResponsesByCode) {
  HttpClient client(serve().address());
  client.ask(get("/echo"));
  client.ask(get("/echo"));
  client.ask(get("/nowhere"));
  const HttpStats stats = server_->stats();
  EXPECT_EQ(stats.responses.at(200), 2u);
  EXPECT_EQ(stats.responses.at(404), 1u);
}

TEST_F(HttpServerTest, StillAnswersAfterRandomBytes) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  HttpOptions options = loopback();
  options.header_deadline = 200ms;
  serve(options);
  const std::string model = get("/echo?a=b", "Accept: text/plain\r\nConnection: keep-alive\r\n");
  for (int round = 0; round < 300; ++round) {
    std::string bytes = model;
    if (round % 3 == 0) bytes.assign(random() % 4096, ' ');
    const std::size_t changes = round % 3 == 0 ? bytes.size() : 1 + random() % 8;
    for (std::size_t i = 0; i < changes; ++i) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    HttpClient client(server_->address());
    client.send(bytes + (round % 2 == 0 ? "\r\n\r\n" : ""));
    if (round % 5 != 0) client.shut_sending();
  }
  HttpClient client(server_->address());
  EXPECT_EQ(client.ask(get("/echo")).status, 200);
  EXPECT_TRUE(server_->reaches([](const HttpStats& s) { return s.connections_open == 1; }));
  EXPECT_EQ(server_->stats().requests_in_flight, 0u);
}

}  // namespace
}  // namespace notch::agent::testing
