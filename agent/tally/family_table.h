// The families in force: whose a name is, who has a part in it, and how many names a user may have.
// Names in, ids out; knows neither rows' numbers nor files.
// Called by: tally.
//
// Invariants
//   FT1  No two families in force take up one sample name (sample_names.h), and none takes up one of
//        the agent's own: what a page has room for is decided here, not when it is written.
//   FT2  A name belongs to the agent, then to system users, then to other users; among equals to
//        whoever was shown first. Nobody's definition drives out a family in which another user of
//        the same or a higher rank has a part: a use by a living segment, or a row.
//   FT3  No user has a part in more than max_per_user families (an account's uids one each). What one user's names take never
//        keeps out another's while there are fewer than max_families.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/family/conflict.h"
#include "agent/family/family.h"
#include "agent/files/accounts.h"
#include "agent/files/keyed_hash.h"
#include "agent/tally/row_table.h"

namespace notch::agent {

// True if a name of `other` yields to `uid`, whoever was first (FT2). A name without a known owner
// yields to every user.
bool outranks(std::uint32_t uid, std::uint32_t other) noexcept;

struct FamilyLimits {
  std::uint32_t families = 20'000;
  std::uint32_t per_uid = 2'000;
};

struct Admission {
  std::uint32_t family = kNoFamily;
  Conflict conflict = Conflict::kNone;  // with a family: merged under other words
};

// A claim to a name that another definition has: to be made again once that one may go.
struct Challenge {
  std::uint32_t family = kNoFamily;
  std::uint32_t generation = 0;
  bool has_right = true;  // to drive it out, when it was refused
};

class FamilyTable {
 public:
  explicit FamilyTable(const FamilyLimits& limits, Accounts* accounts = nullptr)
      : limits_(limits), accounts_(accounts) {}

  // A living segment of `definition.owner_uid` begins to use it; to be given back by leave(). What
  // is refused for another definition adds that one to `challenges`; to be given back by withdraw().
  // Cost: one hash, or one per sample name.
  Admission admit(const Family& definition, std::vector<Challenge>& challenges);
  void leave(std::uint32_t family, std::uint32_t uid);
  void withdraw(const Challenge& challenge, std::uint32_t uid);

  // False while nothing has changed for whoever made the challenge.
  bool is_worth_another_try(const Challenge& challenge, std::uint32_t uid) const;

  // From the ledger: without a use. kNoFamily: left out for one that is in force. Families that it
  // replaces, under the same name or by rank, are added to `replaced`, and their names are free.
  std::uint32_t restore(const Family& definition, std::vector<std::uint32_t>& replaced);
  // False if the user may not have a part in one more family.
  bool has_room(std::uint32_t uid) const;
  bool may_have_part(std::uint32_t family, std::uint32_t uid) const;

  void add_row(std::uint32_t family, std::uint32_t uid);
  void drop_row(std::uint32_t family, std::uint32_t uid);

  // Frees the place of a family without uses and rows.
  void release(std::uint32_t family);

  // The agent shows a family of its own: no segment may take up its names from now on.
  void reserve(const Family& own);

  // Takes the names away from all families that are challenged with right: they stay until their
  // uses and rows are gone, and are not found any more. Returns which.
  std::vector<std::uint32_t> displace();
  bool is_displaced(std::uint32_t family) const { return families_[family].displaced; }

  // True if a name became free since the last call that a living segment had been refused.
  bool take_freed() noexcept;

  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(families_.size()); }
  bool holds(std::uint32_t family) const { return families_[family].definition != nullptr; }
  const std::shared_ptr<const Family>& definition(std::uint32_t family) const {
    return families_[family].definition;
  }
  std::uint32_t uses(std::uint32_t family) const { return families_[family].uses; }
  std::uint32_t rows(std::uint32_t family) const { return families_[family].rows; }
  // The user who has had a part in it longest, among those who still have one.
  std::uint32_t owner(std::uint32_t family) const;
  std::uint32_t count() const noexcept { return count_; }
  std::uint32_t room(std::uint32_t uid) const;

  std::uint32_t ledger_family(std::uint32_t family) const {
    return families_[family].ledger_family;
  }
  void set_ledger_family(std::uint32_t family, std::uint32_t id) {
    families_[family].ledger_family = id;
  }

 private:
  struct Part {
    std::uint32_t uid;
    std::uint32_t uses;
    std::uint32_t rows;
  };
  struct Challenger {
    std::uint32_t uid;
    std::uint32_t count;
  };
  struct State {
    std::shared_ptr<const Family> definition;  // null: this place is free
    std::uint32_t uses = 0;
    std::uint32_t rows = 0;
    std::uint32_t ledger_family = kNoLedgerId;
    std::uint32_t generation = 0;  // rises when the place is freed
    bool displaced = false;
    bool refused_others = false;  // a living segment was left out for it
    std::vector<Part> parts;      // in order of arrival; none is empty
    std::vector<Challenger> challengers;
  };

  std::uint32_t most_of(std::uint32_t uid) const;
  std::uint32_t add(const Family& definition);
  Admission refuse(const Family& definition, const std::vector<std::uint32_t>& holders,
                   std::vector<Challenge>& challenges);
  Part& part_of(State& state, std::uint32_t uid);
  void drop_if_empty(State& state, std::uint32_t uid);
  bool may_replace(const State& state, std::uint32_t uid) const;
  bool yields_now(const State& state) const;
  void free_names(std::uint32_t family);
  std::vector<std::uint32_t> holders_of(const std::vector<std::string>& names) const;

  const FamilyLimits limits_;
  Accounts* const accounts_;
  std::vector<State> families_;
  std::vector<std::uint32_t> free_;
  NameMap<std::uint32_t> names_;  // every sample name in force
  NameSet reserved_;              // the agent's own sample names
  NameSet reserved_families_;
  std::unordered_map<std::uint32_t, std::uint32_t> parts_of_;  // by account: parts
  std::uint32_t count_ = 0;                                    // families in force
  bool freed_ = false;
};

}  // namespace notch::agent
