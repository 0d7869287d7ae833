// Label sets are made by one thread at a time: what others count meanwhile is counted once, by whom it
// may be, and nobody waits.
#include "client/preload/handover.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <barrier>
#include <functional>
#include <set>
#include <thread>
#include <vector>

namespace notch::preload {
namespace {

// As many as there are places, and some.
constexpr int kMoreThanPlaces = 100;

std::atomic<int> counted;
std::function<void()> amid_making;  // what happens while the maker is at it
std::set<std::thread::id> makers;   // without a lock: there is one at a time

void count_one(const void* what) noexcept {
  counted += *static_cast<const int*>(what);
}
void make(const void* what) noexcept {
  amid_making();
  count_one(what);
}
void note_maker(const void* what) noexcept {
  makers.insert(std::this_thread::get_id());
  count_one(what);
}

class Handover : public ::testing::Test {
 protected:
  Handover() {
    counted = 0;
    makers.clear();
  }
  // One thread makes; `meanwhile` happens in another.
  static void while_made(const std::function<void()>& meanwhile) {
    amid_making = [&] { std::thread(meanwhile).join(); };
    count_in_turn(make, 1);
  }
};

TEST_F(Handover, WhatComesMeanwhileIsTheMakersToCount) {
  while_made([] {
    for (int i = 0; i < 10; ++i) count_in_turn(note_maker, 1);
    EXPECT_EQ(counted, 0);
  });
  EXPECT_EQ(counted, 11);
  EXPECT_EQ(makers, std::set{std::this_thread::get_id()});
}

TEST_F(Handover, AHandlerAboveTheMakerHandsOverToo) {
  amid_making = [] {
    count_in_turn(count_one, 10);
    EXPECT_EQ(counted, 0);
  };
  count_in_turn(make, 1);
  EXPECT_EQ(counted, 11);
}

TEST_F(Handover, WhatFindsNoPlaceIsCountedAtOnce) {
  while_made([] {
    for (int i = 0; i < kMoreThanPlaces; ++i) count_in_turn(count_one, 1);
    EXPECT_GT(counted, 0);
    EXPECT_LT(counted, kMoreThanPlaces);
  });
  EXPECT_EQ(counted, kMoreThanPlaces + 1);
  // The places are free again.
  while_made([] {
    const int before = counted;
    count_in_turn(count_one, 1);
    EXPECT_EQ(counted, before);
  });
  EXPECT_EQ(counted, kMoreThanPlaces + 3);
}

TEST_F(Handover, TheEndCountsWhatTheMakerHasNotComeTo) {
  while_made([] {
    for (int i = 0; i < 5; ++i) count_in_turn(count_one, 1);
    count_handed_over();
    EXPECT_EQ(counted, 5);
    count_handed_over();
    EXPECT_EQ(counted, 5);
  });
  EXPECT_EQ(counted, 6);
}

TEST_F(Handover, AForkedChildHasNoMakerAndNothingOfItsParents) {
  while_made([] {
    count_in_turn(count_one, 1);
    const pid_t child = fork();
    if (child == 0) {
      forget_handed_over();
      count_handed_over();
      count_in_turn(count_one, 100);
      _exit(counted == 100 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  });
  EXPECT_EQ(counted, 2);
}

TEST_F(Handover, EachOfManyAtOnceIsCountedOnce) {
  constexpr int kThreads = 6;
  constexpr int kEach = 20'000;
  std::barrier together(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      for (int n = 0; n < kEach; ++n) count_in_turn(count_one, 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counted, kThreads * kEach);
}

}  // namespace
}  // namespace notch::preload
