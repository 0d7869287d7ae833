// Which services have rows of their own among figures that are kept by service. The names are the
// programs' choice: what a user invents must not take the rows of the others'.
// Called by: collect (how processes ended), process_figures, kernel_figures.
//
// Invariants
//   SN1  A user brings in at most `most_of_user` names, all users `most`. Past either a service
//        counts under kOthers.
//   SN2  A name that is in stays so until forget(), whoever uses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "agent/files/accounts.h"
#include "agent/services/service_rename.h"

namespace notch::agent {

class ServiceNames {
 public:
  static constexpr std::size_t kMostOfUser = 1000;
  static constexpr std::size_t kMost = 10'000;
  static inline const std::string kOthers = "(others)";

  explicit ServiceNames(std::size_t most_of_user = kMostOfUser, std::size_t most = kMost,
                        Accounts* accounts = nullptr)
      : most_of_user_(most_of_user), most_(most), accounts_(accounts) {}

  // The name under which a process of that user and service counts. Valid until forget() of it.
  const std::string& shown(std::uint32_t uid, std::string_view service);

  // Gives the account of the user who brought it in; 0 if nobody did.
  std::uint32_t forget(const std::string& service);

  // Names that are in stay so under others, of the user who brought them in.
  void rename(std::span<const ServiceRename> renames);

 private:
  const std::size_t most_of_user_;
  const std::size_t most_;
  Accounts* const accounts_;
  std::map<std::string, std::uint32_t, std::less<>> user_of_;  // whose account brought it in
  std::map<std::uint32_t, std::size_t> of_user_;
};

}  // namespace notch::agent
