// Memory for connection records, a page at a time: taken when the first record of a page is used,
// and never given back. Called by: connection_record.cc, connections.cc.
//
// Bounds, and why
//   The constructor maps kPagesAtOnce pages, enough for a program with some 300 descriptors. Later
//   pages come by as many again, one mmap() each time, inside accept(), connect() or SSL_new(): so
//   a program is charged (RLIMIT_DATA, overcommit, mlockall) for what it uses, and for no more than
//   kPagesAtOnce pages besides.
//
// Invariants
//   RP1  Async-signal-safe, without a lock; errno is left.
//   RP2  No system call once the process is in a sandbox: then there are the pages that there are.
#pragma once

#include <cstddef>
#include <cstdint>

namespace notch::preload {

inline constexpr std::size_t kRecordPageBytes = 4096;
inline constexpr std::size_t kPagesAtOnce = 16;

// A zeroed page; null if there is no memory, or if it would take a system call that may be deadly.
std::byte* take_record_page() noexcept;

// Maps the next pages ahead if there are none left. For the constructor.
void map_record_pages() noexcept;

}  // namespace notch::preload
