// Kills the small agent of ledger_crash_child.cc at every injection point of the ledger, at each
// passing, and at random moments, and holds what is left against a model that knows what is
// pending: every segment counts exactly once in ledger and directory together, at every instant.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "agent/ledger/ledger_replay.h"
#include "tests/agent/ledger/ledger_sample.h"
#include "tests/scratch_directory.h"

namespace notch::agent {
namespace {

using notch::testing::ScratchDirectory;

using RowKey = std::pair<std::string, std::string>;  // family name, labels
using Totals = std::map<RowKey, RowChange>;

enum class Ending { kDone, kKilled, kTrouble };

// Where segments are born, an agent runs, is killed and replaced, and the model looks on.
class Scene {
 public:
  Scene() {
    std::filesystem::create_directory(directory_.path("segments"));
    add_segments(9);
  }

  void add_segments(std::uint64_t count) {
    for (; count > 0; --count) directory_.write("segments/" + segment_name(created_++), "");
  }

  // `kill_at` as NOTCH_KILL_AT; empty: nowhere.
  Ending run_agent(std::uint64_t seed, const std::string& kill_at, const std::string& wrong = "") {
    return wait_for(start_agent(seed, kill_at, wrong));
  }

  pid_t start_agent(std::uint64_t seed, const std::string& kill_at, const std::string& wrong) {
    std::string program = NOTCH_BINARY_DIR "/tests/ledger_crash_child";
    std::string path = directory_.path();
    std::string seed_text = std::to_string(seed);
    std::string wrong_text = wrong;
    char* arguments[] = {program.data(), path.data(), seed_text.data(),
                         wrong_text.empty() ? nullptr : wrong_text.data(), nullptr};
    if (kill_at.empty()) {
      unsetenv("NOTCH_KILL_AT");
    } else {
      setenv("NOTCH_KILL_AT", kill_at.c_str(), 1);
    }
    pid_t child = -1;
    if (posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ) != 0) return -1;
    return child;
  }

  static Ending wait_for(pid_t child) {
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return Ending::kTrouble;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return Ending::kKilled;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? Ending::kDone : Ending::kTrouble;
  }

  // What is wrong, in words, or empty. A segment is counted if its file is gone or the ledger says
  // that it is folded; else it is pending. What the ledger holds must be what is counted.
  std::string violation() const {
    Recovered recovered;
    if (directory_.has("ledger")) {
      const std::string file = directory_.read("ledger");
      const auto bytes = std::as_bytes(std::span(file));
      LedgerHeader header;
      if (decode_header(bytes, header) != HeaderFault::kNone) return "no ledger has the name (LE4)";
      Replay replay = replay_ledger(bytes, header.boot);
      if (replay.outcome != ReplayOutcome::kRead) return replay.message;
      recovered = std::move(replay.recovered);
    }
    std::set<std::string> folded;
    for (const SegmentIdentity& segment : recovered.folded) folded.insert(segment.file_name);
    Totals expected;
    for (std::uint64_t number = 0; number < created_; ++number) {
      const bool there = directory_.has("segments/" + segment_name(number));
      if (!there || folded.contains(segment_name(number))) count(number, expected);
    }
    return difference(expected, totals_of(recovered));
  }

  std::string violation_at_the_end() const {
    if (!std::filesystem::is_empty(directory_.path("segments"))) return "segments are left";
    return violation();
  }

 private:
  static std::string segment_name(std::uint64_t number) {
    return "segment-" + std::to_string(number);
  }

  static void count(std::uint64_t number, Totals& totals) {
    for (std::uint32_t id = 0; id < sample::kFamilies; ++id) {
      const Family family = sample::families()[id];
      const auto [total, fresh] = totals.try_emplace({family.name, sample::labels_of(number)});
      if (fresh) total->second = empty_total(family, 0);
      add_change(family, sample::make_change(0, id, number), total->second);
    }
  }

  // Rows without any count left out: a definition may be whole where its fold is torn.
  static Totals totals_of(const Recovered& recovered) {
    Totals totals;
    for (const RecoveredRow& row : recovered.rows) {
      const Family& family = recovered.families[row.family];
      RowChange total = row.total;
      total.row = 0;
      if (total != empty_total(family, 0)) totals[{family.name, row.labels}] = total;
    }
    return totals;
  }

  static std::string difference(const Totals& expected, const Totals& found) {
    for (const auto& [key, total] : expected) {
      const auto row = found.find(key);
      const std::string name = key.first + "{" + key.second + "}";
      if (total == empty_total(family_named(key.first), 0) && row == found.end()) continue;
      if (row == found.end()) return name + " is lost";
      if (row->second != total) {
        return name + ": slot 0 is " + std::to_string(row->second.slots[0]) + ", should be " +
               std::to_string(total.slots[0]);
      }
    }
    for (const auto& [key, total] : found) {
      if (!expected.contains(key)) return key.first + "{" + key.second + "} is too much";
    }
    return {};
  }

  static Family family_named(const std::string& name) {
    for (const Family& family : sample::families()) {
      if (family.name == name) return family;
    }
    return {};
  }

  ScratchDirectory directory_;
  std::uint64_t created_ = 0;
};

// Every NOTCH_INJECTION_POINT of the ledger, from the code itself, so that none is forgotten.
std::vector<std::string> injection_points() {
  const std::string call = "NOTCH_INJECTION_POINT(\"";
  std::vector<std::string> points;
  for (const char* file : {"/agent/ledger/ledger.cc", "/agent/files/owned_file.cc"}) {
    std::ifstream in(std::string(NOTCH_SOURCE_DIR) + file);
    const std::string code{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    for (std::size_t at = code.find(call); at != std::string::npos; at = code.find(call, at + 1)) {
      const std::size_t name = at + call.size();
      points.push_back(code.substr(name, code.find('"', name) - name));
    }
  }
  return points;
}

// NOTCH_SEED, or a new one; printed, so that a failure can be had again.
std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("NOTCH_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::printf("NOTCH_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

class LedgerCrash : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef NOTCH_INJECTION_POINTS
    GTEST_SKIP() << "built without NOTCH_INJECTION_POINTS: there is nowhere to be killed at";
#endif
  }

  const std::uint64_t seed_ = seed_of_this_run();
};

// The checker first: agents that break a rule must be caught.
TEST_F(LedgerCrash, CheckerSeesASegmentFoldedAgain) {
  Scene scene;
  ASSERT_EQ(scene.run_agent(seed_, "ledger.after_append"), Ending::kKilled);
  ASSERT_EQ(scene.violation(), "");
  ASSERT_EQ(scene.run_agent(seed_, "", "refold"), Ending::kDone);
  EXPECT_NE(scene.violation_at_the_end(), "");
}

TEST_F(LedgerCrash, CheckerSeesASegmentRemovedBeforeItsFold) {
  Scene scene;
  ASSERT_EQ(scene.run_agent(seed_, "ledger.before_append", "unlink-first"), Ending::kKilled);
  EXPECT_NE(scene.violation(), "");
}

// Killed before a compaction, which would write the totals the agent has in memory.
TEST_F(LedgerCrash, CheckerSeesAFailedAppendTakenForDone) {
  Scene scene;
  ASSERT_EQ(scene.run_agent(seed_, "ledger.before_removed", "ignore-failure"), Ending::kKilled);
  EXPECT_NE(scene.violation(), "");
}

// True if the agent was killed there, and all was well before and after.
bool survives_kill_at(const std::string& kill_at, std::uint64_t seed, bool torn_before) {
  Scene scene;
  if (torn_before) {
    EXPECT_EQ(scene.run_agent(seed, "owned_file.short_write"), Ending::kKilled);
  }
  EXPECT_EQ(scene.violation(), "");
  const Ending ending = scene.run_agent(seed + 1, kill_at);
  EXPECT_NE(ending, Ending::kTrouble);
  EXPECT_EQ(scene.violation(), "");
  scene.add_segments(2);
  EXPECT_EQ(scene.run_agent(seed + 2, ""), Ending::kDone);
  EXPECT_EQ(scene.violation_at_the_end(), "");
  return ending == Ending::kKilled;
}

// With no ledger there yet, and with one whose end an earlier kill has torn.
TEST_F(LedgerCrash, EverySegmentCountsOnceWhereverTheAgentIsKilled) {
  for (const std::string& point : injection_points()) {
    int kills = 0;
    for (const bool torn_before : {false, true}) {
      for (int passing = 1;; ++passing) {
        const std::string kill_at = point + ":" + std::to_string(passing);
        SCOPED_TRACE(kill_at + (torn_before ? ", torn before" : ""));
        const bool killed = survives_kill_at(kill_at, seed_, torn_before);
        if (HasFailure()) return;
        if (!killed) break;
        ++kills;
      }
    }
    EXPECT_GT(kills, 0) << point << " was never passed";
  }
}

TEST_F(LedgerCrash, EverySegmentCountsOnceThroughManyKills) {
  std::mt19937_64 random(seed_);
  const std::vector<std::string> points = injection_points();
  Scene scene;
  for (int round = 0; round < 60; ++round) {
    const std::string kill_at =
        points[random() % points.size()] + ":" + std::to_string(1 + random() % 5);
    SCOPED_TRACE("round " + std::to_string(round) + ", " + kill_at);
    ASSERT_NE(scene.run_agent(random(), kill_at), Ending::kTrouble);
    ASSERT_EQ(scene.violation(), "");
    scene.add_segments(random() % 6);
  }
  ASSERT_EQ(scene.run_agent(random(), ""), Ending::kDone);
  EXPECT_EQ(scene.violation_at_the_end(), "");
}

// Between the points too; needs none of them, so it runs in every build.
TEST(LedgerKill, EverySegmentCountsOnceThroughKillsAtRandomMoments) {
  std::mt19937_64 random(seed_of_this_run());
  Scene scene;
  for (int round = 0; round < 60; ++round) {
    const pid_t child = scene.start_agent(random(), "", "");
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    kill(child, SIGKILL);
    ASSERT_NE(Scene::wait_for(child), Ending::kTrouble);
    ASSERT_EQ(scene.violation(), "") << "round " << round;
    scene.add_segments(random() % 40);
  }
  ASSERT_EQ(scene.run_agent(random(), ""), Ending::kDone);
  EXPECT_EQ(scene.violation_at_the_end(), "");
}

}  // namespace
}  // namespace notch::agent
