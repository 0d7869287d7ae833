// Templates of paths: the rule for a segment, the forms of a target, the limits, patterns, threads.
// Called by: ctest.
#include "client/preload/http/http_route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace notch::preload {
namespace {

class HttpRoute : public ::testing::Test {
 protected:
  // Every way to cut the target in two gives the same text.
  std::string of(const std::string& target) {
    const std::string whole = cut_at(target, target.size());
    for (std::size_t cut = 0; cut < target.size(); ++cut) EXPECT_EQ(cut_at(target, cut), whole);
    return whole;
  }

  std::string cut_at(const std::string& target, std::size_t cut) {
    RouteCursor cursor{};
    EXPECT_EQ(read(cursor, target.substr(0, cut)), cut);
    EXPECT_EQ(read(cursor, target.substr(cut) + " HTTP"), target.size() - cut);
    return text(route_of(*routes_, end_target(*routes_, cursor)));
  }

  std::size_t read(RouteCursor& cursor, const std::string& bytes) {
    const std::unique_ptr<unsigned char[]> copy(new unsigned char[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), copy.get());
    return read_target(*routes_, cursor, copy.get(), bytes.size());
  }

  std::string text(HttpRouteId id) {
    char out[kRouteTextBytes];
    return std::string(out, route_text(*routes_, id, out));
  }

  bool pattern(const std::string& text) { return add_pattern(*routes_, text.data(), text.size()); }

  std::unique_ptr<HttpRoutes> routes_ = std::make_unique<HttpRoutes>();
};

TEST_F(HttpRoute, Segments) {
  const std::map<std::string, std::string> table = {
      {"/", "/"},
      {"/users", "/users"},
      {"/users/", "/users"},
      {"//users///all", "/users/all"},
      {"/users/42", "/users/*"},
      {"/users/42/orders/7a", "/users/*/orders/*"},
      {"/api/v1/users", "/api/v1/users"},
      {"/api/v12/users", "/api/v12/users"},
      {"/api/v123/users", "/api/*/users"},
      {"/api/v.1", "/api/*"},
      {"/api/x1", "/api/*"},
      {"/static/main.css", "/static/main.css"},
      {"/a_b/c-d/E.F", "/a_b/c-d/E.F"},
      {"/caf%C3%A9", "/*"},
      {"/caf\xc3\xa9", "/*"},
      {"/a;b=c/d", "/*/d"},
      {"/~joe", "/*"},
      {"/*", "/*"},
      {"/**", "/*"},
      {"/abcdefghijklmnopqrstuv", "/abcdefghijklmnopqrstuv"},
      {"/abcdefghijklmnopqrstuvw", "/*"},
      {"/" + std::string(5000, 'a') + "/b", "/*/b"},
      {"/users?id=/7/x", "/users"},
      {"/users/?id=7", "/users"},
      {"/users#a/b", "/users"},
      {"/?a", "/"},
      {"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/i/j"},
      {"/a/b/c/d/e/f/g/h/i/j/", "/a/b/c/d/e/f/g/h/i/j"},
      {"/a/b/c/d/e/f/g/h/i/j/k", "/a/b/c/d/e/f/g/h/i/j/**"},
      {"/a/b/c/d/e/f/g/h/i/j/k/l?m", "/a/b/c/d/e/f/g/h/i/j/**"},
  };
  for (const auto& [target, route] : table) EXPECT_EQ(of(target), route) << target;
}

TEST_F(HttpRoute, OtherForms) {
  EXPECT_EQ(of("*"), "*");
  EXPECT_EQ(of("http://example.org:8080/users/42?x"), "/users/*");
  EXPECT_EQ(of("http://example.org"), "/");
  EXPECT_EQ(of("http://example.org/"), "/");
  EXPECT_EQ(of("http://example.org?x=/a/b"), "/");
  EXPECT_EQ(of("example.org:443"), "");
  EXPECT_EQ(of("users/42"), "");
  EXPECT_EQ(of("what?/a/b/c"), "");
}

TEST_F(HttpRoute, ConfiguredPatterns) {
  ASSERT_TRUE(pattern("/user/{id}"));
  ASSERT_TRUE(pattern("/user/{id}/posts/{post}"));
  ASSERT_TRUE(pattern("/user/me"));
  ASSERT_TRUE(pattern("/release-2/{file}"));
  EXPECT_EQ(of("/user/alice"), "/user/{id}");
  EXPECT_EQ(of("/user/42"), "/user/{id}");
  EXPECT_EQ(of("/user/" + std::string(99, 'z')), "/user/{id}");
  EXPECT_EQ(of("/user/me"), "/user/me");
  EXPECT_EQ(of("/user/bob/posts/a-title"), "/user/{id}/posts/{post}");
  EXPECT_EQ(of("/user/bob/likes/7"), "/user/{id}/likes/*");
  EXPECT_EQ(of("/release-2/notes.txt"), "/release-2/{file}");
  EXPECT_EQ(of("/release-3/notes.txt"), "/*/notes.txt");
  EXPECT_FALSE(pattern(""));
  EXPECT_FALSE(pattern("user/{id}"));
  EXPECT_FALSE(pattern("/shop/{item")) << "a brace that is not closed";
  EXPECT_FALSE(pattern("/shop/{item}.json")) << "more than a name in a segment";
  EXPECT_FALSE(pattern("/" + std::string(23, 'x')));
  EXPECT_FALSE(pattern("/1/2/3/4/5/6/7/8/9/10/11"));
}

std::string word(int number) {
  std::string letters;
  for (int i = 0; i < 4; ++i, number /= 26) letters += static_cast<char>('a' + number % 26);
  return letters;
}

TEST_F(HttpRoute, FullTableGivesTheOverflowRoute) {
  std::set<std::string> routes;
  for (int i = 0; i < 2000; ++i) routes.insert(of("/" + word(i)));
  EXPECT_TRUE(routes.contains("/**"));
  EXPECT_EQ(routes.size(), kRouteLimit - kRouteRoot);  // "/**" and what was learned
  EXPECT_EQ(of("/"), "/");
  EXPECT_EQ(of("/aaaa"), "/aaaa");
}

TEST_F(HttpRoute, FullTreeGivesTheOverflowRoute) {
  for (int i = 0; i < 5000; ++i) cut_at("/" + word(i) + "/" + word(i + 1) + "/x", 0);
  EXPECT_EQ(of("/zzzz/yyyy"), "/**");
  EXPECT_EQ(of("/"), "/");
}

TEST_F(HttpRoute, LongestTextFits) {
  std::string target;
  for (char letter = 'a'; letter < 'k'; ++letter) target += "/" + std::string(22, letter);
  EXPECT_EQ(of(target + "/more"), target + "/**");
  EXPECT_EQ(target.size() + 3, kRouteTextBytes);
}

TEST_F(HttpRoute, NoTextForAnIdThatWasNotGivenOut) {
  EXPECT_EQ(text(77), "");
  EXPECT_EQ(text(255), "");
  EXPECT_EQ(text(kRouteNone), "");
}

// RO2: two threads may learn one text at once; whichever id they get, it has that text.
TEST_F(HttpRoute, ThreadsLearnTogether) {
  for (int round = 0; round < 50; ++round) {
    routes_ = std::make_unique<HttpRoutes>();
    std::vector<std::thread> threads;
    std::vector<int> wrong(4);
    for (std::size_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([this, thread, &wrong] {
        for (int i = 0; i < 20; ++i) {
          const std::string path = "/" + word(i) + "/" + word(i + 7);
          wrong[thread] += cut_at(path, path.size() / 2) != path;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(wrong, ::testing::Each(0));
  }
}

}  // namespace
}  // namespace notch::preload
