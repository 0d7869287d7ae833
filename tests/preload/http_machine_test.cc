// Conversations: keep-alive, pipelining, answers without bodies, upgrades, ends, what is not HTTP.
// Called by: ctest.
#include "tests/preload/http_transcript.h"

namespace notch::testing {
namespace {

using ::testing::ElementsAre;

const std::string kGet = "GET /users/42?q=1 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(HttpMachine, KeepAlive) {
  expect_lines({{'>', kGet},
                {'<', kOk},
                {'>', "HEAD / HTTP/1.1\r\n\r\n"},
                {'<', "HTTP/1.1 404 Not Found\r\nContent-Length: 999\r\n\r\n"},
                {'>', kGet},
                {'<', kOk}},
               {"start GET", "GET /users/* 1.1 200 0:5 100", "start HEAD", "HEAD / 1.1 404 0:0 100",
                "start GET", "GET /users/* 1.1 200 0:5 100"});
}

TEST(HttpMachine, DurationSpansFromFirstByteToLast) {
  expect_lines({{'>', "PO"},
                {'>', "ST /a HTTP/1.1\r\ncontent-length:3\r\n\r\na"},
                {'>', "bc"},
                {'<', "HTTP/1.1 200"},
                {'<', " \r\nContent-Length: 2\r\n\r\n"},
                {'<', "x"},
                {'<', "y"}},
               {"start POST", "POST /a 1.1 200 3:2 600"});
}

TEST(HttpMachine, PipelinedRequestsAreAnsweredInOrder) {
  expect_lines({{'>',
                 "GET /a HTTP/1.1\r\n\r\nPUT /b HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody"
                 "HEAD /c HTTP/1.1\r\n\r\n"},
                {'<', kOk},
                {'>', "DELETE /d HTTP/1.1\r\n\r\n"},
                {'<',
                 "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"
                 "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"}},
               {"start GET", "start PUT", "start HEAD", "GET /a 1.1 200 0:5 100", "start DELETE",
                "PUT /b 1.1 204 4:0 300", "HEAD /c 1.1 200 0:0 300", "DELETE /d 1.1 500 0:0 100"});
}

TEST(HttpMachine, MoreThanEightPendingAreDroppedAndCounted) {
  std::string requests;
  std::string answers;
  std::vector<std::string> expected;
  for (int i = 0; i < 11; ++i) {
    requests += "GET /" + std::string(1, static_cast<char>('a' + i)) + " HTTP/1.1\r\n\r\n";
    answers += kOk;
    expected.push_back(i < 8 ? "start GET" : "dropped");
  }
  for (int i = 0; i < 8; ++i) {
    expected.push_back("GET /" + std::string(1, static_cast<char>('a' + i)) + " 1.1 200 0:5 100");
  }
  expected.insert(expected.end(), {"start GET", "GET /users/* 1.1 200 0:5 100"});
  expect_lines({{'>', requests}, {'<', answers}, {'>', kGet}, {'<', kOk}}, expected);
}

// What is dropped stays dropped until it is answered, so that no answer goes to the wrong request.
TEST(HttpMachine, DroppedRequestsKeepTheirPlace) {
  HttpEvents events(HttpRole::kServer);
  for (int i = 0; i < 9; ++i) events.feed('>', kGet, 1);
  events.feed('<', kOk, 2);
  events.feed('>', "GET /late HTTP/1.1\r\n\r\n", 3);
  EXPECT_EQ(events.drops(), 2U);
  for (int i = 0; i < 9; ++i) events.feed('<', kOk, 4);
  EXPECT_EQ(events.active(), 0);
  events.feed('>', "GET /now HTTP/1.1\r\n\r\n", 5);
  events.feed('<', kOk, 6);
  EXPECT_EQ(events.lines().back(), "GET /now 1.1 200 0:5 1");
}

TEST(HttpMachine, DroppedHeadEndsTheFollowingOfRequests) {
  HttpEvents events(HttpRole::kServer);
  for (int i = 0; i < 8; ++i) events.feed('>', kGet, 1);
  events.feed('>', "HEAD /x HTTP/1.1\r\n\r\n", 1);
  for (int i = 0; i < 8; ++i) events.feed('<', kOk, 2);
  EXPECT_EQ(events.active(), 0);
  const std::size_t lines = events.lines().size();
  events.feed('<', "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 2);
  events.feed('>', kGet, 1);
  EXPECT_EQ(events.lines().size(), lines);
}

TEST(HttpMachine, AnswersWithoutBodies) {
  expect_lines({{'>', "GET /a HTTP/1.1\r\n\r\n"},
                {'<', "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"},
                {'>', "GET /b HTTP/1.1\r\n\r\n"},
                {'<', "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"},
                {'>', "HEAD /c HTTP/1.1\r\n\r\n"},
                {'<', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}},
               {"start GET", "GET /a 1.1 304 0:0 100", "start GET", "GET /b 1.1 204 0:0 100",
                "start HEAD", "HEAD /c 1.1 200 0:0 100"});
}

TEST(HttpMachine, ContinueAndEarlyHints) {
  expect_lines({{'>', "POST /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"},
                {'<', "HTTP/1.1 100 Continue\r\n\r\n"},
                {'>', "data"},
                {'<', "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n" + kOk}},
               {"start POST", "POST /up 1.1 200 4:5 300"});
}

// The client keeps its body to itself, and the connection.
TEST(HttpMachine, RefusedExpectationSendsNoBody) {
  expect_lines(
      {{'>', "PUT /up HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n"},
       {'<', "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n"},
       {'>', kGet},
       {'<', kOk}},
      {"start PUT", "PUT /up 1.1 417 0:0 100", "start GET", "GET /users/* 1.1 200 0:5 100"});
}

TEST(HttpMachine, AnswerBeforeTheRequestIsReadWhole) {
  expect_lines(
      {{'>', "POST /big HTTP/1.1\r\nContent-Length: 10\r\n\r\n1234"},
       {'<', "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"},
       {'>', "567890" + kGet},
       {'<', kOk}},
      {"start POST", "POST /big 1.1 413 4:0 100", "start GET", "GET /users/* 1.1 200 0:5 100"});
}

// Servers answer a line that they find too long, or wait for in vain, before it ends.
TEST(HttpMachine, AnswerWithinTheRequestLine) {
  expect_lines({{'>', "GET /so-lo"},
                {'<', "HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\n\r\n"},
                {'.', ""}},
               {"start GET", "GET - 1.1 414 0:0 100"}, HttpVerdict::kStopped);
  expect_lines({{'>', "GE"}, {'<', "HTTP/1.1 408 Late\r\n\r\n"}, {'.', ""}},
               {"start _OTHER", "_OTHER - 1.1 408 0:0 200"}, HttpVerdict::kStopped);
}

TEST(HttpMachine, UpgradesAndTunnelsEndTheFollowing) {
  expect_lines(
      {{'>', "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
       {'<', "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello"},
       {'>', kGet}},
      {"start GET", "GET /chat 1.1 101 0:0 100"}, HttpVerdict::kStopped);
  expect_lines({{'>', "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"},
                {'<', "HTTP/1.1 200 Connection established\r\n\r\n"},
                {'>', kGet}},
               {"start CONNECT", "CONNECT - 1.1 200 0:0 100"}, HttpVerdict::kStopped);
  expect_lines(
      {{'>', "CONNECT example.org:443 HTTP/1.1\r\n\r\n"},
       {'<', "HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno"},
       {'>', kGet},
       {'<', kOk}},
      {"start CONNECT", "CONNECT - 1.1 407 0:2 100", "start GET", "GET /users/* 1.1 200 0:5 100"});
}

TEST(HttpMachine, EndOfTheConnection) {
  const std::string open = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n";
  expect_lines(
      {{'>', "GET /old HTTP/1.0\r\n\r\n"}, {'<', open + "<html>"}, {'<', "</html>"}, {'.', ""}},
      {"start GET", "GET /old 1.0 200 0:13 300"}, HttpVerdict::kStopped);
  expect_lines({{'>', kGet}, {'<', kOk.substr(0, kOk.size() - 2)}, {'.', ""}},
               {"start GET", "GET /users/* 1.1 200 0:3 200 cut-short"}, HttpVerdict::kStopped);
  expect_lines({{'>', kGet + kGet}, {'<', "HTTP/1.1 200 OK\r\nConte"}, {'.', ""}},
               {"start GET", "start GET", "GET /users/* 1.1 0 0:0 200 no-answer",
                "GET /users/* 1.1 0 0:0 200 no-answer"},
               HttpVerdict::kStopped);
  expect_lines({{'>', "GET /never-fin"}, {'.', ""}}, {}, HttpVerdict::kNotHttp);
}

TEST(HttpMachine, HalfClosedSides) {
  const std::string open = "HTTP/1.1 200 OK\r\n\r\nabc";
  HttpObserver observer{nullptr, [](void*, const HttpRequestStart&) {},
                        [](void* context, const HttpExchange& exchange) {
                          *static_cast<HttpExchange*>(context) = exchange;
                        },
                        [](void*) {}};
  HttpExchange told{};
  observer.context = &told;
  HttpRoutes routes{};
  const HttpWatch watch{&observer, &routes};
  HttpConnection server{};
  server.role = HttpRole::kServer;
  http_in(server, watch, kGet.data(), kGet.size(), 10);
  http_end_in(server, watch, 20);  // the client shut its writing side, and still reads
  http_out(server, watch, open.data(), open.size(), 30);
  EXPECT_EQ(told.status, 0);
  http_end_out(server, watch, 40);
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.duration, 30U);
  HttpConnection client{};
  client.role = HttpRole::kClient;
  http_out(client, watch, kGet.data(), kGet.size(), 10);
  http_end_out(client, watch, 20);
  http_in(client, watch, open.data(), open.size(), 30);
  http_end_in(client, watch, 60);
  EXPECT_EQ(told.role, HttpRole::kClient);
  EXPECT_EQ(told.response_body_bytes, 3U);
  EXPECT_EQ(told.duration, 50U);
}

TEST(HttpMachine, BodiesOutsideOfMemory) {
  expect_lines({{'>', "POST /f HTTP/1.1\r\nContent-Length: 10000000000\r\n\r\n"},
                {'+', "10000000000"},
                {'<', "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\nx"},
                {'-', "4999999999"},
                {'>', kGet},
                {'<', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n"},
                {'-', "1024"},
                {'<', "\r\n0\r\n\r\n"}},
               {"start POST", "POST /f 1.1 200 10000000000:5000000000 300", "start GET",
                "GET /users/* 1.1 200 0:1024 300"});
  expect_lines({{'>', kGet}, {'<', "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}, {'-', "6"}},
               {"start GET", "GET /users/* 1.1 200 0:0 200 gave-up"}, HttpVerdict::kStopped);
}

TEST(HttpMachine, WhatIsNotHttpIsLeftAlone) {
  const char* const first_bytes[] = {"\x16\x03\x01\x02\x00\x01\x00",
                                     "SSH-2.0-OpenSSH_9.2\r\n",
                                     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                     "*1\r\n$4\r\nPING\r\n",
                                     "EHLO mail.example.org\r\n",
                                     "GET /\r\n",
                                     "set key 0 0 5\r\nhello\r\n",
                                     "GET / HTTX/1.1\r\n",
                                     "GET / HTTP/1.1 x\r\n",
                                     "GET /\x01 HTTP/1.1\r\n",
                                     "GET\t/ HTTP/1.1\r\n",
                                     "RETR /pub/file.txt\r\n",
                                     "A-METHOD-LONGER-THAN-ANY-IN-USE / HTTP/1.1\r\n",
                                     "{\"a\":1}\n"};
  for (const char* bytes : first_bytes) {
    SCOPED_TRACE(bytes);
    expect_lines({{'>', bytes}, {'<', kOk}}, {}, HttpVerdict::kNotHttp);
  }
  expect_lines({{'<', "220 mail ESMTP\r\n"}, {'>', kGet}}, {}, HttpVerdict::kNotHttp);
}

TEST(HttpMachine, UnknownRoleIsNotFollowed) {
  HttpEvents events(HttpRole::kUnknown);
  events.feed('>', kGet, 1);
  events.feed('<', kOk, 1);
  EXPECT_TRUE(events.lines().empty());
}

TEST(HttpMachine, Methods) {
  for (const char* method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "QUERY", "CONNECT"}) {
    HttpEvents events(HttpRole::kServer);
    events.feed('>', std::string(method) + " / HTTP/1.1\r\n\r\n", 1);
    EXPECT_THAT(events.lines(), ElementsAre("start " + std::string(method)));
  }
  for (const char* method : {"get", "PROPFIND", "M-SEARCH", "VERSION-CONTROL", "XGET", "GETX",
                             "AAAAAGET", "AAAAAAAAAGET"}) {
    HttpEvents events(HttpRole::kServer);
    events.feed('>', std::string(method) + " / HTTP/1.1\r\n\r\n", 1);
    EXPECT_THAT(events.lines(), ElementsAre("start _OTHER")) << method;
  }
}

TEST(HttpMachine, WithoutAClockEverythingIsCountedAndNothingTimed) {
  HttpEvents events(HttpRole::kServer);
  events.feed('>', kGet, 0);
  events.feed('<', kOk, 0);
  EXPECT_EQ(events.lines().back(), "GET /users/* 1.1 200 0:5 untimed");
}

TEST(HttpMachine, ClocksThatWrapOrStepBack) {
  HttpEvents events(HttpRole::kServer);
  events.feed('>', kGet, (std::uint64_t{1} << 48) - 10);
  events.feed('<', kOk, (std::uint64_t{1} << 48) + 5);
  EXPECT_EQ(events.lines().back(), "GET /users/* 1.1 200 0:5 15");
  events.feed('>', kGet, 1000);
  events.feed('<', kOk, 990);
  EXPECT_EQ(events.lines().back(), "GET /users/* 1.1 200 0:5 0");
}

TEST(HttpMachine, SecureIsToldAsItIs) {
  HttpEvents events(HttpRole::kClient);
  events.connection().secure = true;
  events.feed('>', kGet, 1);
  EXPECT_THAT(events.lines(), ElementsAre("start GET https"));
}

}  // namespace
}  // namespace notch::testing
