// A range of address space that is taken once and made usable piece by piece, so that pointers into it
// stay valid. Called by: segment_file, and the client's private memory.
//
// Invariants
//   RV1  The whole range is PROT_NONE until commit(): a process under mlockall(MCL_FUTURE)
//        locks only what is in use.
//   RV2  Nothing here allocates from the heap, throws or changes errno; all is async-signal-safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace notch::shm {

class Reservation {
 public:
  // Takes `bytes` of private anonymous address space. False if there is none (RLIMIT_AS).
  bool reserve(std::uint64_t bytes) noexcept;

  // The same at this address, all of it usable. False if anything is there already.
  bool map_at(std::byte* base, std::uint64_t bytes) noexcept;

  // The same in place of what is there, in one step.
  bool map_over(std::byte* base, std::uint64_t bytes) noexcept;

  // Takes over a mapping made elsewhere, `shared` if a store may need memory of a file system.
  void adopt(std::byte* base, std::uint64_t bytes, bool shared) noexcept;

  // Makes [offset, offset + bytes), both multiples of the page size, readable and writable. In a
  // shared mapping the pages have memory when this returns true: a store cannot raise SIGBUS. False,
  // with nothing changed that matters, if there is no memory or the file system is full.
  // REQUIRES: nothing was written there yet.
  bool commit(std::uint64_t offset, std::uint64_t bytes) noexcept;

  // Gives back what lies behind the first `bytes`, a multiple of the page size.
  void keep(std::uint64_t bytes) noexcept;

  void release() noexcept;

  std::byte* base() const noexcept { return base_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::byte* base_ = nullptr;
  std::uint64_t bytes_ = 0;
  bool shared_ = false;
};

constexpr std::uint64_t round_to_page(std::uint64_t bytes) noexcept {
  return (bytes + 4095) & ~std::uint64_t{4095};
}

}  // namespace notch::shm
