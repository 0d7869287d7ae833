// Who has which slot, by values alone: plenty, quiet, given to another, the last one shared.
#include "ebpf/slot_owners.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace notch::ebpf {
namespace {

constexpr std::size_t kServices = NOTCH_SERVICE_SLOTS - 2;
constexpr std::uint64_t kQuiet_s = QuietSlots::kQuiet_s;

using Tasks = std::array<std::uint64_t, NOTCH_SERVICE_SLOTS>;

std::string service(std::size_t number) {
  return "service-" + std::to_string(number);
}

// Frees what two looks find quiet.
void free_quiet(SlotOwners& owners, const Tasks& tasks, std::uint64_t now_s) {
  owners.quiet(tasks, now_s);
  for (const std::uint8_t slot : owners.quiet(tasks, now_s + kQuiet_s)) owners.free(slot);
}

TEST(SlotOwners, GivesEachServiceASlotAndThenTheLastToAll) {
  SlotOwners owners;
  std::set<std::uint8_t> slots;
  for (std::size_t i = 0; i < kServices; ++i) {
    const SlotOwners::Slot slot = owners.slot_for(service(i));
    EXPECT_TRUE(slot.is_new);
    slots.insert(slot.number);
    EXPECT_EQ(owners.name_of(slot.number), service(i));
  }
  EXPECT_EQ(slots.size(), kServices);
  EXPECT_FALSE(slots.contains(NOTCH_SLOT_UNATTACHED));
  EXPECT_FALSE(slots.contains(NOTCH_SLOT_OTHERS));
  const SlotOwners::Slot last = owners.slot_for("one more");
  EXPECT_EQ(last.number, NOTCH_SLOT_OTHERS);
  EXPECT_FALSE(last.is_new);
  EXPECT_EQ(owners.name_of(NOTCH_SLOT_OTHERS), "(others)");
}

TEST(SlotOwners, IsNotScarceWhileThereArePlenty) {
  SlotOwners owners;
  for (std::size_t i = 0; i < SlotOwners::kPlenty; ++i) owners.slot_for(service(i));
  EXPECT_FALSE(owners.scarce());
  owners.slot_for("one more");
  EXPECT_TRUE(owners.scarce());
}

TEST(SlotOwners, ASlotIsQuietOnlyAfterTwoLooksWithNobodyInBetween) {
  SlotOwners owners;
  const std::uint8_t slot = owners.slot_for("a").number;
  Tasks tasks{};
  EXPECT_TRUE(owners.quiet(tasks, 100).empty());
  EXPECT_TRUE(owners.quiet(tasks, 100 + kQuiet_s - 1).empty());
  tasks[slot] = 1;
  EXPECT_TRUE(owners.quiet(tasks, 100 + kQuiet_s).empty());
  tasks[slot] = 0;
  EXPECT_TRUE(owners.quiet(tasks, 200).empty());
  EXPECT_EQ(owners.quiet(tasks, 200 + kQuiet_s), std::vector<std::uint8_t>{slot});
}

TEST(SlotOwners, GivesTheSlotLongestFreeFirst) {
  SlotOwners owners;
  const std::uint8_t first = owners.slot_for(service(0)).number;
  const std::uint8_t second = owners.slot_for(service(1)).number;
  for (std::size_t i = 2; i < kServices; ++i) owners.slot_for(service(i));
  owners.free(second);
  owners.free(first);
  EXPECT_TRUE(owners.name_of(first).empty());
  EXPECT_EQ(owners.slot_for("new").number, second);
  EXPECT_EQ(owners.slot_for("newer").number, first);
}

TEST(SlotOwners, AThousandServicesInTurnNeverShareTheLast) {
  SlotOwners owners;
  std::uint64_t now_s = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const SlotOwners::Slot slot = owners.slot_for(service(i));
    ASSERT_TRUE(slot.is_new);
    ASSERT_NE(slot.number, NOTCH_SLOT_OTHERS);
    if (owners.scarce()) free_quiet(owners, {}, now_s += 1 + kQuiet_s);
  }
}

TEST(SlotOwners, ATakenSlotIsNotQuietByWhatItsLastOwnerWas) {
  SlotOwners owners;
  for (std::size_t i = 0; i < kServices; ++i) owners.slot_for(service(i));
  free_quiet(owners, {}, 0);
  owners.slot_for("new");
  EXPECT_TRUE(owners.quiet(Tasks{}, 2 * kQuiet_s).empty());
}

TEST(SlotOwners, OurOwnNamesAreRowsOfOurs) {
  SlotOwners owners;
  EXPECT_EQ(owners.slot_for("(unattached)").number, NOTCH_SLOT_UNATTACHED);
  EXPECT_EQ(owners.slot_for("(others)").number, NOTCH_SLOT_OTHERS);
}

TEST(SlotOwners, AServiceKeepsItsSlotUnderItsNewName) {
  SlotOwners owners;
  const std::uint8_t first = owners.slot_for("jobs").number;
  const std::uint8_t second = owners.slot_for("jobs@9").number;
  owners.rename({{"jobs", "jobs@7"}, {"jobs@9", "jobs"}, {"never there", "nor this"}});
  EXPECT_EQ(owners.name_of(first), "jobs@7");
  EXPECT_EQ(owners.name_of(second), "jobs");
  EXPECT_EQ(owners.slot_for("jobs@7").number, first);
  EXPECT_EQ(owners.slot_of("jobs"), second);
  EXPECT_EQ(owners.slot_of("jobs@9"), std::nullopt);
  EXPECT_EQ(owners.slot_of("nor this"), std::nullopt);
}

}  // namespace
}  // namespace notch::ebpf
