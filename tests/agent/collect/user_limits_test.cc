// Limits per user, with segments of real users: what one may not, another still may.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "agent/files/accounts.h"
#include "agent/tally/overflow_labels.h"
#include "tests/agent/collect/collect_fixture.h"

namespace notch::testing {
namespace {

constexpr std::uint32_t kAlice = 65'534;
constexpr std::uint32_t kBob = 65'533;

// A segment of a service named after its owner, with so many series that say `count` each.
SegmentBuilder segment_of(std::uint32_t uid, int series, std::uint64_t count) {
  SegmentShape shape;
  shape.uid = uid;
  shape.service = uid == kAlice ? "alice" : "bob";
  SegmentBuilder builder(shape);
  const std::uint32_t family = builder.new_family(counter("a_total", {"x"}));
  for (int i = 0; i < series; ++i) {
    const std::uint32_t id = builder.new_series(family, {std::to_string(i)});
    builder.set_cell(0, builder.first_cell(id), count);
  }
  return builder;
}

class UserLimits : public CollectTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be two users";
    ASSERT_EQ(::chmod(directory_.path().c_str(), 03777), 0);
  }

  // One file more by a process of the user, which ends at once. Returns its name.
  std::string write_as(std::uint32_t uid, const SegmentBuilder& builder) {
    const std::string name = std::to_string(uid) + "-" + std::to_string(names_.size()) + ".notch";
    const std::span<const std::byte> bytes = builder.bytes();
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setgid(uid) != 0 || ::setuid(uid) != 0) ::_exit(1);
      const int file = ::open(directory_.path(name).c_str(), O_WRONLY | O_CREAT | O_EXCL, 0640);
      const bool done =
          ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
      ::_exit(done ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "uid " << uid << " could not write a segment";
    struct stat written {};
    EXPECT_EQ(::stat(directory_.path(name).c_str(), &written), 0);
    EXPECT_EQ(written.st_uid, uid);
    names_.push_back(name);
    return name;
  }

  void add_all() { collect_->add(names_, now_); }

  static std::string row(const std::string& service, int x) {
    return "service=\"" + service + "\",x=\"" + std::to_string(x) + "\"";
  }

  std::vector<std::string> names_;
};

TEST_F(UserLimits, OfSegmentsHoldUpNobodyElse) {
  agent::CollectOptions options;
  options.limits.per_uid.segments = 2;
  start_agent(options);
  for (int i = 0; i < 5; ++i) write_as(kAlice, segment_of(kAlice, 1, 1));
  for (int i = 0; i < 2; ++i) write_as(kBob, segment_of(kBob, 1, 1));
  add_all();
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), 3U);
  EXPECT_EQ(stats().waiting_segments, 3U);
  EXPECT_EQ(sum(row("alice", 0)), 2U);
  EXPECT_EQ(sum(row("bob", 0)), 2U);
  for (int i = 0; i < 3; ++i) sweep();  // they are dead: each sweep makes room for two more
  EXPECT_EQ(sum(row("alice", 0)), 5U);
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), 3U);
}

TEST_F(UserLimits, OfBytesHoldUpNobodyElse) {
  start_agent();
  write_as(kAlice, segment_of(kAlice, 1, 1));
  add_all();
  const std::uint64_t one = stats().claimed_bytes;
  ASSERT_GT(one, 0U);
  agent::CollectOptions options;
  options.limits.per_uid.bytes = one * 3 / 2;
  start_agent(options);
  write_as(kAlice, segment_of(kAlice, 1, 1));
  write_as(kBob, segment_of(kBob, 1, 1));
  add_all();
  EXPECT_EQ(stats().rejected.at("bytes_per_uid"), 1U);
  EXPECT_EQ(sum(row("alice", 0)), 1U);
  EXPECT_EQ(sum(row("bob", 0)), 1U);
}

TEST_F(UserLimits, OfSeriesHoldUpNobodyElse) {
  agent::CollectOptions options;
  options.limits.per_uid.series = 3;
  start_agent(options);
  write_as(kAlice, segment_of(kAlice, 5, 1));
  write_as(kBob, segment_of(kBob, 3, 1));
  add_all();
  EXPECT_EQ(stats().conflicts[static_cast<std::size_t>(agent::Conflict::kSeriesLimit)], 2U);
  EXPECT_EQ(stats().series, 6U);
  EXPECT_EQ(sum(row("alice", 2)), 1U);
  EXPECT_EQ(sum(row("alice", 3)), std::nullopt);
  EXPECT_EQ(sum(row("bob", 2)), 1U);
}

// As /etc/subuid gives them: Bob is one of Alice's uids.
class SubordinateLimits : public UserLimits {
 protected:
  void SetUp() override {
    UserLimits::SetUp();
    directory_.write("passwd", "alice:x:65534:65534::/:/bin/sh\n");
    directory_.write("subuid", "alice:65533:1\n");
    options_.count_by(accounts_);
  }

  agent::Accounts accounts_{directory_.path("passwd"), directory_.path("subuid")};
  agent::CollectOptions options_;
};

TEST_F(SubordinateLimits, OfSegmentsAreTheAccounts) {
  options_.limits.per_uid.segments = 2;
  start_agent(options_);
  write_as(kAlice, segment_of(kAlice, 1, 1));
  for (int i = 0; i < 2; ++i) write_as(kBob, segment_of(kBob, 1, 1));
  add_all();
  EXPECT_EQ(stats().rejected.at("segments_per_uid"), 1U);
  EXPECT_EQ(sum(row("alice", 0)), 1U) << "names are as they were";
  EXPECT_EQ(sum(row("bob", 0)), 1U);
  for (int i = 0; i < 3; ++i) sweep();
  EXPECT_EQ(sum(row("bob", 0)), 2U);
}

TEST_F(SubordinateLimits, OfSeriesAreTheAccounts) {
  options_.limits.per_uid.series = 3;
  start_agent(options_);
  write_as(kAlice, segment_of(kAlice, 2, 1));
  write_as(kBob, segment_of(kBob, 2, 1));
  add_all();
  EXPECT_EQ(stats().series, 3U);
}

TEST_F(SubordinateLimits, OfDeadRowsAreTheAccountsBeforeAndAfterARestart) {
  options_.tally.rows.dead_rows_per_uid = 3;
  start_agent(options_);
  write_as(kAlice, segment_of(kAlice, 2, 1));
  write_as(kBob, segment_of(kBob, 2, 1));
  add_all();
  sweep();
  EXPECT_EQ(stats().overflowed_rows, 1U);
  EXPECT_EQ(sum(agent::own_overflow(kBob)), 1U) << "his own, not the account's";
  options_.tally.rows.dead_rows_per_uid = 2;
  names_.clear();
  start_agent(options_);
  sweep();
  EXPECT_GE(stats().overflowed_rows, 1U);
}

TEST_F(SubordinateLimits, OfServicesAreTheAccounts) {
  options_.owners.most_of_user = 1;
  start_agent(options_);
  write_as(kAlice, segment_of(kAlice, 1, 1));
  write_as(kBob, segment_of(kBob, 1, 1));
  add_all();
  EXPECT_EQ(sum(row("alice", 0)), 1U);
  EXPECT_EQ(sum(row("(others)@65533", 0)), 1U);
}

TEST_F(UserLimits, AreNotThoseOfWhomAHeaderNames) {
  agent::CollectOptions options;
  options.limits.per_uid.segments = 1;
  start_agent(options);
  write_as(kAlice, segment_of(kBob, 1, 1));
  write_as(kBob, segment_of(kBob, 1, 1));
  add_all();
  EXPECT_EQ(stats().rejected.at("wrong_owner"), 1U);
  EXPECT_EQ(sum(row("bob", 0)), 1U);
}

}  // namespace
}  // namespace notch::testing
