#include "agent/kernel/gone_services.h"

#include <algorithm>
#include <map>

namespace notch::agent {

void GoneServices::add(const std::string& service, std::uint32_t uid, std::uint64_t now_s) {
  remove(service);
  gone_.push_back({service, uid, now_s});
}

void GoneServices::remove(std::string_view service) {
  std::erase_if(gone_, [&](const Gone& gone) { return gone.service == service; });
}

void GoneServices::rename(std::span<const ServiceRename> renames) {
  for (Gone& gone : gone_) {
    const auto found = std::ranges::find(renames, gone.service, &ServiceRename::from);
    if (found != renames.end() && !found->to.empty()) gone.service = found->to;
  }
}

std::vector<GoneServices::Gone>::iterator GoneServices::longest_of_most() {
  std::map<std::uint32_t, std::size_t> of_user;
  for (const Gone& gone : gone_) ++of_user[gone.uid];
  const auto most =
      std::ranges::max_element(of_user, {}, [](const auto& user) { return user.second; });
  return std::ranges::find(gone_, most->first, &Gone::uid);
}

std::vector<std::string> GoneServices::take_expired(std::uint64_t now_s) {
  std::vector<std::string> expired;
  while (retention_s_ != 0 && !gone_.empty() && now_s - gone_.front().since_s >= retention_s_) {
    expired.push_back(gone_.front().service);
    gone_.erase(gone_.begin());
  }
  while (gone_.size() > kMost) {
    const auto next = longest_of_most();
    expired.push_back(next->service);
    gone_.erase(next);
  }
  return expired;
}

}  // namespace notch::agent
