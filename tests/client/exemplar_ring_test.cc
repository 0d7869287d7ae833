// Many writers on the 64 slots and a reader that must not see half an entry: all fields of an entry
// derive from one number.
#include "client/exemplar_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <thread>
#include <vector>

#include "shm/memory_order.h"

namespace notch::client {
namespace {

constexpr std::size_t kWriters = 6;
constexpr std::uint64_t kWrites = 60'000;

notch_exemplar ids_of(std::uint64_t number) {
  notch_exemplar exemplar{};
  const std::uint64_t words[2] = {number * 3, number * 5};
  const std::uint64_t span = number * 7;
  std::memcpy(exemplar.trace_id, words, 16);
  std::memcpy(exemplar.span_id, &span, 8);
  return exemplar;
}

class ExemplarRing : public ::testing::Test {
 protected:
  ExemplarRing() : segment_(shm::kHeaderBytes / 8 + shm::kExemplarSlots * 8) {
    header().exemplar_offset = shm::kHeaderBytes;
  }
  shm::SegmentHeader& header() { return *reinterpret_cast<shm::SegmentHeader*>(segment_.data()); }
  std::uint64_t* slot(std::size_t index) {
    return segment_.data() + shm::kHeaderBytes / 8 + index * 8;
  }
  bool write(std::uint64_t number) {
    return write_exemplar(reinterpret_cast<std::byte*>(segment_.data()),
                          static_cast<std::uint32_t>(number), static_cast<double>(number),
                          ids_of(number));
  }

  // A slot read as a reader does: whole if the sequence before and behind is the same even number.
  bool read_whole(std::size_t index, std::uint64_t (&words)[8]) {
    words[0] = shm::observe(slot(index)[0]);  // [tag: exemplar-written]
    if (words[0] == 0 || (words[0] & 1) != 0) return false;
    for (int i = 1; i < 7; ++i) words[i] = shm::observe(slot(index)[i]);  // [tag: exemplar-words]
    return shm::observe(slot(index)[0]) == words[0];
  }
  static bool derives_from_one_number(const std::uint64_t (&words)[8]) {
    const auto number = static_cast<std::uint64_t>(std::bit_cast<double>(words[2]));
    return words[1] == number && words[4] == number * 3 && words[5] == number * 5 &&
           words[6] == number * 7;
  }

  std::vector<std::uint64_t> segment_;
};

TEST_F(ExemplarRing, HoldsTheLast64) {
  for (std::uint64_t number = 1; number <= 1000; ++number) EXPECT_TRUE(write(number));
  for (std::size_t index = 0; index < shm::kExemplarSlots; ++index) {
    std::uint64_t words[8];
    ASSERT_TRUE(read_whole(index, words));
    EXPECT_TRUE(derives_from_one_number(words));
    EXPECT_GT(std::bit_cast<double>(words[2]), 1000.0 - 65);
    EXPECT_GT(words[3], 1'600'000'000U * 1'000'000'000U) << "nanoseconds since 1970";
  }
}

TEST_F(ExemplarRing, ASlotBeingWrittenIsPassedOver) {
  slot(0)[0] = 7;
  EXPECT_FALSE(write(1));
  EXPECT_EQ(slot(0)[0], 7U);
  EXPECT_EQ(slot(0)[2], 0U);
  EXPECT_TRUE(write(2));
}

TEST_F(ExemplarRing, AReaderSeesNoTornEntry) {
  std::atomic<std::size_t> running{kWriters};
  std::vector<std::thread> writers;
  for (std::size_t writer = 0; writer < kWriters; ++writer)
    writers.emplace_back([this, writer, &running] {
      for (std::uint64_t i = 1; i <= kWrites; ++i) write(i * kWriters + writer);
      --running;
    });
  std::uint64_t whole = 0;
  std::uint64_t torn = 0;
  while (running.load() > 0) {
    for (std::size_t index = 0; index < shm::kExemplarSlots; ++index) {
      std::uint64_t words[8];
      if (!read_whole(index, words)) continue;
      ++whole;
      if (!derives_from_one_number(words)) ++torn;
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_GT(whole, 0U);
}

}  // namespace
}  // namespace notch::client
