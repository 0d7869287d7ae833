// The main() of every GoogleTest program that brings none of its own. GoogleTest's tells a program
// in which everything was skipped, or nothing matched, as passed; this one does not.
// Called by: ctest, through notch_test() in CMakeLists.txt.
//
// Invariants
//   M1  Exit 0: at least one test passed and none failed. 77: all were skipped. 1: anything else.
//   M2  Each skipped test leaves one line "skipped: Suite.Test: reason", read by tests/run.
#include <gtest/gtest.h>

#include <iostream>
#include <string>

namespace {

constexpr int kAllSkipped = 77;

std::string reason_of(const testing::TestResult& result) {
  for (int part = 0; part < result.total_part_count(); ++part) {
    if (result.GetTestPartResult(part).skipped()) {
      std::string text = result.GetTestPartResult(part).message();
      // GoogleTest puts "Skipped" before the message.
      if (text.rfind("Skipped\n", 0) == 0) text.erase(0, sizeof("Skipped\n") - 1);
      while (!text.empty() && text.back() == '\n') text.pop_back();
      for (char& letter : text) letter = letter == '\n' ? ' ' : letter;
      return text.empty() ? "no reason given" : text;
    }
  }
  return "no reason given";
}

class SkipReasons : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& test) override {
    if (test.result()->Skipped()) {
      std::cout << "skipped: " << test.test_suite_name() << '.' << test.name() << ": "
                << reason_of(*test.result()) << std::endl;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest& all = *testing::UnitTest::GetInstance();
  all.listeners().Append(new SkipReasons);  // GoogleTest deletes it
  if (RUN_ALL_TESTS() != 0) return 1;
  if (GTEST_FLAG_GET(list_tests)) return 0;
  if (all.successful_test_count() > 0) return 0;
  if (all.skipped_test_count() > 0) return kAllSkipped;
  std::cout << "no test ran" << std::endl;
  return 1;
}
