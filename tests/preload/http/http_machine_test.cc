// Conversations: keep-alive, pipelining, answers without bodies, upgrades, ends, what is not HTTP.
// Called by: ctest.
#include "tests/preload/http/http_transcript.h"

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
    expected.push_back(i < 8 ? "start GET" : "lost pipelined");
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
  EXPECT_EQ(events.losses(), 2U);
  for (int i = 0; i < 9; ++i) events.feed('<', kOk, 4);
  EXPECT_EQ(events.active(), 0);
  events.feed('>', "GET /now HTTP/1.1\r\n\r\n", 5);
  events.feed('<', kOk, 6);
  EXPECT_EQ(events.lines().back(), "GET /now 1.1 200 0:5 1");
}

// Where the answer to it ends is not known: step is found again with the next request, and answer.
TEST(HttpMachine, ADroppedHeadLosesStep) {
  HttpEvents events(HttpRole::kServer);
  for (int i = 0; i < 8; ++i) events.feed('>', kGet, 1);
  events.feed('>', "HEAD /x HTTP/1.1\r\n\r\n", 1);
  for (int i = 0; i < 8; ++i) events.feed('<', kOk, 2);
  EXPECT_EQ(events.active(), 0);
  const std::size_t lines = events.lines().size();
  events.feed('<', "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 2);
  EXPECT_EQ(events.lines().size(), lines);
  events.feed('>', kGet, 3);
  events.feed('<', kOk, 4);
  EXPECT_EQ(events.lines().back(), "GET /users/* 1.1 200 0:5 1");
  EXPECT_EQ(events.losses(), 1U);
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
  const HttpSteps steps = {{'>', "POST /big HTTP/1.1\r\nContent-Length: 10\r\n\r\n1234"},
                           {'<', "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"},
                           {'>', "567890" + kGet},
                           {'<', kOk}};
  expect_lines_of(
      HttpRole::kServer, steps,
      {"start POST", "POST /big 1.1 413 4:0 100", "start GET", "GET /users/* 1.1 200 0:5 100"},
      HttpVerdict::kHttp);
  // What a client writes it may have written before: it counts all of it, up to the answer's end.
  expect_lines_of(HttpRole::kClient, steps,
                  {"start POST", "POST - 1.1 413 10:0 100", "start GET", "GET - 1.1 200 0:5 100"},
                  HttpVerdict::kHttp);
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
  // That this program has closed it is all that says so: the rest may have passed unseen.
  expect_lines({{'>', kGet}, {'<', kOk.substr(0, kOk.size() - 2)}, {'.', ""}},
               {"start GET", "GET /users/* 1.1 200 0:3 200 cut-short?"}, HttpVerdict::kStopped);
  expect_lines({{'>', kGet + kGet}, {'<', "HTTP/1.1 200 OK\r\nConte"}, {'.', ""}},
               {"start GET", "start GET", "GET /users/* 1.1 0 0:0 200 no-answer?",
                "GET /users/* 1.1 0 0:0 200 no-answer?"},
               HttpVerdict::kStopped);
  expect_lines({{'>', "GET /never-fin"}, {'.', ""}}, {}, HttpVerdict::kNotHttp);
}

TEST(HttpMachine, AClientThatReadsTheEndKnowsThatThereIsNoAnswer) {
  const HttpSteps no_answer = {{'>', kGet}, {')', ""}, {'.', ""}};
  expect_lines_of(HttpRole::kClient, no_answer, {"start GET", "GET - 1.1 0 0:0 100 no-answer"},
                  HttpVerdict::kStopped);
  const HttpSteps half = {{'>', kGet}, {'<', kOk.substr(0, kOk.size() - 2)}, {')', ""}, {'.', ""}};
  expect_lines_of(HttpRole::kClient, half, {"start GET", "GET - 1.1 200 0:3 200 cut-short"},
                  HttpVerdict::kStopped);
  // The server has half closed, or the client has; the answer may pass by a way that is not seen.
  expect_lines_of(HttpRole::kServer, no_answer,
                  {"start GET", "GET /users/* 1.1 0 0:0 200 no-answer?"}, HttpVerdict::kStopped);
  // A reset is no end of an answer that lasts until the end.
  const std::string open = "HTTP/1.1 200 OK\r\n\r\nabc";
  expect_lines_of(HttpRole::kClient, {{'>', kGet}, {'<', open}, {'!', ""}},
                  {"start GET", "GET - 1.1 200 0:3 200 cut-short"}, HttpVerdict::kHttp);
  expect_lines_of(HttpRole::kClient, {{'>', kGet}, {'<', open}, {')', ""}},
                  {"start GET", "GET - 1.1 200 0:3 200"}, HttpVerdict::kHttp);
}

TEST(HttpMachine, ARequestThatIsNotWholeIsNeverAnswered) {
  const std::string half = "POST /up HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc";
  for (const char end : {')', '!'}) {
    expect_lines_of(HttpRole::kServer, {{'>', half}, {end, ""}, {'.', ""}},
                    {"start POST", "POST /up 1.1 0 3:0 200 no-answer"}, HttpVerdict::kStopped);
  }
  // A server that answers all the same has done so.
  expect_lines_of(HttpRole::kServer, {{'>', half}, {')', ""}, {'<', kOk}, {'.', ""}},
                  {"start POST", "POST /up 1.1 200 3:5 200"}, HttpVerdict::kStopped);
  expect_lines_of(HttpRole::kServer, {{'>', half}, {'.', ""}},
                  {"start POST", "POST /up 1.1 0 3:0 100 no-answer?"}, HttpVerdict::kStopped);
  expect_lines_of(HttpRole::kClient, {{'>', half}, {'?', ""}, {'.', ""}},
                  {"start POST", "POST - 1.1 0 3:0 200 no-answer"}, HttpVerdict::kStopped);
}

TEST(HttpMachine, AWriteToABrokenConnectionCutsTheAnswer) {
  expect_lines_of(HttpRole::kServer, {{'>', kGet}, {'<', kOk.substr(0, kOk.size() - 2)}, {'?', ""}},
                  {"start GET", "GET /users/* 1.1 200 0:3 200 cut-short"}, HttpVerdict::kHttp);
  expect_lines_of(HttpRole::kServer, {{'>', kGet}, {'?', ""}, {'.', ""}},
                  {"start GET", "GET /users/* 1.1 0 0:0 100 no-answer"}, HttpVerdict::kStopped);
}

// One thread writes and another reads: `begun` says that the request was written before.
// Three requests, of which the second is not answered, and the end.
void expect_behind(const std::string& answer, bool is_last) {
  SCOPED_TRACE(answer);
  const std::string of_others = is_last ? " unheard" : " no-answer?";
  expect_lines_of(HttpRole::kServer,
                  {{'>', "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n"},
                   {'<', answer},
                   {'>', "GET /c HTTP/1.1\r\n\r\n"},
                   {'.', ""}},
                  {"start GET", "start GET", "GET /a 1.1 200 0:0 100", "start GET",
                   "GET /b 1.1 0 0:0 300" + of_others, "GET /c 1.1 0 0:0 100" + of_others},
                  HttpVerdict::kStopped);
}

// Whoever answers "Connection: close" reads what was sent behind, and looks at none of it.
TEST(HttpMachine, ARequestBehindTheLastAnswerIsNone) {
  const std::string empty = "Content-Length: 0\r\n";
  const std::string head = "HTTP/1.1 200 OK\r\n" + empty;
  const std::string old_head = "HTTP/1.0 200 OK\r\n" + empty;
  for (const char* const words :
       {"Connection: close", "CONNECTION:CLOSE ", "Connection : upgrade ,\tclose",
        "Connection: a, close,b", "X: y\r\nConnection:\r\n close", "Connection: close, close"})
    expect_behind(head + words + "\r\n\r\n", true);
  for (const char* const words :
       {"Connection: keep-alive", "Connection: closed", "Connection: a close", "Connection: clos",
        "Connection: clos,e", "Connections: close", "Connectio: close", "X-Connection: close",
        "Content: close", "Con: close", "Connection: ,", "Connection close"})
    expect_behind(head + words + "\r\n\r\n", false);
  expect_behind(old_head + "\r\n", true);
  expect_behind(old_head + "Connection: close\r\n\r\n", true);
  expect_behind(old_head + "Connection: Keep-Alive\r\n\r\n", false);
}

TEST(HttpMachine, WhatIsBehindAnAnswerThatBreaksOff) {
  const std::string two = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
  const std::string closing = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nx";
  for (const char end : {'.', '?'}) {
    const std::string presumed = end == '.' ? "?" : "";
    const HttpVerdict verdict = end == '.' ? HttpVerdict::kStopped : HttpVerdict::kHttp;
    expect_steps(HttpRole::kServer, {{'>', two}, {'<', closing}, {end, ""}},
                 {"start GET", "start GET", "GET /a 1.1 200 0:1 200 cut-short" + presumed,
                  "GET /b 1.1 0 0:0 200 unheard"});
    // The head of an old answer, of which a program that inherited the connection writes the rest.
    EXPECT_EQ(expect_steps(HttpRole::kServer, {{'>', two}, {'<', "HTTP/1.0 200 OK\r\n"}, {end, ""}},
                           {"start GET", "start GET", "GET /a 1.1 0 0:0 200 no-answer" + presumed,
                            "GET /b 1.1 0 0:0 200 unheard"}),
              verdict);
  }
  // A client knows that they are not answered.
  expect_steps(
      HttpRole::kClient, {{'>', two}, {'<', closing + "12345678"}, {')', ""}},
      {"start GET", "start GET", "GET - 1.1 200 0:9 100", "GET - 1.1 0 0:0 200 no-answer"});
}

// Servers read on behind their shutdown, so that the client gets the answer, and look at nothing.
TEST(HttpMachine, ARequestBehindTheOwnEndIsNone) {
  for (const char end : {'|', '?'}) {
    expect_steps(HttpRole::kServer,
                 {{'>', kGet},
                  {'<', kOk},
                  {end, ""},
                  {'>', kGet + "GET /b HT"},
                  {'>', "TP/1.1\r\n\r\n"},
                  {'.', ""}},
                 {"start GET", "GET /users/* 1.1 200 0:5 100"});
    // Nor is one that was begun before.
    expect_steps(HttpRole::kServer,
                 {{'>', kGet},
                  {'<', kOk},
                  {'>', "GET /b "},
                  {end, ""},
                  {'>', "HTTP/1.1\r\n\r\n"},
                  {'.', ""}},
                 {"start GET", "GET /users/* 1.1 200 0:5 100"});
  }
  // One that was there before was not answered.
  expect_steps(HttpRole::kServer, {{'>', kGet}, {'|', ""}, {'>', kGet}, {'.', ""}},
               {"start GET", "GET /users/* 1.1 0 0:0 300 no-answer?"});
  // A client may end its side and read its answers.
  expect_steps(HttpRole::kClient, {{'>', kGet}, {'|', ""}, {'<', kOk}, {'.', ""}},
               {"start GET", "GET - 1.1 200 0:5 200"});
}

// What an answer said goes with it.
TEST(HttpMachine, TheLastAnswerIsForgottenWithTheNext) {
  expect_lines_of(HttpRole::kServer,
                  {{'>', kGet}, {'<', "HTTP/1.0 100 Continue\r\n\r\n"}, {'.', ""}},
                  {"start GET", "GET /users/* 1.1 0 0:0 200 no-answer?"}, HttpVerdict::kStopped);
  expect_lines_of(HttpRole::kServer,
                  {{'>', kGet + kGet + kGet},
                   {'<', "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n" + kOk},
                   {'.', ""}},
                  {"start GET", "start GET", "start GET", "GET /users/* 1.1 200 0:0 100",
                   "GET /users/* 1.1 200 0:5 100", "GET /users/* 1.1 0 0:0 200 no-answer?"},
                  HttpVerdict::kStopped);
}

TEST(HttpMachine, AnAnswerThatIsKnownBeforeItsRequest) {
  HttpEvents events(HttpRole::kClient);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    events.feed('<', kOk, 1000 * i + 50);
    events.feed('>', kGet, 1000 * i + 90, 1000 * i);
    EXPECT_EQ(events.lines().back(), "GET - 1.1 200 0:5 50");
  }
  // The answer is known in part, and a body that is written in two calls.
  events.feed('<', "HTTP/1.1 200 OK\r\nContent-Le", 5000);
  events.feed('>', "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", 5010, 4990);
  events.feed('<', "ngth: 2\r\n\r\nok", 5020);
  EXPECT_EQ(events.active(), 1);
  events.feed('>', "cd", 5030, 5005);
  EXPECT_EQ(events.lines().back(), "POST - 1.1 200 4:2 30");
  EXPECT_EQ(events.losses(), 0U);
  EXPECT_EQ(events.active(), 0);
}

TEST(HttpMachine, EarlyAnswersOfHeadAndOfRequestsThatAreWrittenTogether) {
  HttpEvents events(HttpRole::kClient);
  events.feed('<', "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 20);
  events.feed('>', "HEAD /x HTTP/1.1\r\n\r\n", 30, 10);
  EXPECT_EQ(events.lines().back(), "HEAD - 1.1 200 0:0 20");
  events.feed('<', kOk + kOk, 60);
  events.feed('>', kGet + kGet, 70, 50);
  EXPECT_EQ(events.lines().back(), "GET - 1.1 200 0:5 10");
  events.feed('<', kOk + kOk + kOk + kOk, 90);
  events.feed('>', kGet + kGet + kGet + kGet, 95, 80);
  EXPECT_EQ(events.losses(), 2U) << "those beyond two are counted, and no answer goes astray";
  events.feed('>', kGet, 100, 100);
  events.feed('<', kOk, 130);
  EXPECT_EQ(events.lines().back(), "GET - 1.1 200 0:5 30");
  EXPECT_EQ(events.active(), 0);
}

TEST(HttpMachine, AnAnswerThatEndedBeforeTheRequestBeganIsNotItsOwn) {
  HttpEvents events(HttpRole::kClient);
  events.feed('<', kOk, 20);
  events.feed('>', kGet, 40, 30);
  events.feed('<', kOk, 50);
  EXPECT_THAT(events.lines(), ElementsAre("lost unasked", "start GET", "GET - 1.1 200 0:5 20"));
  events.feed('<', kOk, 60);
  events.feed('.', "", 70);
  EXPECT_EQ(events.losses(), 2U);
}

TEST(HttpMachine, AnEarlyAnswerThatIsLostIsTheRequestsLoss) {
  HttpEvents events(HttpRole::kClient);
  events.feed('<', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 20);
  events.feed('>', kGet, 30, 10);
  EXPECT_THAT(events.lines(),
              ElementsAre("start GET",
                          "GET - 1.1 0 0:" + std::to_string(static_cast<int>(HttpLoss::kFraming)) +
                              " 10 framing"));
  events.feed('>', kGet, 40, 40);
  events.feed('<', kOk, 50);
  EXPECT_EQ(events.lines().back(), "GET - 1.1 200 0:5 10");
}

// A server's answers whose requests were read by a way that is not seen.
TEST(HttpMachine, AnswersWithoutRequestsAreLostOneByOne) {
  HttpEvents events(HttpRole::kServer);
  for (int i = 0; i < 3; ++i) events.feed('<', kOk, 10);
  events.feed('<', "HTTP/1.1 100 Continue\r\n\r\n", 10);
  EXPECT_THAT(events.lines(), ElementsAre("lost unasked", "lost unasked", "lost unasked"));
  events.feed('>', kGet, 20);
  events.feed('<', kOk, 30);
  EXPECT_EQ(events.lines().back(), "GET /users/* 1.1 200 0:5 10");
}

TEST(HttpMachine, BytesThatWereMissedCostTheirExchangeAlone) {
  const std::vector<std::string> next = {"start GET", "GET /users/* 1.1 200 0:5 100"};
  // The answer, or a part of it.
  for (const std::string& seen :
       {std::string(), kOk.substr(0, 20), kOk.substr(0, kOk.size() - 1)}) {
    std::vector<std::string> lines = {
        "start GET", std::string("GET /users/* 1.1 ") + (seen.size() > 30 ? "200 0:4" : "0 0:0") +
                         (seen.empty() ? " 100" : " 200") + " contended"};
    lines.insert(lines.end(), next.begin(), next.end());
    HttpSteps steps = {{'>', kGet}};
    if (!seen.empty()) steps.push_back({'<', seen});
    steps.push_back({'}', ""});
    steps.push_back({'<', "the rest"});
    steps.push_back({'>', kGet});
    steps.push_back({'<', kOk});
    SCOPED_TRACE(seen);
    expect_steps(HttpRole::kServer, steps, lines);
  }
  // The request: its answer tells that there was one, or the next request that it had none.
  expect_steps(HttpRole::kServer,
               {{'>', kGet}, {'<', kOk}, {'{', ""}, {'<', kOk}, {'>', kGet}, {'<', kOk}},
               {"start GET", "GET /users/* 1.1 200 0:5 100", "start _OTHER",
                "_OTHER - 1.1 200 0:5 100", "start GET", "GET /users/* 1.1 200 0:5 100"});
  expect_steps(HttpRole::kServer, {{'>', kGet}, {'<', kOk}, {'{', ""}, {'>', kGet}, {'<', kOk}},
               {"start GET", "GET /users/* 1.1 200 0:5 100", "lost contended", "start GET",
                "GET /users/* 1.1 200 0:5 100"});
  expect_steps(HttpRole::kServer, {{'>', kGet}, {'<', kOk}, {'{', ""}, {'.', ""}},
               {"start GET", "GET /users/* 1.1 200 0:5 100", "lost contended"});
  // A client's: the answer has come before it, or comes.
  for (const bool early : {false, true}) {
    HttpSteps steps = {{'>', kGet}, {'<', kOk}, {'<', kOk}, {'>', kGet}, {'<', kOk}};
    steps.insert(steps.begin() + (early ? 3 : 2), {'}', ""});
    expect_steps(HttpRole::kClient, steps,
                 {"start GET", "GET /users/* 1.1 200 0:5 100", "start _OTHER",
                  "_OTHER - 1.1 200 0:5 untimed", "start GET", "GET /users/* 1.1 200 0:5 100"});
  }
  // A client's answer.
  expect_steps(HttpRole::kClient, {{'>', kGet}, {'{', ""}, {'>', kGet}, {'<', kOk}},
               {"start GET", "GET /users/* 1.1 0 0:0 100 contended", "start GET",
                "GET /users/* 1.1 200 0:5 100"});
}

// A child of fork: what was pending is told by its parent, and the answers here are nobody's.
TEST(HttpMachine, InheritedConnections) {
  HttpEvents events(HttpRole::kServer);
  events.feed('>', kGet, 10);
  http_inherit(events.connection());
  events.feed('<', kOk, 20);
  events.feed('>', kGet, 30);
  events.feed('<', kOk, 40);
  events.feed('.', "", 50);
  EXPECT_THAT(events.lines(), ElementsAre("start GET", "start GET", "GET /users/* 1.1 200 0:5 10"));
}

// Servers whose programs give a body where there is none.
TEST(HttpMachine, ABodyBehindHead) {
  for (const std::string& body : {std::string("<html>"), std::string("H"), std::string("\r\n")}) {
    SCOPED_TRACE(body);
    const HttpSteps steps = {{'>', "HEAD /x HTTP/1.1\r\n\r\n"},
                             {'<', "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + body},
                             {'>', kGet},
                             {'<', kOk}};
    const std::vector<std::string> lines = {"start HEAD", "HEAD /x 1.1 200 0:0 100", "start GET",
                                            "GET /users/* 1.1 200 0:5 100"};
    expect_steps(HttpRole::kServer, steps, lines);
    // To a client an "H" may be the answer to what is being written.
    if (body != "H") expect_steps(HttpRole::kClient, steps, lines);
  }
}

TEST(HttpMachine, HalfClosedSides) {
  const std::string open = "HTTP/1.1 200 OK\r\n\r\nabc";
  HttpObserver observer{nullptr, [](void*, const HttpRequestStart&) {},
                        [](void* context, const HttpExchange& exchange) {
                          *static_cast<HttpExchange*>(context) = exchange;
                        },
                        [](void*, HttpRole, HttpLoss) {}};
  HttpExchange told{};
  observer.context = &told;
  HttpRoutes routes{};
  const HttpWatch watch{&observer, &routes};
  HttpConnection server{};
  server.role = HttpRole::kServer;
  http_in(server, watch, kGet.data(), kGet.size(), 10);
  http_end_in(server, watch, false, 20);  // the client shut its writing side, and still reads
  http_out(server, watch, open.data(), open.size(), 30, 30);
  EXPECT_EQ(told.status, 0);
  http_end_out(server, watch, false, 40);
  EXPECT_EQ(told.status, 200);
  EXPECT_EQ(told.duration, 30U);
  HttpConnection client{};
  client.role = HttpRole::kClient;
  http_out(client, watch, kGet.data(), kGet.size(), 10, 10);
  http_end_out(client, watch, false, 20);
  http_in(client, watch, open.data(), open.size(), 30);
  http_end_in(client, watch, false, 60);
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
               {"start GET", "GET /users/* 1.1 200 0:0 200 framing"});
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
