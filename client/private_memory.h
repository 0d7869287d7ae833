// Memory that lasts as long as the process and is never given back: tables that handles point to.
// Called by: registry, series_index, catalogue, under the lock; process makes the first block.
//
// Invariants
//   PI1  The first block is part of the process's one mapping, and all of it is usable. Further blocks
//        are made when they are needed.
//   PI2  A forked child that finds a block half filled does not use the rest of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace notch::client {

// A bump allocator.
class PrivateMemory {
 public:
  // Starts over with the first block, which is zeroed memory.
  void start(std::byte* base, std::uint64_t bytes) noexcept;

  // Zeroed, aligned to 8; null if there is none left, or none without a system call after seal().
  void* take(std::uint64_t bytes) noexcept;

  // Makes sure that the next `bytes` need no system call.
  bool ready(std::uint64_t bytes) noexcept;

 private:
  // Stands at the start of its memory.
  struct Block {
    std::uint64_t bytes;
    std::uint64_t used;
    std::uint64_t committed;
  };

  bool commit(Block& block, std::uint64_t end) noexcept;
  Block* make_block(std::uint64_t bytes) noexcept;

  Block* current_ = nullptr;
  std::uint64_t total_bytes_ = 0;
};

PrivateMemory& private_memory() noexcept;

}  // namespace notch::client
