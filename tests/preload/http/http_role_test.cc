// Which side a process is on, by the bytes of the first call that it is seen to make.
#include "client/preload/http/http_role.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace notch::preload {
namespace {

HttpFirst first_of(std::string_view bytes, bool in) {
  const auto* const at = reinterpret_cast<const unsigned char*>(bytes.data());
  return first_message({at, at + bytes.size()}, in);
}

TEST(HttpRole, WhoReadsARequestIsTheServerAndWhoWritesItTheClient) {
  for (const std::string_view request :
       {"GET / HTTP/1.1\r\n", "POST /a", "G", "OPTION", "QUERY "}) {
    EXPECT_EQ(first_of(request, true).role, HttpRole::kServer) << request;
    EXPECT_EQ(first_of(request, false).role, HttpRole::kClient) << request;
    EXPECT_FALSE(first_of(request, true).is_answer) << request;
  }
}

TEST(HttpRole, WhoReadsAnAnswerIsTheClientAndWhoWritesItTheServer) {
  for (const std::string_view answer : {"HTTP/1.1 200 OK\r\n", "HTTP/1.0 404 "}) {
    EXPECT_EQ(first_of(answer, true).role, HttpRole::kClient) << answer;
    EXPECT_EQ(first_of(answer, false).role, HttpRole::kServer) << answer;
    EXPECT_TRUE(first_of(answer, true).is_answer) << answer;
  }
}

TEST(HttpRole, AnythingElseIsNoMessage) {
  for (const std::string_view other : {"", "get / HTTP/1.1\r\n", "GETS /", "X", "{\"a\":1}",
                                       "HTTP/2", "\x16\x03\x01", "PRI * HTTP/2.0\r\n"}) {
    EXPECT_EQ(first_of(other, true).role, HttpRole::kUnknown) << other;
    EXPECT_EQ(first_of(other, false).role, HttpRole::kUnknown) << other;
  }
}

TEST(HttpRole, NoByteBehindTheGivenOnesIsRead) {
  static constexpr char kRequest[] = "DELETE / HTTP/1.1\r\n";
  for (std::size_t size = 1; size < sizeof kRequest; ++size) {
    const std::string bytes(kRequest, size);  // of its own, so that a sanitizer sees its end
    EXPECT_EQ(first_of(bytes, true).role, HttpRole::kServer) << size;
  }
}

}  // namespace
}  // namespace notch::preload
