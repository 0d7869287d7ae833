// Whose a service's name is, with values: who joins whom, who is shown as what, in any order.
#include "agent/services/service_owners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace notch::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint32_t kRoot = 0;
constexpr std::uint32_t kWorker = 33;   // a system user
constexpr std::uint32_t kOther = 105;   // another
constexpr std::uint32_t kAlice = 1001;  // ordinary users
constexpr std::uint32_t kBob = 1002;
constexpr std::uint64_t kRetention_s = 1000;

LineageKey key(std::uint8_t byte) {
  LineageKey made;
  made.fill(byte);
  return made;
}

class Owners : public ::testing::Test {
 protected:
  struct Joined {
    OwnedService* service;
    LineageKey key;
    NameChange change;
  };

  void restart(ServiceOwnerOptions options = {}) {
    std::vector<ServiceRecord> records = owners_->records();
    owners_ = std::make_unique<ServiceOwners>(std::move(options));
    owners_->restore(records, now_s_);
    renames_ = owners_->take_renames();
  }
  void use(ServiceOwnerOptions options) {
    owners_ = std::make_unique<ServiceOwners>(std::move(options));
  }

  Joined join(std::uint32_t uid, std::uint8_t lineage = 0, const std::string& name = "jobs") {
    Joined joined = {nullptr, key(lineage), NameChange::kNone};
    joined.service = &owners_->join({name, uid, joined.key}, joined.change);
    renames_ = owners_->take_renames();
    return joined;
  }
  std::string shown(std::uint32_t uid, std::uint8_t lineage = 0, const std::string& name = "jobs") {
    return join(uid, lineage, name).service->shown();
  }
  void leave(const Joined& joined) { owners_->leave(*joined.service, joined.key, now_s_); }
  void retire(const std::vector<std::string>& in_use = {}) {
    owners_->retire(now_s_, kRetention_s, [&](const std::string& name) {
      return std::ranges::find(in_use, name) != in_use.end();
    });
    renames_ = owners_->take_renames();
  }

  std::unique_ptr<ServiceOwners> owners_ = std::make_unique<ServiceOwners>(ServiceOwnerOptions{});
  std::vector<ServiceRename> renames_;  // of the last call
  std::uint64_t now_s_ = 5000;
};

TEST_F(Owners, ANameIsTheFirstsAmongEquals) {
  EXPECT_EQ(shown(kAlice, 1), "jobs");
  EXPECT_EQ(shown(kAlice, 2), "jobs");
  const Joined bob = join(kBob, 3);
  EXPECT_EQ(bob.service->shown(), "jobs@1002");
  EXPECT_EQ(bob.change, NameChange::kTaken);
  EXPECT_THAT(renames_, IsEmpty());
  EXPECT_EQ(shown(kBob, 4), "jobs@1002");
  EXPECT_EQ(shown(kBob, 4, "mail"), "mail");
}

TEST_F(Owners, ForkedProcessesStayInTheServiceWhateverTheirUser) {
  EXPECT_EQ(shown(kRoot, 1), "jobs");
  EXPECT_EQ(shown(kWorker, 1), "jobs");
  EXPECT_EQ(shown(65'534, 1), "jobs");
  // Its uid lets nobody else in.
  EXPECT_EQ(shown(kWorker, 2), "jobs@33");
  EXPECT_EQ(shown(kWorker), "jobs@33");
  EXPECT_EQ(shown(kWorker, 1), "jobs");
}

TEST_F(Owners, AKeyOfAnotherServiceOpensNothing) {
  join(kRoot, 1, "mail");
  join(kRoot, 2);
  EXPECT_EQ(shown(kWorker, 1), "jobs@33");
  EXPECT_EQ(shown(kWorker, 1, "mail"), "mail");
}

TEST_F(Owners, NobodyIsInByNoKey) {
  join(kRoot, 0);
  EXPECT_EQ(shown(kBob, 0), "jobs@1002");
}

// What a stranger says of himself makes no key of his one of the service's.
TEST_F(Owners, KeysComeFromThoseWhoJoined) {
  join(kAlice, 1);
  join(kBob, 2);
  EXPECT_EQ(shown(kWorker, 2), "jobs@1002");  // Bob's, whatever rank he has himself
  EXPECT_EQ(shown(kOther, 3), "jobs");
}

TEST_F(Owners, RankComesBeforeOrder) {
  EXPECT_EQ(shown(kBob), "jobs");
  EXPECT_EQ(shown(kWorker), "jobs");
  EXPECT_THAT(renames_, ElementsAre(ServiceRename{"jobs", "jobs@1002"}));
  EXPECT_EQ(shown(kOther), "jobs@105");
  EXPECT_EQ(shown(kRoot), "jobs");
  EXPECT_THAT(renames_, ElementsAre(ServiceRename{"jobs", "jobs@33"}));
  EXPECT_EQ(shown(kBob), "jobs@1002");
  EXPECT_EQ(shown(kWorker), "jobs@33");
}

TEST_F(Owners, AnyOrderOfDifferentRanksEndsTheSame) {
  std::vector<std::uint32_t> uids = {kRoot, kWorker, kAlice, kOther};
  ServiceOwnerOptions options;
  options.named = {{"jobs", kOther}};
  do {
    use(options);
    std::map<std::uint32_t, Joined> joined;
    for (const std::uint32_t uid : uids) joined[uid] = join(uid);
    EXPECT_EQ(joined[kOther].service->shown(), "jobs");
    EXPECT_EQ(joined[kRoot].service->shown(), "jobs");  // named by root: root joins
    EXPECT_EQ(joined[kWorker].service->shown(), "jobs@33");
    EXPECT_EQ(joined[kAlice].service->shown(), "jobs@1001");
  } while (std::ranges::next_permutation(uids).found);
}

TEST_F(Owners, RootJoinsTheServiceOfANamedOwner) {
  ServiceOwnerOptions options;
  options.named = {{"jobs", kAlice}};
  use(options);
  EXPECT_EQ(shown(kRoot, 1), "jobs");
  EXPECT_EQ(shown(kAlice, 2), "jobs");
  EXPECT_EQ(shown(kBob, 3), "jobs@1002");
  EXPECT_EQ(shown(kBob, 1), "jobs");  // forked from root's
}

TEST_F(Owners, ANameThatIsSomebodysWaitsForHim) {
  ServiceOwnerOptions options;
  options.named = {{"jobs", kAlice}};
  use(options);
  EXPECT_EQ(shown(kBob), "jobs@1002");
  EXPECT_EQ(shown(kAlice), "jobs");
  EXPECT_THAT(renames_, IsEmpty());
}

TEST_F(Owners, ANamedOwnerTakesHisNameAtTheNextStart) {
  join(kBob);
  join(kAlice);
  ServiceOwnerOptions options;
  options.named = {{"jobs", kAlice}};
  restart(options);
  EXPECT_THAT(renames_, UnorderedElementsAre(ServiceRename{"jobs", "jobs@1002"},
                                             ServiceRename{"jobs@1001", "jobs"}));
  EXPECT_EQ(shown(kAlice), "jobs");
  EXPECT_EQ(shown(kBob), "jobs@1002");
}

TEST_F(Owners, ASuffixIsItsUsersAlone) {
  EXPECT_EQ(shown(kBob, 1, "jobs@1001"), "jobs@1001@1002");
  EXPECT_EQ(shown(kRoot, 2, "jobs@1001"), "jobs@1001@0");
  EXPECT_EQ(shown(kRoot, 3), "jobs");
  EXPECT_EQ(shown(kAlice, 4), "jobs@1001");
  EXPECT_EQ(shown(kAlice, 5, "jobs@1001"), "jobs@1001");
  EXPECT_EQ(shown(kWorker, 5, "jobs@1001"), "jobs@1001");  // forked from hers
  EXPECT_EQ(shown(kWorker, 6, "jobs@1001"), "jobs@1001@33");
  EXPECT_EQ(shown(kBob, 6, "jobs@1001@1002"), "jobs@1001@1002");
  EXPECT_EQ(shown(kAlice, 7, "jobs@1001@1002"), "jobs@1001@1002@1001");
}

TEST_F(Owners, HisOwnNameWithASuffixIsTheSameService) {
  const Joined with = join(kAlice, 0, "mail@1001");
  const Joined without = join(kAlice, 0, "mail");
  EXPECT_EQ(with.service, without.service);
  EXPECT_EQ(with.change, NameChange::kNone);
}

TEST_F(Owners, OnlyAUidAsItIsPrintedIsASuffix) {
  for (const char* name :
       {"jobs@01001", "jobs@", "@1001", "jobs@10x", "jobs@4294967296", "jobs@+5", "jobs@ 5"}) {
    EXPECT_EQ(shown(kAlice, 0, name), name);
  }
  EXPECT_EQ(shown(kAlice, 0, "jobs@4294967295"), "jobs@4294967295@1001");
  EXPECT_EQ(shown(kAlice, 0, "jobs@0"), "jobs@0@1001");
}

TEST_F(Owners, NoTwoAreEverShownUnderOneName) {
  std::map<std::string, OwnedService*> by_shown;
  std::vector<OwnedService*> services;
  for (const std::uint32_t uid : {kBob, kAlice, kWorker, kRoot, 5U, 1U}) {
    for (const char* name : {"a", "a@5", "a@1", "a@5@1", "a@1001", "(others)", "(others)@5"}) {
      services.push_back(join(uid, 0, name).service);
    }
  }
  for (OwnedService* service : services) {
    EXPECT_EQ(by_shown.try_emplace(service->shown(), service).first->second, service)
        << service->shown();
  }
}

TEST_F(Owners, ANameIsFreeOnceNobodyLivesInItAndNoRowHasIt) {
  const Joined bob = join(kBob, 1);
  const Joined alice = join(kAlice, 2);
  leave(bob);
  now_s_ += kRetention_s;
  retire({"jobs"});
  EXPECT_THAT(renames_, IsEmpty());
  retire();
  EXPECT_THAT(renames_,
              UnorderedElementsAre(ServiceRename{"jobs", ""}, ServiceRename{"jobs@1001", "jobs"}));
  EXPECT_EQ(alice.service->shown(), "jobs");
  EXPECT_EQ(owners_->size(), 1U);
  EXPECT_EQ(shown(kBob, 1), "jobs@1002");
}

TEST_F(Owners, OneWhoIsAwayForAWhileKeepsHisName) {
  leave(join(kAlice));
  now_s_ += kRetention_s - 1;
  EXPECT_FALSE(owners_->any_idle(now_s_, kRetention_s));
  retire();
  EXPECT_EQ(shown(kBob), "jobs@1002");
}

TEST_F(Owners, ARestartChangesNothing) {
  const Joined master = join(kRoot, 1);
  join(kWorker, 1);
  join(kBob, 2);
  join(kAlice, 3);
  leave(master);
  restart();
  EXPECT_THAT(renames_, IsEmpty());
  EXPECT_EQ(shown(kAlice, 4), "jobs@1001");
  EXPECT_EQ(shown(kBob, 5), "jobs@1002");
  EXPECT_EQ(shown(kWorker, 6), "jobs@33");
  EXPECT_EQ(shown(kWorker, 1), "jobs");  // its key is known, though its master is dead
}

// What is told record by record is what all records say together.
TEST_F(Owners, RecordsSayWhoIsInByAKeyAlone) {
  join(kRoot, 1);
  EXPECT_THAT(owners_->take_records(), ElementsAre(ServiceRecord{"jobs", kRoot, true, {}}));
  join(kWorker, 1);
  EXPECT_THAT(owners_->take_records(), ElementsAre(ServiceRecord{"jobs", kRoot, true, {key(1)}}));
  join(kWorker, 1);
  EXPECT_THAT(owners_->take_records(), IsEmpty());
  join(kBob, 2);
  EXPECT_THAT(owners_->take_records(), ElementsAre(ServiceRecord{"jobs", kBob, false, {}}));
}

TEST_F(Owners, KeysOfTheDeadAreKeptUpToALimit) {
  join(kRoot, 255);  // lives on
  std::vector<Joined> masters;
  for (std::uint8_t i = 1; i <= ServiceOwners::kMostIdleKeys + 1; ++i)
    masters.push_back(join(kRoot, i));
  for (const Joined& master : masters) leave(master);
  EXPECT_EQ(shown(kWorker, 1), "jobs@33");
  EXPECT_EQ(shown(kWorker, 2), "jobs");
  EXPECT_EQ(shown(kWorker, 255), "jobs");
}

TEST_F(Owners, AUserPastTheLimitHasOneServiceForTheRest) {
  ServiceOwnerOptions options;
  options.most_of_user = 2;
  options.most = 3;
  use(options);
  EXPECT_EQ(shown(kBob, 0, "a"), "a");
  EXPECT_EQ(shown(kBob, 0, "b"), "b");
  const Joined third = join(kBob, 0, "c");
  EXPECT_EQ(third.service->shown(), "(others)@1002");
  EXPECT_EQ(third.change, NameChange::kTooMany);
  EXPECT_EQ(join(kBob, 0, "d").service, third.service);
  EXPECT_EQ(shown(kAlice, 0, "c"), "c");
  EXPECT_EQ(shown(kAlice, 0, "d"), "(others)@1001");
  EXPECT_EQ(shown(kAlice, 0, "(others)"), "(others)@1001");
}

}  // namespace
}  // namespace notch::agent
