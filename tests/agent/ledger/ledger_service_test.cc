// Services in the ledger's bytes: each as it went in, none that breaks a rule of LEDGER.md, and the
// rows that follow their names.
#include "tests/agent/ledger/ledger_bytes.h"

namespace notch::agent {
namespace {

TEST_F(LedgerBytes, ServiceIsAsDocumented) {
  begin_ledger();
  const std::string key(16, '\x05');
  frame(8, std::string("\xe9\x03\0\0\x01\0\0\0\x04\0\0\0jobs\x01\0\0\0", 20) + key);
  LineageKey expected;
  expected.fill(5);
  EXPECT_EQ(replay().recovered.services,
            (std::vector<ServiceRecord>{{"jobs", 1001, true, {expected}}}));
}

TEST_F(LedgerBytes, AServiceThatIsNoneIsLeftOut) {
  const std::string good = payload_of([](std::string& out) {
    encode_service({"a", 7, true, {LineageKey{}}}, out);
  });
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
    file_.resize(kLedgerHeaderBytes);
    begin_ledger();
    frame(8, good.substr(0, bytes));
    expect_left_out("shorter than its fields");
    EXPECT_TRUE(replay().recovered.services.empty());
  }
  const auto with_u32 = [&](std::size_t at, std::uint32_t value) {
    std::string bad = good;
    std::memcpy(bad.data() + at, &value, sizeof value);
    return bad;
  };
  file_.resize(kLedgerHeaderBytes);
  begin_ledger();
  frame(8, good + "x");
  expect_left_out("longer than its fields");
  file_.resize(kLedgerHeaderBytes);
  begin_ledger();
  frame(8, with_u32(4, 2));
  expect_left_out("holds its name");
  file_.resize(kLedgerHeaderBytes);
  begin_ledger();
  encode_service({"", 7, true, {}}, file_);
  expect_left_out("no name");
}

// Rows follow the names of their services, those of before a frame alone.
TEST_F(LedgerBytes, WhoeverHoldsANameTakesItFromTheRowsSoFar) {
  define_all();
  encode_service({"a", 7, true, {}}, file_);
  end_snapshot();
  const auto labels = [this](std::uint32_t row) { return replay().recovered.rows[row].labels; };
  encode_service({"a", 8, false, {}}, file_);
  encode_row({sample::kFamilies, 1, "service=\"a@8\",x=\"1\""}, file_);
  EXPECT_EQ(labels(0), "service=\"a\"");
  encode_service({"a", 8, true, {}}, file_);
  EXPECT_EQ(labels(0), "service=\"a@7\"");
  EXPECT_EQ(labels(sample::kFamilies), "service=\"a\",x=\"1\"");
  encode_row({sample::kFamilies + 1, 0, "service=\"a\""}, file_);
  encode_service({"a", 0, true, {}}, file_);
  EXPECT_EQ(labels(0), "service=\"a@7\"");
  EXPECT_EQ(labels(sample::kFamilies + 1), "service=\"a@8\"");
  EXPECT_EQ(
      replay().recovered.services,
      (std::vector<ServiceRecord>{{"a", 7, false, {}}, {"a", 8, false, {}}, {"a", 0, true, {}}}));
}

}  // namespace
}  // namespace notch::agent
