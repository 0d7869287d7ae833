// Services that are gone but whose rows are still shown, and whose turn it is to be forgotten.
// Called by: kernel_figures.
//
// Invariants
//   GS1  At most kMost. When there are more, the user who brought in most of them loses the one
//        that is longest gone: what one user invents costs no other's rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/services/service_rename.h"

namespace notch::agent {

class GoneServices {
 public:
  static constexpr std::size_t kMost = 256;

  explicit GoneServices(std::uint64_t retention_s) : retention_s_(retention_s) {}

  void add(const std::string& service, std::uint32_t uid, std::uint64_t now_s);

  // It is there again.
  void remove(std::string_view service);

  void rename(std::span<const ServiceRename> renames);

  // Those that are to be shown no more; they are not in it afterwards.
  std::vector<std::string> take_expired(std::uint64_t now_s);

 private:
  struct Gone {
    std::string service;
    std::uint32_t uid;
    std::uint64_t since_s;
  };

  std::vector<Gone>::iterator longest_of_most();

  const std::uint64_t retention_s_;  // 0: for ever
  std::vector<Gone> gone_;           // the longest gone first
};

}  // namespace notch::agent
