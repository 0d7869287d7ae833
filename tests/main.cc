// The main() of every GoogleTest program that brings none of its own. GoogleTest's tells a program
// in which everything was skipped, or nothing matched, as passed; this one does not.
// Called by: ctest, through notch_test() and notch_tests() in CMakeLists.txt.
//
// PROGRAM --file=NAME runs the tests of the source file NAME, in place of any --gtest_filter.
//
// Invariants
//   MI1  Exit 0: at least one test passed and none failed. 77: all were skipped. 1: anything else.
//   MI2  Each skipped test leaves one line "skipped: Suite.Test: reason", read by tests/run.
//   MI3  With --file, exactly the tests of that file run; where it has none, no test ran (MI1).
#include <gtest/gtest.h>

#include <iostream>
#include <string>
#include <string_view>

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

// Each test has the name of the file it stands in, so no list of suites has to be kept.
std::string filter_of(std::string_view file) {
  std::string filter;
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const testing::TestSuite& suite = *all.GetTestSuite(i);
    for (int k = 0; k < suite.total_test_count(); ++k) {
      const testing::TestInfo& test = *suite.GetTestInfo(k);
      const std::string_view path = test.file();
      if (path.substr(path.rfind('/') + 1) != file) continue;
      filter.append(suite.name()).append(".").append(test.name()).append(":");
    }
  }
  return filter.empty() ? "-*" : filter;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kFile = "--file=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.substr(0, kFile.size()) != kFile) {
      std::cerr << "unknown argument " << argument << std::endl;
      return 2;
    }
    GTEST_FLAG_SET(filter, filter_of(argument.substr(kFile.size())));
  }
  testing::UnitTest& all = *testing::UnitTest::GetInstance();
  all.listeners().Append(new SkipReasons);  // GoogleTest deletes it
  if (RUN_ALL_TESTS() != 0) return 1;
  if (GTEST_FLAG_GET(list_tests)) return 0;
  if (all.successful_test_count() > 0) return 0;
  if (all.skipped_test_count() > 0) return kAllSkipped;
  std::cout << "no test ran" << std::endl;
  return 1;
}
