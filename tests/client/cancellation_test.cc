// A thread that is cancelled while it defines: it ends at its own next cancellation point, and
// everybody else goes on defining and counting.
#include <pthread.h>

#include <string>

#include "notch/registry.h"
#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

class Cancellation : public SegmentDirectory {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "AddressSanitizer takes the stack a cancelled thread has left for still in use";
#endif
  }
};

// Defines with its own cancellation pending: ends in the first cancellation point there is.
void* define_while_cancelled(void*) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
  pthread_cancel(pthread_self());
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr);
  counter({.name = "test_cancelled_total", .help = "C."}).add(3);
  pthread_testcancel();
  return nullptr;
}

void run_cancelled_thread() {
  pthread_t thread{};
  NOTCH_REQUIRE(pthread_create(&thread, nullptr, define_while_cancelled, nullptr) == 0);
  void* ending = nullptr;
  NOTCH_REQUIRE(pthread_join(thread, &ending) == 0);
  NOTCH_REQUIRE(ending == PTHREAD_CANCELED);
}

TEST_F(Cancellation, OfTheThreadThatAttaches) {
  expect_quiet_success([] {
    run_cancelled_thread();
    counter({.name = "test_after_total", .help = "A."}).add(2);
  });
  EXPECT_EQ(count("test_cancelled_total"), 3U);
  EXPECT_EQ(count("test_after_total"), 2U);
}

TEST_F(Cancellation, OfAThreadThatWritesADebugLine) {
  const Ending ending = run_child([] {
    setenv("NOTCH_DEBUG", "1", 1);
    run_cancelled_thread();
    NOTCH_REQUIRE(!counter({.name = "Refused", .help = "R."}));
    counter({.name = "test_after_total", .help = "A."}).add(2);
  });
  EXPECT_EQ(ending.status, "exit 0") << ending.output;
  EXPECT_EQ(count("test_after_total"), 2U);
}

}  // namespace
}  // namespace notch::test
