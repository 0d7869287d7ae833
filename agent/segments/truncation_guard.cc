#include "agent/segments/truncation_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "shm/memory_order.h"

namespace notch::agent {

// A guarded range; begin 0: free. The owner writes begin and end, the handler only `truncated`.
struct GuardSlot {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uint32_t truncated = 0;
};

namespace {

struct GuardBlock {
  std::array<GuardSlot, 256> slots;
  std::uintptr_t next = 0;  // a GuardBlock*, 0 at the end
};

// Process-wide, since a signal's action is: a handler is given nothing else to find its state by.
// Later blocks are never freed (TG4).
GuardBlock& first_block() noexcept {
  static GuardBlock block;
  return block;
}

GuardBlock* block_after(const GuardBlock& block) noexcept {
  // [tag: guard-block] A block found here is whole.
  return reinterpret_cast<GuardBlock*>(shm::observe(block.next));
}

GuardSlot& free_slot() {
  for (GuardBlock* block = &first_block();; block = block_after(*block)) {
    for (GuardSlot& slot : block->slots) {
      if (shm::read_alone(slot.begin) == 0) return slot;
    }
    if (block_after(*block) == nullptr) {
      // [tag: guard-block] Publishes the block's empty slots; else the handler could take what
      // stood in that memory for a range.
      shm::publish(block->next, reinterpret_cast<std::uintptr_t>(new GuardBlock));
    }
  }
}

GuardSlot* slot_around(std::uintptr_t address) noexcept {
  for (GuardBlock* block = &first_block(); block != nullptr; block = block_after(*block)) {
    for (GuardSlot& slot : block->slots) {
      // [tag: guard-slot] A slot with a begin has its end.
      const std::uintptr_t begin = shm::observe(slot.begin);
      if (begin != 0 && address >= begin && address < shm::read_alone(slot.end)) return &slot;
    }
  }
  return nullptr;
}

// TG1: true if the access may be tried again.
bool put_zeros(std::uintptr_t fault) noexcept {
  GuardSlot* slot = slot_around(fault);
  if (slot == nullptr) return false;
  const std::uintptr_t page = fault - fault % static_cast<std::uintptr_t>(getpagesize());
  const std::size_t bytes = shm::read_alone(slot->end) - page;
  void* zeros = ::mmap(reinterpret_cast<void*>(page), bytes, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return false;
  shm::write_alone(slot->truncated, std::uint32_t{1});
  return true;
}

void on_bus_error(int signal, siginfo_t* info, void*) {
  const int saved_errno = errno;
  const bool cut_off = info->si_code == BUS_ADRERR;
  if (!cut_off || !put_zeros(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    // TG2. Blocked while this runs, so it strikes on return.
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
  errno = saved_errno;
}

}  // namespace

bool install_truncation_handler() noexcept {
  first_block();  // made before the handler may ask for it
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

TruncationGuard::TruncationGuard(const void* begin, std::size_t bytes) : slot_(&free_slot()) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  shm::write_alone(slot_->end, address + bytes);
  shm::write_alone(slot_->truncated, std::uint32_t{0});
  // [tag: guard-slot] Publishes the end; else the handler could judge an address by this begin and
  // the end of the range before.
  shm::publish(slot_->begin, address);
}

TruncationGuard::TruncationGuard(TruncationGuard&& other) noexcept
    : slot_(std::exchange(other.slot_, nullptr)) {}

TruncationGuard& TruncationGuard::operator=(TruncationGuard&& other) noexcept {
  if (this != &other) {
    release();
    slot_ = std::exchange(other.slot_, nullptr);
  }
  return *this;
}

TruncationGuard::~TruncationGuard() {
  release();
}

void TruncationGuard::release() noexcept {
  // [tag: guard-slot] No begin: the handler passes the slot over.
  if (slot_ != nullptr) shm::publish(slot_->begin, std::uintptr_t{0});
  slot_ = nullptr;
}

bool TruncationGuard::truncated() const noexcept {
  return slot_ != nullptr && shm::read_alone(slot_->truncated) != 0;
}

}  // namespace notch::agent
