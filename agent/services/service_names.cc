#include "agent/services/service_names.h"

namespace notch::agent {

const std::string& ServiceNames::shown(std::uint32_t uid, std::string_view service) {
  const auto known = user_of_.find(service);
  if (known != user_of_.end()) return known->first;
  const std::uint32_t account = account_of(accounts_, uid);
  const auto of_user = of_user_.find(account);
  if (user_of_.size() >= most_ || (of_user != of_user_.end() && of_user->second >= most_of_user_)) {
    return kOthers;
  }
  ++of_user_[account];
  return user_of_.emplace(service, account).first->first;
}

std::uint32_t ServiceNames::forget(const std::string& service) {
  const auto known = user_of_.find(service);
  if (known == user_of_.end()) return 0;
  const std::uint32_t uid = known->second;
  const auto of_user = of_user_.find(uid);
  if (--of_user->second == 0) of_user_.erase(of_user);
  user_of_.erase(known);
  return uid;
}

void ServiceNames::rename(std::span<const ServiceRename> renames) {
  for (const ServiceRename& rename : renames) {
    if (rename.to.empty()) forget(rename.from);
  }
  rename_keys(renames, user_of_);
}

}  // namespace notch::agent
