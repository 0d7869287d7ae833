// What a forked child does with its counts before it has a segment: postponable ones wait in
// private memory, any other makes the segment, and the end in order takes what waited.
#include "client/preload/core.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "client/preload/definitions.h"
#include "notch/counter.h"
#include "notch/histogram.h"
#include "tests/client/seccomp_filter.h"
#include "tests/client/segment_directory.h"

namespace notch::preload {
namespace {

using test::run_child;
using test::start_child;
using test::wait_for;

constexpr double kBounds[] = {1, 2};

struct Figures {
  Counter early;
  Histogram early_sizes;
  Counter late;
};

// What the library's constructor does.
Figures begin() {
  Figures figures;
  NOTCH_REQUIRE(begin_core());
  figures.early = Counter(define_counter("test_early_total", "Postponable.", "", {}).with({}));
  figures.early_sizes =
      Histogram(define_histogram("test_early_size", "Postponable.", "", {}, kBounds).with({}));
  end_of_postponable();
  figures.late = Counter(define_counter("test_late_total", "Not.", "", {}).with({}));
  NOTCH_REQUIRE(close_definitions());
  return figures;
}

class PreloadCore : public test::SegmentDirectory {
 protected:
  // Begins, and runs `body` in a forked child.
  void in_forked_child(const std::function<void(Figures&)>& body) {
    expect_quiet_success([&] {
      Figures figures = begin();
      const pid_t child = start_child([&] { body(figures); });
      NOTCH_REQUIRE(wait_for(child) == "exit 0");
    });
  }
};

TEST_F(PreloadCore, AChildThatOnlyPostponesHasNoSegment) {
  in_forked_child([](Figures& figures) {
    figures.early.add(5);
    figures.early_sizes.observe(1.5);
  });
  EXPECT_EQ(segments().size(), 1U);
  EXPECT_EQ(count("test_early_total"), 0U);
}

TEST_F(PreloadCore, WhatWasPostponedArrivesWithTheFirstOther) {
  in_forked_child([](Figures& figures) {
    figures.early.add(5);
    figures.early_sizes.observe(1.5);
    figures.early_sizes.observe(7);
    figures.late.add(1);
    figures.early.add(2);
  });
  EXPECT_EQ(segments().size(), 2U);
  EXPECT_EQ(count("test_early_total"), 7U);
  EXPECT_EQ(count("test_late_total"), 1U);
  EXPECT_EQ(test::observation_total(directory(), "test_early_size"), 2U);
  EXPECT_EQ(test::observed_sum_total(directory(), "test_early_size"), 8.5);
}

TEST_F(PreloadCore, AnEndInOrderTakesWhatWaited) {
  in_forked_child([](Figures& figures) {
    figures.early.add(7);
    end_core();
  });
  ASSERT_EQ(segments().size(), 2U);
  EXPECT_EQ(count("test_early_total"), 7U);
}

TEST_F(PreloadCore, AnEndWithoutACountMakesNoSegment) {
  in_forked_child([](Figures&) { end_core(); });
  EXPECT_EQ(segments().size(), 1U);
}

TEST_F(PreloadCore, AGrandchildBeginsAtZero) {
  in_forked_child([](Figures& figures) {
    figures.early.add(3);
    const pid_t child = start_child([&] {
      figures.early.add(40);
      end_core();
    });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    figures.late.add(1);
  });
  EXPECT_EQ(segments().size(), 3U);
  EXPECT_EQ(count("test_early_total"), 43U);
}

TEST_F(PreloadCore, NothingIsLostWhileAnotherThreadMakesTheSegment) {
  constexpr int kThreads = 4;
  constexpr int kAdds = 20'000;
  in_forked_child([](Figures& figures) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&figures, i] {
        for (int n = 0; n < kAdds; ++n) {
          figures.early.add();
          if (i == 0 && n == kAdds / 2) figures.late.add();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    end_core();
  });
  EXPECT_EQ(segments().size(), 2U);
  EXPECT_EQ(count("test_early_total"), std::uint64_t{kThreads} * kAdds);
}

constexpr std::size_t kSets = 400;

// A segment with address space for kSets label sets, and memory for the first few.
Family begin_with_room() {
  NOTCH_REQUIRE(begin_core());
  end_of_postponable();
  const Family family = define_histogram("test_size", "By set.", "", {"set"}, kBounds, kSets);
  reserve_label_sets({kSets * (std::size(kBounds) + 2), kSets});
  NOTCH_REQUIRE(close_definitions());
  return family;
}

void observe_in_all(const Family& family, std::size_t sets) {
  for (std::size_t i = 0; i < sets; ++i) {
    const std::string set = std::to_string(i);
    const notch_series series = family.with_now({set});
    NOTCH_REQUIRE(series.detail != nullptr);
    Histogram(series).observe(1.5);
  }
}

// In the overflow series, or in all others that have labels.
std::uint64_t observed(const std::vector<test::SegmentTotals>& segments, bool overflow) {
  std::uint64_t sum = 0;
  for (const test::SegmentTotals& segment : segments) {
    for (const test::SeriesTotals& series : segment.series) {
      const bool is_wanted =
          overflow ? series.overflow : !series.values.empty() && !series.overflow;
      if (is_wanted) sum += series.observations();
    }
  }
  return sum;
}
std::uint64_t observed_in_sets(const std::vector<test::SegmentTotals>& segments) {
  return observed(segments, false);
}

TEST_F(PreloadCore, LabelSetsPastTheFirstGetMemoryAndChildrenHaveThemToo) {
  expect_quiet_success([] {
    const Family family = begin_with_room();
    // Children inherit the mapping, and give it back: as it has grown since.
    leave_to_children(Reach::kLost);
    observe_in_all(family, kSets);
    const pid_t child = start_child([&] {
      observe_in_all(family, kSets);
      const pid_t grandchild = start_child([&] { observe_in_all(family, kSets); });
      NOTCH_REQUIRE(wait_for(grandchild) == "exit 0");
    });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
  });
  EXPECT_EQ(segments().size(), 3U);
  EXPECT_EQ(observed_in_sets(segments()), 3 * kSets);
}

TEST_F(PreloadCore, AFilterLeavesMemoryForSomeLabelSetsAndNoMoreIsAskedFor) {
  expect_quiet_success([] {
    const Family family = begin_with_room();
    observe_in_all(family, 80);
    make_room_for_label_sets();
    close_for_sandbox();
    observe_in_all(family, 80 + 128);
  });
  EXPECT_EQ(observed_in_sets(segments()), 80U + 80U + 128U);
}

TEST_F(PreloadCore, MemoryThatWasRefusedIsAskedForOnce) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's run time makes calls of its own, which the filter kills for";
#endif
  constexpr std::uint32_t kPopulateWrite = 23;  // MADV_POPULATE_WRITE
  expect_quiet_success([] {
    const Family family = begin_with_room();
    family.overflow_now();
    test::refuse_call(SYS_madvise, 2, kPopulateWrite, true, EFAULT);
    observe_in_all(family, kSets - 50);
    test::allow_only({SYS_exit_group});
    observe_in_all(family, kSets);
    _exit(0);
  });
  EXPECT_GE(observed_in_sets(segments()), 2U * 70U);
  EXPECT_EQ(observed_in_sets(segments()) + observed(segments(), true), kSets - 50 + kSets);
}

TEST_F(PreloadCore, AChildOfASandboxNeverHasASegment) {
  expect_quiet_success([] {
    Figures figures = begin();
    close_for_sandbox();
    const pid_t child = start_child([&] {
      figures.early.add(1);
      figures.late.add(1);
      end_core();
    });
    NOTCH_REQUIRE(wait_for(child) == "exit 0");
    figures.late.add(10);
  });
  EXPECT_EQ(segments().size(), 1U);
  EXPECT_EQ(count("test_late_total"), 10U);
}

TEST_F(PreloadCore, WithoutADirectoryThereIsNothingToBegin) {
  const test::Ending ending = run_child([] {
    setenv("NOTCH_DIR", "/nowhere/at/all", 1);
    NOTCH_REQUIRE(!begin_core());
  });
  EXPECT_EQ(ending.status, "exit 0");
  EXPECT_EQ(ending.output, "");
}

}  // namespace
}  // namespace notch::preload
