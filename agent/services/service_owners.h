// Decides whose a service's name is. Programs choose the name of their service; without a rule any user
// could add to any other's sums. Values in, names out: knows no files.
// Called by: collect, for every segment it takes and lets go.
//
// A service is one name of one owner, a uid. It is shown under its name if it holds it, else under
// `NAME@UID`.
//
// Invariants
//   OW1  A service is joined by segments of its owner's uid, and by those with a lineage key that
//        is in it already (whatever their uid, which lets nobody else in). Root joins a service
//        whose owner the administrator named.
//   OW2  A name whose owner the administrator named is held by his service alone. Of any other the
//        service of the highest rank holds it, among equals the first: root, system users, ordinary
//        users. So it depends on the order of arrival among equals alone.
//   OW3  A name that ends in `@UID` is that user's alone: it means his service of the name before
//        it. Nobody else's is ever shown under it. No two services are shown under one name.
//   OW4  A user has at most `most_of_user` services, all users `most`; what is past either is in
//        the user's service `(others)@UID`.
//   OW5  Keys come from segments that joined alone. A service knows those of its living, and of the
//        dead the last kMostIdleKeys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/services/service_names.h"
#include "agent/services/service_record.h"
#include "agent/services/service_rename.h"

namespace notch::agent {

// A segment's own claims, and the uid of its file.
struct ServiceClaim {
  std::string_view name;
  std::uint32_t uid = 0;
  LineageKey key{};
};

// By the administrator.
struct NamedOwner {
  std::string service;
  std::uint32_t uid = 0;
};

struct ServiceOwnerOptions {
  std::vector<NamedOwner> named;  // one of each service
  std::size_t most_of_user = ServiceNames::kMostOfUser;
  std::size_t most = ServiceNames::kMost;
  Accounts* accounts = nullptr;
};

// Whether a service may be shown under this name without its owner's uid behind it. Not so one
// that ends in `@UID`, or is the agent's own.
bool is_name_for_all(std::string_view name);

class OwnedService {
 public:
  const std::string& name() const noexcept { return name_; }
  std::uint32_t owner_uid() const noexcept { return owner_uid_; }
  // Right once take_renames() was asked after the last join() or retire().
  const std::string& shown() const noexcept { return shown_; }

 private:
  friend class ServiceOwners;
  struct KeyUse {
    std::uint32_t living = 0;
    bool recorded = false;  // a ServiceRecord had it: somebody is in by this key alone
  };

  std::string name_;
  std::string shown_;
  std::string told_;  // what take_renames() left it under; empty: it is new
  std::uint32_t owner_uid_ = 0;
  std::uint64_t place_ = 0;  // in the order of arrival
  std::uint32_t living_ = 0;
  std::uint64_t last_living_s_ = 0;
  bool holds_ = false;
  std::map<LineageKey, KeyUse> keys_;
  std::deque<LineageKey> idle_;  // keys without a living segment, the longest idle first
};

class ServiceOwners {
 public:
  static constexpr std::size_t kMostIdleKeys = 64;

  explicit ServiceOwners(ServiceOwnerOptions options) : options_(std::move(options)) {}

  // Takes the ledger's services, in its order. The administrator may have changed the options since:
  // take_renames() gives the changes that follow. REQUIRES: nothing joined yet.
  void restore(std::span<const ServiceRecord> records, std::uint64_t now_s);

  // The service a segment belongs to, valid until it left and retire() dropped it. `change`: how
  // its name differs from the one asked for. Cost: a look-up for each service of that name.
  OwnedService& join(const ServiceClaim& claim, NameChange& change);
  void leave(OwnedService& service, const LineageKey& key, std::uint64_t now_s);

  // Drops services that nobody living was in for `retention_s`, unless `in_use` says that rows have
  // the name.
  void retire(std::uint64_t now_s, std::uint64_t retention_s,
              const std::function<bool(const std::string&)>& in_use);
  // Whether retire() has something to ask.
  bool any_idle(std::uint64_t now_s, std::uint64_t retention_s) const;

  // The renames since the last call. All of them are in force at once. Cost: one pass over the services,
  // if there are renames.
  std::vector<ServiceRename> take_renames();
  std::vector<ServiceRecord> take_records();

  // All, in the order of arrival, with the keys that no living segment of the owner may bring
  // again.
  std::vector<ServiceRecord> records() const;

  std::size_t size() const noexcept { return count_; }

 private:
  // Those of one name, in the order of arrival.
  using Services = std::vector<std::unique_ptr<OwnedService>>;

  std::optional<std::uint32_t> named_owner(std::string_view name) const;
  OwnedService* find(std::string_view name, std::uint32_t uid);
  OwnedService* find_by_key(std::string_view name, const LineageKey& key);
  OwnedService* find_for(std::string_view name, const ServiceClaim& claim);
  OwnedService& add(std::string_view name, std::uint32_t uid);
  bool is_full(std::uint32_t uid) const;
  void add_key(OwnedService& service, const ServiceClaim& claim);
  std::uint32_t rank(const OwnedService& service) const;
  void elect(Services& services);
  void show(OwnedService& service, bool holds);
  void record(const OwnedService& service, std::vector<LineageKey> keys);

  const ServiceOwnerOptions options_;
  std::map<std::string, Services, std::less<>> by_name_;
  std::map<std::uint32_t, std::size_t> of_user_;  // by account
  std::size_t count_ = 0;
  std::uint64_t next_place_ = 0;
  bool names_changed_ = false;
  std::vector<ServiceRename> gone_;
  std::vector<ServiceRecord> records_;
};

}  // namespace notch::agent
