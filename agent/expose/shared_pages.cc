#include "agent/expose/shared_pages.h"

namespace notch::agent {
namespace {

constexpr std::chrono::seconds kSharedFor{1};

}  // namespace

// Keeps SHP1.
std::shared_ptr<const SentPage> SharedPages::find(const std::string& key, Clock::time_point now) {
  std::erase_if(shared_, [](const auto& entry) { return entry.second.page.expired(); });
  const auto found = shared_.find(key);
  if (found == shared_.end() || now - found->second.made >= kSharedFor) return nullptr;
  return found->second.page.lock();
}

std::shared_ptr<const SentPage> SharedPages::keep(const std::string& key, Body body,
                                                  std::string content_encoding,
                                                  Clock::time_point now) {
  auto sent = std::make_shared<SentPage>(held_bytes_);
  sent->body = std::move(body);
  sent->content_encoding = std::move(content_encoding);
  sent->counted_bytes = sent->body.size();
  *held_bytes_ += sent->counted_bytes;  // SHP2: the page itself takes it away
  shared_[key] = {sent, now};
  return sent;
}

}  // namespace notch::agent
