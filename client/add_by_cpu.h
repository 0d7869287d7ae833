// The add where the kernel keeps no concurrency ids (Linux 4.18 to 6.2): to the column of the
// processor that the thread runs on. The section of cell.h finds a null column there and calls the
// library, which has this section of its own. So newer kernels' section is no slower for it.
// Called by: abi.cc.
//
// Invariants
//   AD1  A thread in the section is alone on its processor: the kernel restarts the section when
//        it is preempted, migrated or signalled. CE2 to CE5 of cell.h hold here too.
//   AD2  A processor without an entry in the table counts in column 0.
#pragma once

#include <cstdint>

namespace notch::client {

// False if there is no column for this processor, and nothing was added.
// REQUIRES: counts_by_cpu().
bool add_by_cpu(std::uint64_t offset, std::uint64_t amount) noexcept;
bool add_by_cpu(std::uint64_t offset, double amount) noexcept;

}  // namespace notch::client
