// The label text of overflow rows: what a family's dead counted past their user's limits.
// Called by: tally.
//
// A user's own is `service="(others)@UID",overflow="true"`: no other user's program is ever shown
// under that service (OW3 of service_owners.h), so nobody else adds to the row. The shared one is
// `overflow="true"` alone: of rows whose user is unknown, of all users once there are as many own
// ones as there may be, and of ledgers from before users had their own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace notch::agent {

inline constexpr std::string_view kSharedOverflow = "overflow=\"true\"";

std::string own_overflow(std::uint32_t uid);

// True for own_overflow() of some user.
bool is_own_overflow(std::string_view labels) noexcept;

// True for both kinds above, but not for the overflow series of a program's own service.
bool is_overflow_of_users(std::string_view labels) noexcept;

// True for any row with the mark as its last label, a program's own too.
bool has_overflow_mark(std::string_view labels) noexcept;

}  // namespace notch::agent
