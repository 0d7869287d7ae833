// A fresh directory for segments, named by NOTCH_DIR, and the processes that count there. The
// client's state belongs to a process, so each test runs it in children; the GoogleTest process
// itself never counts.
// Called by: every test here that counts.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <new>
#include <string>

#include "tests/client/segment_totals.h"
#include "tests/scratch_directory.h"

namespace notch::test {

// Zeroed memory that children share with the test: each counts its truth there.
void* shared_page(std::size_t bytes);

template <class T>
class Shared {
 public:
  Shared() : value_(new (shared_page(sizeof(T))) T{}) {}
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }

 private:
  T* value_;  // stays mapped: a late child may still write
};

using SharedCount = Shared<std::atomic<std::uint64_t>>;

// In a child: ends it with a line that says what did not hold.
void require(bool holds, const char* what);
#define NOTCH_REQUIRE(condition) ::notch::test::require(condition, #condition)

// How a child ended, in words: "exit 0", "signal 9". And what it wrote.
struct Ending {
  std::string status;
  std::string output;
};

std::string status_text(int wait_status);

// Forks a child that runs `body` and then ends by _exit(0). SIGKILL takes it with this process.
pid_t start_child(const std::function<void()>& body);

std::string wait_for(pid_t child);

// Runs `body` in a child to its end, standard output and error captured.
Ending run_child(const std::function<void()>& body);

// Nobody holds the segment's lock: its process, and all that it left behind, are gone.
bool is_lock_free(const std::string& path);

// Waits until the condition holds; false after ten seconds.
bool eventually(const std::function<bool()>& condition);

class SegmentDirectory : public ::testing::Test {
 protected:
  SegmentDirectory();
  ~SegmentDirectory() override;

  const std::string& directory() const { return scratch_.path(); }
  std::vector<SegmentTotals> segments() const { return read_segments(directory()); }
  std::uint64_t count(const std::string& family, const Labels& values = {}) const {
    return integer_total(directory(), family, values);
  }
  // The body ran to its end and wrote nothing.
  void expect_quiet_success(const std::function<void()>& body) {
    const Ending ending = run_child(body);
    EXPECT_EQ(ending.status, "exit 0");
    EXPECT_EQ(ending.output, "");
  }

 private:
  testing::ScratchDirectory scratch_;
};

}  // namespace notch::test
