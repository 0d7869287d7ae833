// The values around a request: its target, a response's head, the landing page.
#include "agent/http/request_target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/http/http_head.h"
#include "agent/http/landing_page.h"

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

RequestTarget parsed(const std::string& target) {
  RequestTarget result;
  EXPECT_EQ(parse_request_target(target, 8, result), "") << target;
  return result;
}

std::string refusal(const std::string& target) {
  RequestTarget result;
  return parse_request_target(target, 2, result);
}

TEST(RequestTarget, SplitsPathAndQuery) {
  const RequestTarget target = parsed("/metrics?name[]=up&name[]=down&collect%5B%5D=cpu");
  EXPECT_EQ(target.path, "/metrics");
  EXPECT_THAT(target.query,
              ElementsAre(QueryParameter{"name[]", "up"}, QueryParameter{"name[]", "down"},
                          QueryParameter{"collect[]", "cpu"}));
}

TEST(RequestTarget, DecodesPathAndQueryEachItsWay) {
  const RequestTarget target = parsed("/a%2Fb+c?d%20e=f+g%2B");
  EXPECT_EQ(target.path, "/a/b+c");
  EXPECT_THAT(target.query, ElementsAre(QueryParameter{"d e", "f g+"}));
}

TEST(RequestTarget, TakesParametersWithoutValueAndSkipsEmptyOnes) {
  EXPECT_THAT(
      parsed("/?a&&b=&=c").query,
      ElementsAre(QueryParameter{"a", ""}, QueryParameter{"b", ""}, QueryParameter{"", "c"}));
}

TEST(RequestTarget, TakesAbsoluteForm) {
  EXPECT_EQ(parsed("http://host:9464/metrics?a=b").path, "/metrics");
  EXPECT_EQ(parsed("http://host").path, "/");
  EXPECT_EQ(parsed("/go?to=http://host/x").path, "/go");
}

TEST(RequestTarget, TakesAnAddressInBracketsOnlyWhole) {
  EXPECT_EQ(parsed("http://[::1]:9464/metrics").path, "/metrics");
  EXPECT_EQ(parsed("http://[::1]").path, "/");
  EXPECT_EQ(parsed("http://user@[::1]:/x").path, "/x");
  for (const char* target : {"http://[::1", "http://[::1/metrics", "http://::1]/", "http://[]/",
                             "http://[[::1]]/", "http://[::1]9464/", "http://host:x/", "http://",
                             "http:///metrics", "http://:80/", "http://a:b:1/"}) {
    EXPECT_EQ(refusal(target), "bad host in the target") << target;
  }
}

TEST(RequestTarget, EndsAtAFragment) {
  EXPECT_EQ(parsed("/metrics#top").path, "/metrics");
}

TEST(RequestTarget, RefusesBadEscapes) {
  for (const char* target : {"/%", "/%1", "/%g1", "/%1g", "/?%", "/?a=%f"}) {
    EXPECT_THAT(refusal(target), HasSubstr("percent-encoding")) << target;
  }
}

TEST(RequestTarget, RefusesTooManyParameters) {
  EXPECT_EQ(refusal("/?a&b"), "");
  EXPECT_EQ(refusal("/?a&b&c"), "too many query parameters");
}

TEST(ResponseHead, SaysLengthTypeAndDate) {
  const Response response = text_response(200, "hello");
  EXPECT_EQ(response_head(response, {true, "X-Frame-Options: deny\r\n", 784111777}),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
            "Connection: keep-alive\r\nX-Frame-Options: deny\r\n\r\n");
}

TEST(ResponseHead, NamesAnEncodingOnlyIfThereIsOne) {
  Response response = text_response(200, "");
  EXPECT_THAT(response_head(response, {}), Not(HasSubstr("Content-Encoding")));
  response.content_encoding = "gzip";
  EXPECT_THAT(response_head(response, {}), HasSubstr("\r\nContent-Encoding: gzip\r\n"));
}

TEST(LandingPage, LinksAndEscapes) {
  const Response page = landing_page("notchd", "1.0 <b>", "a & b", {{"/metrics", "Metrics"}});
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body.at(0).bytes, HasSubstr("<a href=\"/metrics\">Metrics</a>"));
  EXPECT_THAT(page.body.at(0).bytes, HasSubstr("1.0 &lt;b&gt;"));
  EXPECT_THAT(page.body.at(0).bytes, HasSubstr("a &amp; b"));
}

}  // namespace
}  // namespace notch::agent
