// The pages that are being sent: found again by what they show, and limited in memory.
// Called by: scrape.
//
// Invariants
//   SHP1  A page is found only while a response with it is alive, and for at most 1 s.
//   SHP2  held_bytes() is the memory of all pages that are alive, whoever has them, and after this is gone too.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "agent/expose/body.h"

namespace notch::agent {

struct SentPage {
  explicit SentPage(std::shared_ptr<std::uint64_t> held) : held_bytes(std::move(held)) {}
  SentPage(const SentPage&) = delete;
  SentPage& operator=(const SentPage&) = delete;
  ~SentPage() { *held_bytes -= counted_bytes; }

  Body body;
  std::string content_encoding;
  std::uint64_t counted_bytes = 0;
  const std::shared_ptr<std::uint64_t> held_bytes;
};

class SharedPages {
 public:
  using Clock = std::chrono::steady_clock;

  // Null if there is none. `key` says all that a page shows, and how.
  std::shared_ptr<const SentPage> find(const std::string& key, Clock::time_point now);
  // To be shared from `now` on, when its numbers were gathered.
  std::shared_ptr<const SentPage> keep(const std::string& key, Body body,
                                       std::string content_encoding, Clock::time_point now);

  std::uint64_t held_bytes() const noexcept { return *held_bytes_; }

 private:
  struct Shared {
    std::weak_ptr<const SentPage> page;
    Clock::time_point made;
  };

  // Shared with the pages, because they may outlive this.
  const std::shared_ptr<std::uint64_t> held_bytes_ = std::make_shared<std::uint64_t>(0);
  std::map<std::string, Shared> shared_;
};

}  // namespace notch::agent
