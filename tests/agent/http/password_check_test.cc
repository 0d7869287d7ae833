// bcrypt, Basic credentials, and the thread that checks them.
#include "agent/http/password_check.h"

#include <crypt.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace notch::agent {
namespace {

std::string hash_of(const std::string& password, const char* setting) {
  crypt_data scratch{};
  return ::crypt_r(password.c_str(), setting, &scratch);
}

constexpr const char* kCheap = "$2b$04$abcdefghijklmnopqrstuu";

TEST(BcryptMatches, KnowsAHashMadeElsewhere) {
  // The classic vector of the OpenBSD implementation's users: "U*U".
  const std::string hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  EXPECT_TRUE(bcrypt_matches("U*U", hash));
  EXPECT_FALSE(bcrypt_matches("U*V", hash));
}

TEST(BcryptMatches, TakesTheVariantsThatHtpasswdWrites) {
  for (const char* setting : {"$2a$04$abcdefghijklmnopqrstuu", "$2b$04$abcdefghijklmnopqrstuu",
                              "$2y$04$abcdefghijklmnopqrstuu"}) {
    EXPECT_TRUE(bcrypt_matches("secret", hash_of("secret", setting))) << setting;
  }
}

TEST(BcryptMatches, RefusesANulAndWhatIsNoHash) {
  const std::string hash = hash_of("secret", kCheap);
  EXPECT_FALSE(bcrypt_matches(std::string("secret\0more", 11), hash));
  EXPECT_FALSE(bcrypt_matches("secret", ""));
  EXPECT_FALSE(bcrypt_matches("secret", "*0"));
  EXPECT_FALSE(bcrypt_matches("secret", hash.substr(0, 59)));
}

TEST(BasicCredentials, ReadsUserAndPassword) {
  const auto credentials = basic_credentials("Basic YWxpY2U6YTpi");
  ASSERT_TRUE(credentials.has_value());
  EXPECT_EQ(credentials->user, "alice");
  EXPECT_EQ(credentials->password, "a:b");
  EXPECT_TRUE(basic_credentials("bAsIc  YWxpY2U6YTpi").has_value());
  EXPECT_EQ(basic_credentials("Basic Og==")->password, "");
}

TEST(BasicCredentials, RefusesEverythingElse) {
  for (const char* header : {"", "Basic", "Basic ", "Basic YWxpY2U", "Basic !!!!", "Bearer YTpi",
                             "Basic YWxpY2U=" /* no colon */, "Basic ===="}) {
    EXPECT_FALSE(basic_credentials(header).has_value()) << header;
  }
}

class PasswordCheckTest : public ::testing::Test {
 protected:
  // What the check said, after the loop has run until nothing is left to do.
  std::vector<bool> answers_to(const std::string& password, bool known = true) {
    std::vector<bool> answers;
    check_.check({"alice", password}, hash_, known, [&](bool right) { answers.push_back(right); });
    immediate_ = !answers.empty();
    loop_.restart();
    loop_.run();
    return answers;
  }

  boost::asio::io_context loop_;
  PasswordCheck check_{loop_};
  std::string hash_ = hash_of("secret", kCheap);
  bool immediate_ = false;
};

TEST_F(PasswordCheckTest, RemembersARightPassword) {
  EXPECT_EQ(answers_to("secret"), std::vector{true});
  EXPECT_FALSE(immediate_);
  EXPECT_EQ(answers_to("secret"), std::vector{true});
  EXPECT_TRUE(immediate_);
}

TEST_F(PasswordCheckTest, ForgetsAWrongOne) {
  EXPECT_EQ(answers_to("wrong"), std::vector{false});
  EXPECT_EQ(answers_to("wrong"), std::vector{false});
  EXPECT_FALSE(immediate_) << "each wrong password costs its sender a whole hash";
}

TEST_F(PasswordCheckTest, DoesTheSameWorkForAStranger) {
  EXPECT_EQ(answers_to("secret", false), std::vector{false});
  EXPECT_FALSE(immediate_);
  EXPECT_EQ(answers_to("secret"), std::vector{true});
  EXPECT_EQ(answers_to("secret", false), std::vector{false});
}

TEST_F(PasswordCheckTest, ANewHashIsANewQuestion) {
  EXPECT_EQ(answers_to("secret"), std::vector{true});
  hash_ = hash_of("changed", kCheap);
  EXPECT_EQ(answers_to("secret"), std::vector{false});
}

TEST_F(PasswordCheckTest, RemembersABoundedNumber) {
  for (std::size_t i = 0; i <= PasswordCheck::kMaxCached; ++i) {
    const std::string password = std::to_string(i);
    hash_ = hash_of(password, kCheap);
    ASSERT_EQ(answers_to(password), std::vector{true});
  }
  EXPECT_EQ(answers_to(std::to_string(PasswordCheck::kMaxCached)), std::vector{true});
  EXPECT_TRUE(immediate_);
  hash_ = hash_of("0", kCheap);
  EXPECT_EQ(answers_to("0"), std::vector{true});
  EXPECT_FALSE(immediate_) << "the oldest had to go";
}

TEST_F(PasswordCheckTest, CallsNobodyBackOnceClosed) {
  bool called = false;
  check_.check({"alice", "secret"}, hash_, true, [&](bool) { called = true; });
  check_.close();
  check_.check({"alice", "secret"}, hash_, true, [&](bool) { called = true; });
  loop_.run();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace notch::agent
