// Where a message ends: RFC 9112's edge cases, what software is lenient about, and messages made
// to be read in two ways. Each has one stated rule (http_head.h). Called by: ctest.
#include "tests/preload/http/http_transcript.h"

namespace notch::testing {
namespace {

const std::string kGet = "GET /a HTTP/1.1\r\n\r\n";
const std::string kPost = "POST /p HTTP/1.1\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kEmpty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const std::string kNext = "DELETE /next HTTP/1.1\r\n\r\n";

// A request, and the one after it: is the second seen, or swallowed as body of the first?
void expect_request_body(const std::string& head_and_body, std::uint64_t bytes) {
  SCOPED_TRACE(head_and_body);
  expect_lines({{'>', head_and_body}, {'<', kEmpty}, {'>', kNext}, {'<', kEmpty}},
               {"start POST", "POST /p 1.1 200 " + std::to_string(bytes) + ":0 100", "start DELETE",
                "DELETE /next 1.1 200 0:0 100"});
}

void expect_request_until_close(const std::string& head) {
  SCOPED_TRACE(head);
  // The server knows how long it is: the next one is found at the start of a call.
  expect_steps({{'>', head + "0\r\n\r\n" + kNext}, {'<', kEmpty}, {'>', kNext}, {'<', kEmpty}},
               {"start POST", "POST /p 1.1 200 " + std::to_string(5 + kNext.size()) + ":0 100",
                "start DELETE", "DELETE /next 1.1 200 0:0 100"});
}

void expect_response_body(const std::string& head_and_body, std::uint64_t bytes) {
  SCOPED_TRACE(head_and_body);
  expect_lines({{'>', kGet}, {'<', head_and_body}, {'>', kNext}, {'<', kEmpty}},
               {"start GET", "GET /a 1.1 200 0:" + std::to_string(bytes) + " 100", "start DELETE",
                "DELETE /next 1.1 200 0:0 100"});
}

void expect_response_until_close(const std::string& head) {
  SCOPED_TRACE(head);
  expect_lines({{'>', kGet}, {'<', head + "0\r\n\r\n"}, {'<', "more"}, {'.', ""}},
               {"start GET", "GET /a 1.1 200 0:9 300"}, HttpVerdict::kStopped);
}

TEST(HttpFraming, ContentLength) {
  expect_request_body(kPost + "Content-Length: 3\r\n\r\nabc", 3);
  expect_request_body(kPost + "CONTENT-LENGTH:3 \r\n\r\nabc", 3);
  expect_request_body(kPost + "content-length:\t 0003\t\r\n\r\nabc", 3);
  expect_request_body(kPost + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 3);
  expect_request_body(kPost + "Content-Length: 3, 3\r\n\r\nabc", 3);
  expect_request_body(kPost + "Content-Length: +3\r\n\r\nabc", 3);
  expect_request_body(kPost + "Content-Length : 3\r\n\r\nabc", 3);
  expect_request_body(kPost + "Content-Length \t : 3\r\n\r\nabc", 3);
  expect_response_body(kOk + "Content-Length : +3\r\n\r\nabc", 3);
  expect_request_body(kPost + "Transfer-Encoding : chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1);
  expect_request_body(kPost + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc", 3);
  expect_response_body(kOk + "Content-Length: 3\r\nTransfer-Encoding: Identity \r\n\r\nabc", 3);
  expect_request_body(kPost + "Content-Lengths: 9\r\nContent-Lengt: 9\r\nX: 9\r\n\r\n", 0);
  expect_request_body(kPost + "\r\n", 0);
  expect_response_body(kOk + "Content-Length: 3\r\n\r\nabc", 3);
}

TEST(HttpFraming, BadContentLengthLastsUntilTheEnd) {
  for (const char* value :
       {"3, 4", "3\r\nContent-Length: 4", "-3", "+", "+-3", "+ 3", "++3", "3 3", "0x3", "", ",3",
        "3,", "3;", "18446744073709551616", "99999999999999999999999999"}) {
    const std::string field = "Content-Length: " + std::string(value) + "\r\n\r\n";
    expect_request_until_close(kPost + field);
    expect_response_until_close(kOk + field);
  }
  for (const char* after : {" =", "\v:", "\r\n:", "\n", "\r\n", "=", "\r:", " x:"}) {
    expect_request_until_close(kPost + "Content-Length" + after + " 3\r\n\r\n");
    expect_request_until_close(kPost + "Transfer-Encoding" + after + " chunked\r\n\r\n");
  }
}

TEST(HttpFraming, GreatestLength) {
  HttpEvents events(HttpRole::kServer);
  events.feed('>', kPost + "Content-Length: 18446744073709551615\r\n\r\n", 1);
  EXPECT_EQ(events.connection().request.left, 18446744073709551615U);
  events.feed('+', "18446744073709551615", 1);
  EXPECT_EQ(events.connection().request.stage, HttpStage::kIdle);
}

TEST(HttpFraming, Chunks) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  expect_request_body(kPost + chunked + "0\r\n\r\n", 0);
  expect_request_body(kPost + chunked + "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", 13);
  expect_request_body(kPost + chunked + "003;a=b;c=\"d\"\r\nabc\r\n000;last\r\n\r\n", 3);
  expect_request_body(
      kPost + chunked + "3 \r\nabc\r\n0\r\nExpires: now\r\nContent-Length: 8\r\n\r\n", 3);
  expect_request_body(kPost + chunked + "3\nabc\n0\n\n", 3);
  expect_response_body(kOk + chunked + "3\r\nabc\r\nb\r\nhello world\r\n0\r\nA: b\r\n c\r\n\r\n",
                       14);
  expect_response_body(kOk + "transfer-encoding:\tChunKed \r\n\r\n1\r\nx\r\n0\r\n\r\n", 1);
}

TEST(HttpFraming, ChunkedBeatsContentLength) {
  for (const char* fields : {"Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n"}) {
    expect_request_body(kPost + fields + "1\r\nx\r\n0\r\n\r\n", 1);
    expect_response_body(kOk + fields + "1\r\nx\r\n0\r\n\r\n", 1);
  }
}

TEST(HttpFraming, ChunkedLast) {
  for (const char* value :
       {"gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", ", chunked", "gzip,\r\n chunked",
        "chunked\r\n ", "chunked ,", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked",
        "identity, chunked", "chunked, identity"}) {
    const std::string field = "Transfer-Encoding: " + std::string(value) + "\r\n\r\n";
    expect_request_body(kPost + field + "1\r\nx\r\n0\r\n\r\n", 1);
    expect_response_body(kOk + field + "1\r\nx\r\n0\r\n\r\n", 1);
  }
  for (const char* value :
       {"chunked, gzip", "gzip", "identityx", "iden tity", "xidentity", "xchunked", "chunkedx",
        "chunked;q=1", "chunk ed", "chunked\r\n ed", "\"chunked\"", "chunked\v"}) {
    const std::string field = "Transfer-Encoding: " + std::string(value) + "\r\n\r\n";
    expect_request_until_close(kPost + field);
    expect_response_until_close(kOk + field);
    expect_response_until_close(kOk + "Content-Length: 2\r\n" + field);
  }
}

TEST(HttpFraming, OldVersionHasNoCodings) {
  const std::string field = "Transfer-Encoding: chunked\r\n\r\n";
  expect_response_until_close("HTTP/1.0 200 OK\r\n" + field);
  expect_lines({{'>', "POST /p HTTP/1.0\r\n" + field + "0\r\n\r\n"}, {'<', kEmpty}},
               {"start POST", "POST /p 1.0 200 5:0 100"});
}

TEST(HttpFraming, BrokenChunksLoseStep) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  for (const char* body : {"\r\n", "x\r\n", "-1\r\n", "3\r\nabcd\r\n", "3x\r\nabc\r\n", " 3\r\nabc",
                           "3\r\nabcX", "10000000000000000\r\n", "0x3\r\nabc\r\n", ";a\r\n"}) {
    SCOPED_TRACE(body);
    const std::string text(body);
    const bool data = text.find("abc") != std::string::npos && text[0] == '3' && text[1] == '\r';
    const std::string bytes = data ? "3" : "0";
    expect_steps({{'>', kGet}, {'<', kOk + chunked + body}, {'>', kNext}, {'<', kEmpty}},
                 {"start GET", "GET /a 1.1 200 0:" + bytes + " 100 framing", "start DELETE",
                  "DELETE /next 1.1 200 0:0 100"});
    expect_steps({{'>', kPost + chunked + body}, {'<', kEmpty}, {'>', kNext}, {'<', kEmpty}},
                 {"start POST", "POST /p 1.1 200 " + bytes + ":0 100", "start DELETE",
                  "DELETE /next 1.1 200 0:0 100"});
  }
}

TEST(HttpFraming, LineEnds) {
  expect_request_body("\r\n\n\r\nPOST /p HTTP/1.1\r\n\r\n", 0);
  expect_request_body("POST /p HTTP/1.1\nContent-Length: 2\n\nab", 2);
  expect_request_body("POST /p HTTP/1.1 \r\nContent-Length: 2\r\r\n\nab", 2);
  expect_request_body(kPost + "Content-Length:\r\n 2\r\n\r\nab", 2);
  expect_request_body(kPost + "Content-Length: 2\r\n \r\n\t\r\n\r\nab", 2);
  expect_request_body(kPost + "X: a\r\n Content-Length: 7\r\nContent-Length: 2\r\n\r\nab", 2);
  expect_request_body(kPost + "no colon here\r\nContent-Lengt\r\nExpect\r\n: 5\r\n\r\n", 0);
  expect_request_body(kPost + "\rContent-Length: 5\r\n\r\n", 0);
  expect_response_body("\r\nHTTP/1.1 200\nContent-Length: 1\n\nx", 1);
  expect_response_body("HTTP/1.1  200 \r\nContent-Length: 1\r\n\r\nx", 1);
}

TEST(HttpFraming, BadStatusLines) {
  for (const char* line : {"HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 OK\r\n",
                           "HTTP/1.1\r\n", "HTTP/2 200\r\n", "ICY 200 OK\r\n", "<html>",
                           "HTTP/1.1200 OK\r\n", "HTTP/1.1 2x0 OK\r\n"}) {
    SCOPED_TRACE(line);
    expect_lines({{'>', kGet + kGet}, {'<', line}, {'>', kNext}},
                 {"start GET", "start GET", "GET /a 1.1 0 0:0 100 framing",
                  "GET /a 1.1 0 0:0 100 framing", "start DELETE"});
  }
}

TEST(HttpFraming, GarbageBetweenRequestsIsARequestIfItIsAnswered) {
  expect_steps({{'>', kGet + "\x01\x02" + kNext},
                {'<', kEmpty},
                {'<', "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"},
                {'>', kNext}},
               {"start GET", "GET /a 1.1 200 0:0 100", "start _OTHER", "_OTHER - 1.1 400 0:0 200",
                "start DELETE"});
  expect_lines({{'>', kGet + "\x01"}, {'<', kEmpty}, {'.', ""}},
               {"start GET", "GET /a 1.1 200 0:0 100"}, HttpVerdict::kStopped);
  // A line that breaks off is a request to the server: it answers it.
  expect_lines({{'>', kGet},
                {'<', kEmpty},
                {'>', "GET /a b HTTP/1.1\r\n\r\n"},
                {'<', "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"}},
               {"start GET", "GET /a 1.1 200 0:0 100", "start GET", "GET - 1.1 400 0:0 100"});
}

// Where an answer ends is doubtful until the client asks again.
TEST(HttpFraming, ADoubtfulAnswerIsOverWithTheNextRequest) {
  for (const char* field : {"Content-Length: 3 3", "Transfer-Encoding: gzip"}) {
    expect_steps(HttpRole::kServer,
                 {{'>', kGet}, {'<', kOk + field + "\r\n\r\nabc"}, {'>', kNext}, {'<', kEmpty}},
                 {"start GET", "GET /a 1.1 200 0:3 200 framing", "start DELETE",
                  "DELETE /next 1.1 200 0:0 100"});
  }
}

TEST(HttpFraming, AnUnaskedAnswerIsAnExchangeThatIsLost) {
  expect_steps(HttpRole::kServer,
               {{'>', kGet},
                {'<', kEmpty},
                {'<', "HTTP/1.1 200 Said\r\n\r\n"},
                {'<', "unasked"},
                {'>', kNext},
                {'<', kEmpty}},
               {"start GET", "GET /a 1.1 200 0:0 100", "lost unasked", "start DELETE",
                "DELETE /next 1.1 200 0:0 100"});
}

// A connection on which nobody said anything is no exchange.
TEST(HttpFraming, AComplaintOfSilenceIsNone) {
  for (const char* status : {"408 Late", "400 Bad"}) {
    const std::string complaint = std::string("HTTP/1.1 ") + status + "\r\n\r\n";
    expect_steps({{'<', complaint}, {'.', ""}}, {});
    expect_steps({{'>', kGet}, {'<', kEmpty}, {'<', complaint}, {'.', ""}},
                 {"start GET", "GET /a 1.1 200 0:0 100"});
  }
}

TEST(HttpFraming, HeadsHaveALimit) {
  const std::string start = "GET / HTTP/1.1\r\nCookie: ";
  for (const std::size_t length : {kHeadLimit - 1, kHeadLimit, kHeadLimit + 1}) {
    std::string head = start + std::string(length - start.size() - 4, 'x') + "\r\n\r\n";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}, head.size()}) {
      HttpEvents events(HttpRole::kServer);
      for (std::size_t at = 0; at < head.size(); at += piece) {
        events.feed('>', std::string_view(head).substr(at, piece), 1);
      }
      const HttpStage expected = length <= kHeadLimit ? HttpStage::kIdle : HttpStage::kLost;
      EXPECT_EQ(events.connection().request.stage, expected) << length << " by " << piece;
    }
  }
}

}  // namespace
}  // namespace notch::testing
