#include "client/private_memory.h"

#include "client/process.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kStep = 256 * 1024;

}  // namespace

bool PrivateMemory::prepare(std::uint64_t bytes) noexcept {
  return memory_.reserve(bytes) && ready(1);
}

bool PrivateMemory::ready(std::uint64_t bytes) noexcept {
  if (bytes > memory_.bytes() || used_ > memory_.bytes() - bytes) return false;
  const std::uint64_t end = used_ + bytes;
  if (end <= committed_) return true;
  if (sealed()) return false;
  std::uint64_t wanted = (end + kStep - 1) / kStep * kStep;
  if (wanted > memory_.bytes()) wanted = memory_.bytes();
  if (!memory_.commit(committed_, wanted - committed_)) return false;
  committed_ = wanted;
  return true;
}

void* PrivateMemory::take(std::uint64_t bytes) noexcept {
  const std::uint64_t rounded = (bytes + 7) & ~std::uint64_t{7};
  if (!ready(rounded)) return nullptr;
  void* const block = memory_.base() + used_;
  used_ += rounded;
  return block;
}

}  // namespace notch::client
