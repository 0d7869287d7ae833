// Which services have rows of their own among figures that are kept by service. The names are the
// programs' choice: what a user invents must not take the rows of the others'.
// Called by: collect (how processes ended), process_figures.
//
// Invariants
//   SN1  A user brings in at most kMostOfUser names, all users kMost. Past either a service counts
//        under kOthers.
//   SN2  A name that is in stays so until forget(), whoever uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace notch::agent {

class ServiceNames {
 public:
  static constexpr std::size_t kMostOfUser = 1000;
  static constexpr std::size_t kMost = 10'000;
  static inline const std::string kOthers = "(others)";

  // The name under which a process of that user and service counts. Valid until forget() of it.
  const std::string& shown(std::uint32_t uid, const std::string& service);

  void forget(const std::string& service);

 private:
  std::map<std::string, std::uint32_t> user_of_;  // who brought it in
  std::map<std::uint32_t, std::size_t> of_user_;
};

}  // namespace notch::agent
