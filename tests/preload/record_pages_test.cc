// Pages for records: each is given once, whoever asks at the same time, and none is asked for where a
// system call may be deadly.
#include "client/preload/record_pages.h"

#include <errno.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "client/preload/core.h"

namespace notch::preload {

std::atomic<bool> in_sandbox = false;

bool is_in_sandbox() noexcept {
  return in_sandbox;
}

namespace {

TEST(RecordPages, AreZeroAlignedAndApart) {
  std::set<std::byte*> given;
  errno = EDOM;
  for (std::size_t i = 0; i < 3 * kPagesAtOnce; ++i) {
    std::byte* const page = take_record_page();
    ASSERT_NE(page, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(page) % kRecordPageBytes, 0U);
    EXPECT_TRUE(
        std::all_of(page, page + kRecordPageBytes, [](std::byte b) { return b == std::byte{}; }));
    std::memset(page, 0xff, kRecordPageBytes);
    EXPECT_TRUE(given.insert(page).second);
  }
  EXPECT_EQ(errno, EDOM);
}

TEST(RecordPages, AreGivenOnceWhoeverAsks) {
  constexpr int kThreads = 4, kPages = 500;
  std::vector<std::byte*> given[kThreads];
  std::vector<std::thread> threads;
  std::atomic<int> ready = 0;
  for (auto& mine : given) {
    threads.emplace_back([&] {
      ready.fetch_add(1);
      while (ready.load() < kThreads) std::this_thread::yield();
      for (int i = 0; i < kPages; ++i) mine.push_back(take_record_page());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::byte*> all;
  for (const auto& mine : given) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), std::size_t{kThreads} * kPages);
  EXPECT_EQ(all.count(nullptr), 0U);
}

TEST(RecordPages, InASandboxAreThoseThatThereAre) {
  map_record_pages();
  in_sandbox = true;
  std::size_t left = 0;
  while (take_record_page() != nullptr) ++left;
  EXPECT_LE(left, kPagesAtOnce);
  EXPECT_EQ(take_record_page(), nullptr);
  in_sandbox = false;
  EXPECT_NE(take_record_page(), nullptr);
}

TEST(RecordPages, AreNoneWithoutMemory) {
  in_sandbox = true;
  while (take_record_page() != nullptr) {
  }
  in_sandbox = false;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_DATA, &before), 0);
  const rlimit none{kRecordPageBytes, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &none), 0);
  errno = EDOM;
  std::byte* const page = take_record_page();
  const int seen = errno;
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &before), 0);
  EXPECT_EQ(page, nullptr);
  EXPECT_EQ(seen, EDOM);
  EXPECT_NE(take_record_page(), nullptr);
}

}  // namespace
}  // namespace notch::preload
