// Which modules of the preloaded library are at work. One word, zero until the constructor is done
// and zero for ever if the library is to do nothing. Called by: every wrapper, first thing.
#pragma once

#include <cstdint>

#include "shm/memory_order.h"

namespace notch::preload {

enum Module : std::uint32_t {
  kIo = 1U << 0,
  kNet = 1U << 1,
  kDns = 1U << 2,
  kMalloc = 1U << 3,
  kLocks = 1U << 4,
  kThreads = 1U << 5,
  kHttp = 1U << 6,
  kTls = 1U << 7,
  kMallocLive = 1U << 8,  // live bytes, which ask the allocator at every call
  // Wrappers that serve several: of who needs the kind of a descriptor, and of the library itself.
  kDescriptors = kIo | kNet | kHttp | kTls,
  kConnections = kDescriptors,
  kAlways = ~0U,
};

inline constexpr std::uint32_t kByDefault = kIo | kNet | kDns | kMalloc | kLocks | kThreads | kHttp;

extern std::uint32_t active_modules;  // written by life.cc alone

inline bool is_active(std::uint32_t modules) noexcept {
  return (shm::observe(active_modules) & modules) != 0;  // [tag: active-modules]
}

// The words of NOTCH_PRELOAD, joined by commas, as a mask; null or empty: kByDefault. A word that
// is none of ours is passed over; `unknown`, if given, then points at it.
std::uint32_t modules_of(const char* words, const char** unknown = nullptr) noexcept;

}  // namespace notch::preload
