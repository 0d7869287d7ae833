// The table of kinds: numbers at its edges, and ranges that are closed.
#include "client/preload/descriptors.h"

#include <gtest/gtest.h>

#include <climits>

namespace notch::preload {

// The wrappers that fill it are not in this program.
alignas(std::uint64_t) std::uint8_t descriptor_kinds[kMostDescriptors];

namespace {

TEST(Descriptors, ANumberOutsideTheTableIsOfNoKind) {
  for (const int fd : {-1, INT_MIN, static_cast<int>(kMostDescriptors), INT_MAX}) {
    set_kind(fd, Kind::kSocket);
    EXPECT_EQ(kind_of(fd), Kind::kOther);
  }
  for (const int fd : {0, static_cast<int>(kMostDescriptors) - 1}) {
    set_kind(fd, Kind::kSocket);
    EXPECT_EQ(kind_of(fd), Kind::kSocket);
    set_kind(fd, Kind::kOther);
  }
}

TEST(Descriptors, ARangeIsForgottenAndNothingElse) {
  constexpr int kFilled = 64;
  for (unsigned first = 0; first < 20; ++first) {
    for (unsigned last = 0; last < 40; ++last) {
      for (int fd = 0; fd < kFilled; ++fd) set_kind(fd, Kind::kPipe);
      forget_kinds(first, last);
      for (int fd = 0; fd < kFilled; ++fd) {
        const auto number = static_cast<unsigned>(fd);
        const bool is_closed = number >= first && number <= last;
        ASSERT_EQ(kind_of(fd), is_closed ? Kind::kOther : Kind::kPipe)
            << fd << " of " << first << " to " << last;
      }
    }
  }
}

TEST(Descriptors, AllThereCouldBeAreForgotten) {
  const int last = static_cast<int>(kMostDescriptors) - 1;
  set_kind(3, Kind::kFile);
  set_kind(1000, Kind::kFile);
  set_kind(last, Kind::kFile);
  forget_kinds(4, UINT_MAX);
  EXPECT_EQ(kind_of(3), Kind::kFile);
  EXPECT_EQ(kind_of(1000), Kind::kOther);
  EXPECT_EQ(kind_of(last), Kind::kOther);
}

}  // namespace
}  // namespace notch::preload
