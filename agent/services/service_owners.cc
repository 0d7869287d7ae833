#include "agent/services/service_owners.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "agent/services/service_label.h"

namespace notch::agent {
namespace {

// `NAME@UID`, if the name is one: the number as it is printed, and something before it.
struct SuffixedName {
  std::string_view name;
  std::uint32_t uid = 0;
};

std::optional<SuffixedName> parse_suffix(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const std::string_view digits = text.substr(at + 1);
  if (digits.empty() || (digits.front() == '0' && digits.size() > 1)) return std::nullopt;
  SuffixedName parsed = {text.substr(0, at), 0};
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, parsed.uid);
  if (error != std::errc() || stop != end) return std::nullopt;
  return parsed;
}

bool is_key(const LineageKey& key) {
  return std::ranges::any_of(key, [](std::uint8_t byte) { return byte != 0; });
}

}  // namespace

bool is_name_for_all(std::string_view name) {
  return name != ServiceNames::kOthers && !parse_suffix(name);
}

const char* name_change_name(NameChange change) noexcept {
  switch (change) {
    case NameChange::kNone:
      return "none";
    case NameChange::kTaken:
      return "taken";
    case NameChange::kOtherUsers:
      return "other_users";
    case NameChange::kTooMany:
      return "too_many";
    case NameChange::kDisplaced:
      return "displaced";
  }
  return "unknown";
}

std::optional<std::uint32_t> ServiceOwners::named_owner(std::string_view name) const {
  const auto found = std::ranges::find(options_.named, name, &NamedOwner::service);
  return found == options_.named.end() ? std::nullopt : std::optional(found->uid);
}

std::uint32_t ServiceOwners::rank(const OwnedService& service) const {
  if (named_owner(service.name_) == service.owner_uid_) return 3;
  if (service.owner_uid_ == 0) return 2;
  return service.owner_uid_ < kFirstOrdinaryUid ? 1 : 0;
}

OwnedService* ServiceOwners::find(std::string_view name, std::uint32_t uid) {
  const auto services = by_name_.find(name);
  if (services == by_name_.end()) return nullptr;
  const auto found = std::ranges::find(services->second, uid,
                                       [](const auto& service) { return service->owner_uid_; });
  return found == services->second.end() ? nullptr : found->get();
}

// A key in several is of the one with the highest rank.
OwnedService* ServiceOwners::find_by_key(std::string_view name, const LineageKey& key) {
  const auto services = by_name_.find(name);
  if (services == by_name_.end() || !is_key(key)) return nullptr;
  OwnedService* best = nullptr;
  for (const auto& service : services->second) {
    if (!service->keys_.contains(key)) continue;
    if (best == nullptr || rank(*service) > rank(*best)) best = service.get();
  }
  return best;
}

// The one it joins of those that are there.
OwnedService* ServiceOwners::find_for(std::string_view name, const ServiceClaim& claim) {
  OwnedService* const own = find(name, claim.uid);
  // Root needs no key to be let in, and his own service is where nobody else gets by one.
  if (claim.uid == 0 && own != nullptr) return own;
  if (OwnedService* const kin = find_by_key(name, claim.key)) return kin;
  return own;
}

OwnedService& ServiceOwners::join(const ServiceClaim& claim, NameChange& change) {
  std::string_view name = claim.name;
  std::uint32_t uid = claim.uid;
  OwnedService* service = nullptr;
  if (const auto suffixed = parse_suffix(name)) {
    OwnedService* const meant = find(suffixed->name, suffixed->uid);
    const bool is_kin = meant != nullptr && is_key(claim.key) && meant->keys_.contains(claim.key);
    if (claim.uid == suffixed->uid || is_kin || (meant != nullptr && claim.uid == 0)) {
      name = suffixed->name;
      uid = suffixed->uid;
      service = meant;
    }
  }
  if (service == nullptr && uid == claim.uid) service = find_for(name, claim);
  if (service == nullptr && claim.uid == 0) {
    if (uid == 0) uid = named_owner(name).value_or(0);
    service = find(name, uid);
  }
  const bool is_too_many = service == nullptr && is_full(uid);
  if (is_too_many) {
    service = find(ServiceNames::kOthers, uid);
    name = ServiceNames::kOthers;
  }
  if (service == nullptr) service = &add(name, uid);
  ++service->living_;
  add_key(*service, claim);
  change = service->shown_ == claim.name  ? NameChange::kNone
           : is_too_many                  ? NameChange::kTooMany
           : parse_suffix(service->name_) ? NameChange::kOtherUsers
           : service->name_ == claim.name ? NameChange::kTaken
                                          : NameChange::kNone;  // his own name, shorter
  return *service;
}

bool ServiceOwners::is_full(std::uint32_t uid) const {
  const auto of_user = of_user_.find(account_of(options_.accounts, uid));
  return count_ >= options_.most ||
         (of_user != of_user_.end() && of_user->second >= options_.most_of_user);
}

OwnedService& ServiceOwners::add(std::string_view name, std::uint32_t uid) {
  Services& services = by_name_[std::string(name)];
  OwnedService& added = *services.emplace_back(std::make_unique<OwnedService>());
  added.name_ = name;
  added.owner_uid_ = uid;
  added.place_ = next_place_++;
  if (name != ServiceNames::kOthers) {
    ++of_user_[account_of(options_.accounts, uid)];
    ++count_;
  }
  elect(services);
  if (!added.holds_) record(added, {});
  return added;
}

void ServiceOwners::add_key(OwnedService& service, const ServiceClaim& claim) {
  if (!is_key(claim.key)) return;
  OwnedService::KeyUse& use = service.keys_[claim.key];
  if (use.living++ == 0) std::erase(service.idle_, claim.key);
  // Those of the owner bring their keys again after a restart of the agent; this one may be alone.
  const bool needs_key = claim.uid != service.owner_uid_ && claim.uid != 0;
  if (needs_key && !std::exchange(use.recorded, true)) record(service, {claim.key});
}

void ServiceOwners::leave(OwnedService& service, const LineageKey& key, std::uint64_t now_s) {
  --service.living_;
  service.last_living_s_ = now_s;
  const auto use = service.keys_.find(key);
  if (use == service.keys_.end() || --use->second.living != 0) return;
  service.idle_.push_back(key);
  while (service.idle_.size() > kMostIdleKeys) {
    service.keys_.erase(service.idle_.front());
    service.idle_.pop_front();
  }
}

// OW2.
void ServiceOwners::elect(Services& services) {
  if (services.empty()) return;
  OwnedService* best = nullptr;
  const auto named = named_owner(services.front()->name_);
  for (const auto& service : services) {
    if (!is_name_for_all(service->name_)) break;
    if (named && service->owner_uid_ != *named) continue;
    if (best == nullptr || rank(*service) > rank(*best)) best = service.get();
  }
  for (const auto& service : services) show(*service, service.get() == best);
}

void ServiceOwners::show(OwnedService& service, bool holds) {
  const bool begins_to_hold = holds && !service.holds_;
  service.holds_ = holds;
  service.shown_ = holds ? service.name_ : suffixed_name(service.name_, service.owner_uid_);
  names_changed_ = names_changed_ || service.shown_ != service.told_;
  if (begins_to_hold) record(service, {});
}

void ServiceOwners::record(const OwnedService& service, std::vector<LineageKey> keys) {
  records_.push_back({service.name_, service.owner_uid_, service.holds_, std::move(keys)});
}

void ServiceOwners::restore(std::span<const ServiceRecord> records, std::uint64_t now_s) {
  for (const ServiceRecord& record : records) {
    Services& services = by_name_[record.name];
    OwnedService& added = *services.emplace_back(std::make_unique<OwnedService>());
    added.name_ = record.name;
    added.owner_uid_ = record.owner_uid;
    added.place_ = next_place_++;
    added.last_living_s_ = now_s;
    added.holds_ = record.holds;
    added.shown_ = record.holds ? record.name : suffixed_name(record.name, record.owner_uid);
    added.told_ = added.shown_;
    for (const LineageKey& key : record.keys) {
      if (!is_key(key) || !added.keys_.try_emplace(key, OwnedService::KeyUse{0, true}).second) {
        continue;
      }
      added.idle_.push_back(key);
    }
    if (record.name == ServiceNames::kOthers) continue;
    ++of_user_[account_of(options_.accounts, record.owner_uid)];
    ++count_;
  }
  for (auto& [name, services] : by_name_) elect(services);
}

bool ServiceOwners::any_idle(std::uint64_t now_s, std::uint64_t retention_s) const {
  return std::ranges::any_of(by_name_, [&](const auto& of_name) {
    return std::ranges::any_of(of_name.second, [&](const auto& service) {
      return service->living_ == 0 && service->last_living_s_ + retention_s <= now_s;
    });
  });
}

void ServiceOwners::retire(std::uint64_t now_s, std::uint64_t retention_s,
                           const std::function<bool(const std::string&)>& in_use) {
  for (auto of_name = by_name_.begin(); of_name != by_name_.end();) {
    Services& services = of_name->second;
    const std::size_t before = services.size();
    std::erase_if(services, [&](const auto& service) {
      if (service->living_ != 0 || service->last_living_s_ + retention_s > now_s ||
          in_use(service->shown_)) {
        return false;
      }
      gone_.push_back({service->told_, ""});
      names_changed_ = true;
      if (service->name_ == ServiceNames::kOthers) return true;
      const auto of_user = of_user_.find(account_of(options_.accounts, service->owner_uid_));
      if (--of_user->second == 0) of_user_.erase(of_user);
      --count_;
      return true;
    });
    if (services.size() != before) elect(services);
    of_name = services.empty() ? by_name_.erase(of_name) : std::next(of_name);
  }
}

std::vector<ServiceRename> ServiceOwners::take_renames() {
  if (!std::exchange(names_changed_, false)) return {};
  std::vector<ServiceRename> renames = std::exchange(gone_, {});
  for (const auto& [name, services] : by_name_) {
    for (const auto& service : services) {
      std::string told = std::exchange(service->told_, service->shown_);
      if (!told.empty() && told != service->shown_) {
        renames.push_back({std::move(told), service->shown_});
      }
    }
  }
  return renames;
}

std::vector<ServiceRecord> ServiceOwners::take_records() {
  return std::exchange(records_, {});
}

std::vector<ServiceRecord> ServiceOwners::records() const {
  std::vector<const OwnedService*> in_order;
  for (const auto& [name, services] : by_name_) {
    for (const auto& service : services) in_order.push_back(service.get());
  }
  std::ranges::sort(in_order, {}, [](const OwnedService* service) { return service->place_; });
  std::vector<ServiceRecord> records;
  for (const OwnedService* const service : in_order) {
    ServiceRecord& record = records.emplace_back();
    record = {service->name_, service->owner_uid_, service->holds_, {}};
    record.keys.assign(service->idle_.begin(), service->idle_.end());
    for (const auto& [key, use] : service->keys_) {
      if (use.living != 0 && use.recorded) record.keys.push_back(key);
    }
  }
  return records;
}

}  // namespace notch::agent
