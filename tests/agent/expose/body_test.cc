// A page's bytes: grown in place, patched by position, compressed whole.
#include "agent/expose/body.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

#include <memory>
#include <string>
#include <utility>

#include "agent/expose/gzip_body.h"

namespace notch::agent {
namespace {

Body body_of(std::string_view text) {
  BodyWriter writer;
  writer.append(text);
  return writer.finish();
}

// The bytes of the first gzip member, and that there is nothing behind it.
std::string unpacked_member(std::string_view packed, std::size_t room) {
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> reader(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  std::string text(room, '\0');
  std::size_t read = 0;
  std::size_t written = 0;
  EXPECT_EQ(libdeflate_gzip_decompress_ex(reader.get(), packed.data(), packed.size(), text.data(),
                                          text.size(), &read, &written),
            LIBDEFLATE_SUCCESS);
  EXPECT_EQ(read, packed.size());
  text.resize(written);
  return text;
}

TEST(Body, HoldsWhatWasAppendedAcrossManyGrowths) {
  BodyWriter writer;
  std::string expected;
  for (int i = 0; i < 300'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    writer.append(line);
    expected += line;
  }
  EXPECT_EQ(writer.finish().bytes(), expected);
}

TEST(Body, TakesOnePieceLargerThanItsGrowth) {
  const std::string piece(5'000'001, 'x');
  EXPECT_EQ(body_of(piece).bytes(), piece);
}

TEST(Body, WithoutAByteIsEmpty) {
  EXPECT_TRUE(BodyWriter().finish().empty());
  EXPECT_TRUE(body_of("").empty());
}

TEST(Body, CanBePatchedByPositionAfterItMoved) {
  BodyWriter writer;
  writer.append("ab");
  const std::size_t patched = writer.position();
  writer.append("?");
  writer.append(std::string(3'000'000, '.'));
  *writer.at(patched) = '!';
  EXPECT_EQ(writer.finish().bytes().substr(0, 4), "ab!.");
}

TEST(Body, MovesItsBytesAlong) {
  Body from = body_of("text");
  Body to = std::move(from);
  to = body_of("other");
  EXPECT_EQ(to.bytes(), "other");
}

TEST(Body, EndsAsTheSpareOfTheNext) {
  const auto spare = std::make_shared<SpareMemory>();
  const auto write = [&](std::string_view text) {
    BodyWriter writer(spare);
    writer.append(text);
    return writer.finish();
  };
  const char* first = nullptr;
  {
    const Body page = write(std::string(100'000, 'a'));
    first = page.bytes().data();
    EXPECT_NE(write("b").bytes().data(), first) << "the first page is still in use";
  }
  const Body next = write("cd");
  EXPECT_EQ(next.bytes().data(), first);
  EXPECT_EQ(next.bytes(), "cd");
}

TEST(SpareMemory, KeepsLittleMoreThanAPageUsed) {
  SpareMemory spare;
  PageMemory memory;
  memory.grow(std::size_t{64} << 20);
  spare.give_back(std::move(memory), 1000);
  EXPECT_EQ(spare.take().bytes(), 4096U);
  EXPECT_EQ(spare.take().bytes(), 0U);
}

TEST(SpareMemory, KeepsTheTwoLargest) {
  SpareMemory spare;
  for (const std::size_t pages : {3U, 2U, 1U}) {
    PageMemory memory;
    memory.grow(pages * 4096);
    spare.give_back(std::move(memory), pages * 4096);
  }
  EXPECT_EQ(spare.take().bytes(), 3U * 4096);
  EXPECT_EQ(spare.take().bytes(), 2U * 4096);
}

TEST(GzipBody, IsOneMemberHoweverLong) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "metric{i=\"" + std::to_string(i) + "\"} 1\n";
  const auto packed = gzip_body(body_of(text), GzipOptions{});
  ASSERT_TRUE(packed.has_value());
  EXPECT_LT(packed->size(), text.size() / 4);
  EXPECT_EQ(unpacked_member(packed->bytes(), text.size()), text);
}

TEST(GzipBody, TakesTheLevelAsked) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "metric{i=\"" + std::to_string(i * 7919) + "\"} 1\n";
  const auto fast = gzip_body(body_of(text), {.level = 1});
  const auto small = gzip_body(body_of(text), {.level = 9});
  ASSERT_TRUE(fast && small);
  EXPECT_LT(small->size(), fast->size());
}

TEST(GzipBody, LeavesSmallAndIncompressibleBodiesPlain) {
  EXPECT_FALSE(gzip_body(body_of(std::string(1023, 'x')), GzipOptions{}).has_value());
  EXPECT_TRUE(gzip_body(body_of(std::string(1024, 'x')), GzipOptions{}).has_value());
  EXPECT_FALSE(gzip_body(body_of("ab"), {.level = 1, .smallest_bytes = 0}).has_value());
}

}  // namespace
}  // namespace notch::agent
