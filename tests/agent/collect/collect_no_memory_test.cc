// No memory anywhere in a sweep that folds the dead, or while segments are taken and first read: the page, the ledger
// and the next agent agree.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <limits>
#include <new>
#include <string>

#include "tests/agent/collect/collect_fixture.h"

namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
std::size_t allocations_left = kUnlimited;

// Not inlined, nor is its counterpart: by what is behind them, g++ would take new and delete for no pair.
[[gnu::noinline]] void* allocate(std::size_t bytes) {
  if (allocations_left == 0) throw std::bad_alloc();
  if (allocations_left != kUnlimited) --allocations_left;
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}

[[gnu::noinline]] void release(void* memory) noexcept {
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) {
  return allocate(bytes);
}
void* operator new[](std::size_t bytes) {
  return allocate(bytes);
}
void operator delete(void* memory) noexcept {
  release(memory);
}
void operator delete[](void* memory) noexcept {
  release(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  release(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  release(memory);
}

namespace notch::testing {
namespace {

class CollectNoMemory : public CollectTest {
 protected:
  // A counter and a native histogram that no other process has: their overflow rows are new too.
  static SegmentBuilder builder_of(int number) {
    SegmentBuilder builder(shop_shape());
    const std::uint32_t counters = builder.new_family(counter("a_total", {"x"}));
    builder.set_cell(0, builder.first_cell(builder.new_series(counters, {std::to_string(number)})),
                     10);
    const std::uint32_t series =
        builder.new_series(builder.new_family(native_histogram("n" + std::to_string(number), 3)));
    builder.set_cell(0, builder.new_chunk(series, number), 1);
    return builder;
  }

  // Of so many more that the agent's tables grow while they are read.
  static constexpr int kMoreSeries = 40;
  static SegmentBuilder wide_builder_of(int number) {
    SegmentBuilder builder = builder_of(number);
    for (int i = 0; i < kMoreSeries; ++i) {
      const std::string name = std::to_string(number) + "_" + std::to_string(i);
      const std::uint32_t family = i % 4 == 0 ? builder.new_family(counter("c" + name, {"x"})) : 0;
      builder.set_cell(0, builder.first_cell(builder.new_series(family, {name})), 1);
    }
    return builder;
  }

  std::uint64_t total() {
    const agent::Snapshot snapshot = gather();
    std::uint64_t sum = 0;
    for (const agent::FamilySnapshot& family : snapshot.families) {
      for (const agent::Row& row : family.rows) {
        if (family.family->type == agent::MetricType::kCounter) {
          sum += family.slots[row.first_slot];
        } else {
          for (const auto& [bucket, count] : family.natives[row.detail].positive) sum += count;
        }
      }
    }
    return sum;
  }

  // What a process does with so little memory: 0 if it had enough, kEnded if it ended itself.
  enum Outcome { kEnough = 0, kFailed = 1, kEnded = 2, kWrong = 3 };
  template <class Work>
  static Outcome in_child(const Work& work) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(work());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      EXPECT_EQ(WTERMSIG(status), SIGABRT);
      return kEnded;
    }
    return static_cast<Outcome>(WEXITSTATUS(status));
  }

  Outcome sweep_with(std::size_t allocations, std::uint64_t expected) {
    bool failed = false;
    allocations_left = allocations;
    try {
      sweep();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    allocations_left = kUnlimited;
    bool right = total() == expected;
    pass(2);
    sweep();
    right =
        right && total() == expected && stats().dead_segments == 0 && stats().fold_failures == 0;
    return !right ? kWrong : failed ? kFailed : kEnough;
  }

  // All are told anew after the exception, as daemon does.
  Outcome take_with(std::size_t allocations, std::uint64_t expected) {
    std::vector<std::string> names;
    for (const auto& segment : segments_) names.push_back(segment->name());
    bool failed = false;
    allocations_left = allocations;
    try {
      collect_->add(names, now_);
      (void)gather();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    allocations_left = kUnlimited;
    collect_->forget_names();
    collect_->add(names, now_);
    bool right = total() == expected && stats().live_segments == names.size();
    for (const auto& segment : segments_) segment->die();
    pass(2);
    sweep();
    right = right && total() == expected && stats().dead_segments == 0;
    return !right ? kWrong : failed ? kFailed : kEnough;
  }

  agent::CollectOptions options_;
};

TEST_F(CollectNoMemory, AnywhereInASweepLosesNothingAndCountsNothingTwice) {
  options_.tally.rows.dead_rows_per_uid = 3;
  start_agent(options_);
  std::uint64_t expected = 0;
  int number = 0;
  Outcome outcome = kFailed;
  for (std::size_t allocations = 0; outcome != kEnough; ++allocations) {
    ASSERT_LT(allocations, 5'000U) << "a sweep has no end of allocations";
    for (int i = 0; i < 3; ++i) {
      start_process(builder_of(number++)).die();
      expected += 11;
    }
    ASSERT_EQ(total(), expected);
    outcome = in_child([&] { return sweep_with(allocations, expected); });
    ASSERT_NE(outcome, kWrong) << "after " << allocations << " allocations";
    start_agent(options_);
    ASSERT_EQ(recovered_.broken_frames, 0U) << allocations;
    ASSERT_EQ(total(), expected) << "of the next agent, after " << allocations;
  }
}

TEST_F(CollectNoMemory, AnywhereInTakingSegmentsLosesNothingAndCountsNothingTwice) {
  Outcome outcome = kFailed;
  for (std::size_t allocations = 0; outcome != kEnough; ++allocations) {
    ASSERT_LT(allocations, 5'000U) << "taking segments has no end of allocations";
    collect_.reset();
    segments_.clear();
    for (int i = 0; i < 3; ++i) start_process(wide_builder_of(i));
    collect_ = std::make_unique<agent::Collect>(options_);
    ASSERT_TRUE(collect_->open(directory_.fd(), now_, recovered_).ok);
    outcome = in_child([&] { return take_with(allocations, 3 * (11 + kMoreSeries)); });
    ASSERT_TRUE(outcome == kEnough || outcome == kFailed)
        << outcome << " after " << allocations << " allocations";
    ASSERT_EQ(::unlinkat(directory_.fd(), "agent.ledger", 0), 0);
  }
}

}  // namespace
}  // namespace notch::testing
