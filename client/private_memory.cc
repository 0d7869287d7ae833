#include "client/private_memory.h"

#include "client/seal.h"
#include "shm/layout.h"
#include "shm/reservation.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kStep = 256 * 1024;  // a block becomes usable by this, or by pages
constexpr std::uint64_t kSmallestBlock = 1U << 20;
constexpr std::uint64_t kLargestBlock = 16U << 20;
constexpr std::uint64_t kMostBytes = 64U << 20;

constexpr std::uint64_t round_to(std::uint64_t step, std::uint64_t bytes) noexcept {
  return (bytes + step - 1) / step * step;
}

constinit PrivateMemory the_private_memory;

std::uint64_t step() noexcept {
  return sealed() ? shm::kPageBytes : kStep;
}

}  // namespace

PrivateMemory& private_memory() noexcept {
  return the_private_memory;
}

void PrivateMemory::start(std::byte* base, std::uint64_t bytes) noexcept {
  auto* const block = reinterpret_cast<Block*>(base);
  *block = {bytes, sizeof(Block), bytes};
  total_bytes_ = 0;
  current_ = block;
}

bool PrivateMemory::commit(Block& block, std::uint64_t end) noexcept {
  if (end <= block.committed) return true;
  const std::uint64_t wanted =
      round_to(step(), end) < block.bytes ? round_to(step(), end) : block.bytes;
  shm::Reservation memory;
  memory.adopt(reinterpret_cast<std::byte*>(&block), block.bytes, false);
  if (!may_grow_by_pages() || !memory.commit(block.committed, wanted - block.committed))
    return false;
  block.committed = wanted;
  return true;
}

// A block is at least as large as all before it together, so that there are few.
PrivateMemory::Block* PrivateMemory::make_block(std::uint64_t bytes) noexcept {
  const std::uint64_t needed = round_to(kStep, sizeof(Block) + bytes);
  if (!may_grow_by_pages() || needed > kMostBytes - total_bytes_) return nullptr;
  std::uint64_t size = total_bytes_ < kSmallestBlock ? kSmallestBlock : total_bytes_;
  size = size < kLargestBlock ? size : kLargestBlock;
  size = size < kMostBytes - total_bytes_ ? size : kMostBytes - total_bytes_;
  shm::Reservation memory;
  if (!(needed < size && memory.reserve(size)) && !memory.reserve(needed)) return nullptr;
  const std::uint64_t usable = step();
  if (!memory.commit(0, usable)) {
    memory.release();
    return nullptr;
  }
  auto* const block = reinterpret_cast<Block*>(memory.base());
  *block = {memory.bytes(), sizeof(Block), usable};
  total_bytes_ += memory.bytes();
  return block;
}

bool PrivateMemory::ready(std::uint64_t bytes) noexcept {
  if (bytes > kMostBytes) return false;
  if (bytes <= current_->bytes - current_->used) return commit(*current_, current_->used + bytes);
  Block* const block = make_block(bytes);
  if (block == nullptr) return false;
  current_ = block;  // what the last one has left is lost
  return commit(*block, block->used + bytes);
}

void* PrivateMemory::take(std::uint64_t bytes) noexcept {
  const std::uint64_t rounded = (bytes + 7) & ~std::uint64_t{7};
  if (!ready(rounded)) return nullptr;
  void* const taken = reinterpret_cast<std::byte*>(current_) + current_->used;
  current_->used += rounded;
  return taken;
}

}  // namespace notch::client
