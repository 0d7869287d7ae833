#include "client/wiped.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>

#include "client/capacity.h"
#include "client/counting_mode.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"
#include "shm/reservation.h"

namespace notch::client {
namespace {

// At most one part in this many of the address space that a program may take (RLIMIT_AS) is for the
// private memory, and two are for the segment: room for its threads' stacks must stay.
constexpr std::uint64_t kShareOfLimit = 32;

// Wiped, how long the log is, the series' first slots, the tables' first block, the label text, the
// log. Up to the log's first bytes it is usable from the start. What the first definition and its
// series touch lies in as few pages as can be; what is seldom used is far from it.
constexpr std::uint64_t kLengthOffset = shm::round_to_page(sizeof(Wiped));
constexpr std::uint64_t kSeriesSlotsOffset = kLengthOffset + sizeof(std::uint64_t);
constexpr std::uint64_t kTablesOffset =
    kSeriesSlotsOffset + (1 + kFirstSeriesSlots) * sizeof(std::uint64_t);
constexpr std::uint64_t kLogOffset = kLengthOffset + std::uint64_t{176} * 1024;
constexpr std::uint64_t kLabelTextOffset = kLogOffset - kLabelTextBytes;
constexpr std::uint64_t kUsableAtFirst = kLogOffset + kFirstLogBytes;

struct Mapping {
  std::byte* base = nullptr;    // goes once from null to the mapping
  std::uint32_t no_memory = 0;  // 1: the last try found none
};

// A global, because handles are bare numbers and a forked child must find it.
constinit Mapping mapping;

// Several threads may call this at once, and a child may be forked in the middle: the first mapping to
// be published is used.
bool make_mapping() noexcept {
  const std::uint64_t spare = spare_address_space();
  const std::uint64_t most = kLogOffset + kCatalogueBytes;
  std::uint64_t bytes = spare < kUsableAtFirst ? kUsableAtFirst : spare < most ? spare : most;
  bytes = bytes / shm::kPageBytes * shm::kPageBytes;
  shm::Reservation memory;
  if (!memory.reserve(bytes) && !memory.reserve(bytes = kUsableAtFirst)) return false;
  std::byte* const base = memory.base();
  if (!memory.commit(0, kUsableAtFirst) || madvise(base, kLengthOffset, MADV_WIPEONFORK) != 0) {
    memory.release();
    return false;
  }
  // Their pages are written before they are read: a page that is read first takes two faults.
  auto& own = *reinterpret_cast<Wiped*>(base);
  shm::write_alone(own.lock, std::uint64_t{0});
  shm::write_alone(own.columns[NOTCH_SHARED_COLUMN], static_cast<void*>(nullptr));
  *reinterpret_cast<std::uint64_t*>(base + kLengthOffset) = bytes - kLogOffset;
  std::byte* const none = nullptr;
  // [tag: private-memory] Publishes the length of the log; else a thread that finds the memory
  // could read it as zero.
  if (!shm::publish_first(mapping.base, none, base)) memory.release();
  return true;
}

// Without a limit, all.
std::uint64_t share_of_limit(__rlimit_resource resource) noexcept {
  struct rlimit limit {};
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return ~std::uint64_t{0};
  return limit.rlim_cur / kShareOfLimit;
}

}  // namespace

Wiped* wiped() noexcept {
  return reinterpret_cast<Wiped*>(shm::observe(mapping.base));  // [tag: private-memory]
}

shm::Segment* attached_segment() noexcept {
  const Wiped* const own = wiped();
  return own == nullptr ? nullptr : shm::observe(own->segment);  // [tag: attached]
}

bool prepare() noexcept {
  if (is_prepared()) return true;
  find_counting_mode();
  const shm::KeepErrno keep;
  const bool made = make_mapping();
  shm::write_alone(mapping.no_memory, std::uint32_t{made ? 0U : 1U});
  return made;
}

bool is_prepared() noexcept {
  return wiped() != nullptr;
}

bool is_without_memory() noexcept {
  return shm::read_alone(mapping.no_memory) != 0;
}

PrivateParts private_parts() noexcept {
  std::byte* const base = mapping.base;
  return {reinterpret_cast<std::uint64_t*>(base + kSeriesSlotsOffset),
          base + kTablesOffset,
          kLabelTextOffset - kTablesOffset,
          reinterpret_cast<char*>(base + kLabelTextOffset),
          base + kLogOffset,
          *reinterpret_cast<const std::uint64_t*>(base + kLengthOffset)};
}

std::uint64_t spare_address_space() noexcept {
  return share_of_limit(RLIMIT_AS);
}

std::uint64_t spare_private_memory() noexcept {
  return std::min(share_of_limit(RLIMIT_AS), share_of_limit(RLIMIT_DATA));
}

Postponed& postponed() noexcept {
  return wiped()->postponed;
}

}  // namespace notch::client
