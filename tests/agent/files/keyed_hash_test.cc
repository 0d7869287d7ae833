// Tables of names that were chosen to collide in the standard library's hash, which has no secret.
#include "agent/files/keyed_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace notch::agent {
namespace {

constexpr std::size_t kNames = 4096;
constexpr std::size_t kFullBucket = 16;  // of a table with one name a bucket, at random: about 7

// libstdc++'s hash takes a name in words of 8 bytes: each is mixed by itself, then joined. A step
// can be undone, so that behind any first word there is a second that leads to the same hash.
constexpr std::uint64_t kMul = 0xc6a4a7935bd1e995;

std::uint64_t inverse_of_mul() {
  std::uint64_t inverse = kMul;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMul * inverse;
  return inverse;
}

std::uint64_t mixed(std::uint64_t word) {
  word *= kMul;
  return (word ^ (word >> 47)) * kMul;
}

std::uint64_t unmixed(std::uint64_t word) {
  word *= inverse_of_mul();
  return (word ^ (word >> 47)) * inverse_of_mul();
}

std::vector<std::string> colliding_names() {
  std::vector<std::string> names;
  for (std::uint64_t first = 1; first <= kNames; ++first) {
    const std::uint64_t seed = 0xc70f6907 ^ (16 * kMul);
    const std::uint64_t second = unmixed((seed ^ mixed(first)) * kMul);
    std::string name(16, '\0');
    std::memcpy(name.data(), &first, 8);
    std::memcpy(name.data() + 8, &second, 8);
    names.push_back(name);
  }
  return names;
}

template <class Table>
std::size_t fullest_bucket(const Table& table) {
  std::size_t most = 0;
  for (std::size_t i = 0; i < table.bucket_count(); ++i)
    most = std::max(most, table.bucket_size(i));
  return most;
}

TEST(KeyedHash, NoChosenNamesShareABucket) {
  const std::vector<std::string> names = colliding_names();
  std::set<std::size_t> unkeyed;
  for (const std::string& name : names) unkeyed.insert(std::hash<std::string>()(name));
  ASSERT_EQ(unkeyed.size(), 1U) << "the names do not collide: the test shows nothing";
  const NameSet table(names.begin(), names.end());
  ASSERT_EQ(table.size(), kNames);
  EXPECT_LT(fullest_bucket(table), kFullBucket);
}

TEST(KeyedHash, IsTheSameForTheSameBytes) {
  const std::string once = "orders_total";
  EXPECT_EQ(keyed_hash(once), keyed_hash(std::string(once)));
  EXPECT_NE(keyed_hash(once), keyed_hash("orders_tota"));
  EXPECT_EQ(keyed_hash({}), keyed_hash(std::string_view(once).substr(0, 0)));
}

}  // namespace
}  // namespace notch::agent
