#include "agent/tally/family_table.h"

#include <algorithm>
#include <utility>

#include "agent/family/sample_names.h"

namespace notch::agent {
namespace {

Conflict difference(const Family& in_force, const Family& other) {
  if (in_force.type != other.type) return Conflict::kType;
  if (in_force.number != other.number) return Conflict::kNumber;
  if (in_force.combine != other.combine) return Conflict::kGaugeMode;
  if (in_force.schema != other.schema || in_force.zero_threshold != other.zero_threshold) {
    return Conflict::kSchema;
  }
  if (in_force.bounds != other.bounds) return Conflict::kBounds;
  if (in_force.help != other.help) return Conflict::kHelp;
  if (in_force.unit != other.unit) return Conflict::kUnit;
  return Conflict::kNone;
}

bool is_only_words(Conflict conflict) {
  return conflict == Conflict::kNone || conflict == Conflict::kHelp || conflict == Conflict::kUnit;
}

int rank(std::uint32_t uid) {
  if (uid == kUnknownOwner) return 2;
  return uid < kFirstOrdinaryUid ? 0 : 1;
}

}  // namespace

bool outranks(std::uint32_t uid, std::uint32_t other) noexcept {
  return rank(uid) < rank(other);
}

Admission FamilyTable::admit(const Family& definition, std::vector<Challenge>& challenges) {
  const std::uint32_t uid = definition.owner_uid;
  const std::vector<std::string> names = sample_names(definition);
  const auto is_reserved = [this](const std::string& name) { return reserved_.contains(name); };
  if (std::ranges::any_of(names, is_reserved)) return {kNoFamily, Conflict::kReservedName};
  const std::vector<std::uint32_t> holders = holders_of(names);
  if (!holders.empty()) {
    State& state = families_[holders.front()];
    const Conflict conflict = difference(*state.definition, definition);
    if (state.definition->name != definition.name || !is_only_words(conflict)) {
      return refuse(definition, holders, challenges);
    }
    if (!may_have_part(holders.front(), uid)) return {kNoFamily, Conflict::kFamilyLimitPerUser};
    const bool takes_words = conflict != Conflict::kNone && state.uses == 0;
    // Only the dead used the old words: those of the living are in force from now on.
    if (takes_words) state.definition = std::make_shared<Family>(definition);
    ++part_of(state, uid).uses;  // may throw: first
    ++state.uses;
    return {holders.front(), takes_words ? Conflict::kNone : conflict};
  }
  if (!has_room(uid)) return {kNoFamily, Conflict::kFamilyLimitPerUser};
  if (count_ >= limits_.families) return {kNoFamily, Conflict::kFamilyLimit};
  const std::uint32_t family = add(definition);
  part_of(families_[family], uid).uses = 1;  // may throw: first
  families_[family].uses = 1;
  return {family, Conflict::kNone};
}

Admission FamilyTable::refuse(const Family& definition, const std::vector<std::uint32_t>& holders,
                              std::vector<Challenge>& challenges) {
  const std::uint32_t uid = definition.owner_uid;
  for (const std::uint32_t holder : holders) families_[holder].refused_others = true;
  const bool has_right = std::ranges::all_of(
      holders, [&](std::uint32_t holder) { return may_replace(families_[holder], uid); });
  for (const std::uint32_t holder : holders) {
    State& state = families_[holder];
    challenges.push_back({holder, state.generation, has_right});
    if (!has_right) continue;
    const auto known = std::ranges::find(state.challengers, uid, &Challenger::uid);
    if (known != state.challengers.end()) {
      ++known->count;
    } else {
      state.challengers.push_back({uid, 1});
    }
  }
  const Family& first = *families_[holders.front()].definition;
  if (first.name != definition.name) return {kNoFamily, Conflict::kSampleName};
  return {kNoFamily, difference(first, definition)};
}

void FamilyTable::withdraw(const Challenge& challenge, std::uint32_t uid) {
  State& state = families_[challenge.family];
  if (!challenge.has_right || state.generation != challenge.generation) return;
  const auto known = std::ranges::find(state.challengers, uid, &Challenger::uid);
  if (known != state.challengers.end() && --known->count == 0) state.challengers.erase(known);
}

bool FamilyTable::is_worth_another_try(const Challenge& challenge, std::uint32_t uid) const {
  const State& state = families_[challenge.family];
  return state.generation != challenge.generation || state.displaced ||
         (!challenge.has_right && may_replace(state, uid));
}

void FamilyTable::leave(std::uint32_t family, std::uint32_t uid) {
  State& state = families_[family];
  --state.uses;
  --part_of(state, uid).uses;
  drop_if_empty(state, uid);
}

std::uint32_t FamilyTable::restore(const Family& definition, std::vector<std::uint32_t>& replaced) {
  const std::vector<std::uint32_t> holders = holders_of(sample_names(definition));
  for (const std::uint32_t holder : holders) {
    const Family& earlier = *families_[holder].definition;
    const bool is_newer =
        earlier.name == definition.name ||
        (earlier.owner_uid == definition.owner_uid && definition.owner_uid != kUnknownOwner) ||
        outranks(definition.owner_uid, earlier.owner_uid);
    if (!is_newer) return kNoFamily;
  }
  for (const std::uint32_t holder : holders) {
    free_names(holder);
    families_[holder].displaced = true;
    replaced.push_back(holder);
  }
  return add(definition);
}

// Nobody known owns what an older ledger held: of that, half of all. What several users have is in
// no user's limit: each of them had room for his part in it.
std::uint32_t FamilyTable::most_of(std::uint32_t uid) const {
  if (uid == kManyOwners) return limits_.families;
  return uid == kUnknownOwner ? std::max(limits_.per_uid, limits_.families / 2) : limits_.per_uid;
}

std::uint32_t FamilyTable::room(std::uint32_t uid) const {
  const auto found = parts_of_.find(account_of(accounts_, uid));
  const std::uint32_t taken = found == parts_of_.end() ? 0 : found->second;
  const std::uint32_t most = most_of(uid);
  const std::uint32_t of_all = limits_.families > count_ ? limits_.families - count_ : 0;
  return std::min(most > taken ? most - taken : 0, of_all);
}

bool FamilyTable::has_room(std::uint32_t uid) const {
  const auto found = parts_of_.find(account_of(accounts_, uid));
  return found == parts_of_.end() || found->second < most_of(uid);
}

bool FamilyTable::may_have_part(std::uint32_t family, std::uint32_t uid) const {
  const auto& parts = families_[family].parts;
  return std::ranges::find(parts, uid, &Part::uid) != parts.end() || has_room(uid);
}

void FamilyTable::add_row(std::uint32_t family, std::uint32_t uid) {
  ++part_of(families_[family], uid).rows;  // may throw: first
  ++families_[family].rows;
}

void FamilyTable::drop_row(std::uint32_t family, std::uint32_t uid) {
  --families_[family].rows;
  --part_of(families_[family], uid).rows;
  drop_if_empty(families_[family], uid);
}

void FamilyTable::release(std::uint32_t family) {
  State& state = families_[family];
  if (state.definition == nullptr || state.uses != 0 || state.rows != 0) return;
  freed_ = freed_ || state.refused_others;
  if (!state.displaced) free_names(family);
  const std::uint32_t generation = state.generation + 1;
  state = State();
  state.generation = generation;
  free_.push_back(family);
}

void FamilyTable::reserve(const Family& own) {
  if (!reserved_families_.insert(own.name).second) return;
  for (const std::string& name : sample_names(own)) {
    reserved_.insert(name);
    const auto held = names_.find(name);
    if (held == names_.end()) continue;
    const std::uint32_t family = held->second;
    free_names(family);
    families_[family].displaced = true;
    freed_ = true;
  }
}

std::vector<std::uint32_t> FamilyTable::displace() {
  std::vector<std::uint32_t> gone;
  for (std::uint32_t family = 0; family < families_.size(); ++family) {
    State& state = families_[family];
    if (state.definition == nullptr) continue;
    if (!state.displaced && yields_now(state)) {
      free_names(family);
      state.displaced = true;
      freed_ = true;
    }
    if (state.displaced) gone.push_back(family);
  }
  return gone;
}

bool FamilyTable::take_freed() noexcept {
  return std::exchange(freed_, false);
}

std::uint32_t FamilyTable::owner(std::uint32_t family) const {
  const State& state = families_[family];
  return state.parts.empty() ? state.definition->owner_uid : state.parts.front().uid;
}

std::uint32_t FamilyTable::add(const Family& definition) {
  auto made = std::make_shared<Family>(definition);
  const std::vector<std::string> names = sample_names(definition);
  if (free_.empty()) {
    free_.reserve(1);
    families_.emplace_back();
    free_.push_back(size() - 1);
  }
  const std::uint32_t family = free_.back();
  std::size_t taken = 0;
  try {
    for (; taken < names.size(); ++taken) names_[names[taken]] = family;
  } catch (...) {
    while (taken > 0) names_.erase(names[--taken]);
    throw;
  }
  free_.pop_back();
  families_[family].definition = std::move(made);
  ++count_;
  return family;
}

FamilyTable::Part& FamilyTable::part_of(State& state, std::uint32_t uid) {
  const auto known = std::ranges::find(state.parts, uid, &Part::uid);
  if (known != state.parts.end()) return *known;
  std::uint32_t& parts = parts_of_[account_of(accounts_, uid)];
  Part& part = state.parts.emplace_back(Part{uid, 0, 0});
  ++parts;
  return part;
}

void FamilyTable::drop_if_empty(State& state, std::uint32_t uid) {
  const auto known = std::ranges::find(state.parts, uid, &Part::uid);
  if (known == state.parts.end() || known->uses != 0 || known->rows != 0) return;
  state.parts.erase(known);
  const auto counted = parts_of_.find(account_of(accounts_, uid));
  if (--counted->second == 0) parts_of_.erase(counted);
}

bool FamilyTable::may_replace(const State& state, std::uint32_t uid) const {
  return std::ranges::all_of(
      state.parts, [uid](const Part& part) { return part.uid == uid || outranks(uid, part.uid); });
}

// A user's own older program keeps its definition for as long as it lives.
bool FamilyTable::yields_now(const State& state) const {
  return std::ranges::any_of(state.challengers, [&](const Challenger& challenger) {
    return std::ranges::all_of(state.parts, [&](const Part& part) {
      if (outranks(challenger.uid, part.uid)) return true;
      return part.uid == challenger.uid && part.uses == 0;
    });
  });
}

void FamilyTable::free_names(std::uint32_t family) {
  for (const std::string& name : sample_names(*families_[family].definition)) {
    const auto held = names_.find(name);
    if (held != names_.end() && held->second == family) names_.erase(held);
  }
  --count_;
}

// The one of the definition's own name first; none twice.
std::vector<std::uint32_t> FamilyTable::holders_of(const std::vector<std::string>& names) const {
  std::vector<std::uint32_t> holders;
  for (const std::string& name : names) {
    const auto held = names_.find(name);
    if (held == names_.end()) continue;
    if (std::ranges::find(holders, held->second) == holders.end()) holders.push_back(held->second);
  }
  return holders;
}

}  // namespace notch::agent
