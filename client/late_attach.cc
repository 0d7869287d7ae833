#include "client/late_attach.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/counting_mode.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

namespace notch::client {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;

std::uint64_t coarse_now_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * kSecondNs +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

void RetryClock::failed() noexcept {
  wait_ns_ = wait_after(wait_ns_);
  shm::write_alone(next_ns_, coarse_now_ns() + wait_ns_);
}

bool RetryClock::is_due() const noexcept {
  return coarse_now_ns() >= shm::read_alone(next_ns_);
}

void end_sections() noexcept {
  if (!counts_by_rseq()) return;
  const shm::KeepErrno keep;
  syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
  syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
}

bool commit_columns_of(const shm::Segment& from, shm::Segment& to) noexcept {
  for (std::uint32_t column = 0; column < from.column_capacity; ++column) {
    if (shm::column_in_use(from, column) && !shm::column_in_use(to, column) &&
        !shm::commit_column(to, column)) {
      return false;
    }
  }
  return true;
}

void copy_counts(const shm::Segment& from, shm::Segment& to, std::uint64_t cells) noexcept {
  for (std::uint32_t column = 0; column < from.column_capacity; ++column) {
    if (!shm::column_in_use(from, column)) continue;
    const auto* const old = reinterpret_cast<const std::uint64_t*>(from.column(column));
    auto* const now = reinterpret_cast<std::uint64_t*>(to.column(column));
    for (std::uint64_t cell = 0; cell < cells; ++cell)
      shm::write_alone(now[cell], shm::read_alone(old[cell]));
  }
  for (std::size_t reason = 0; reason < shm::kDropReasons; ++reason) {
    shm::write_alone(to.header().drops[reason], shm::read_alone(from.header().drops[reason]));
  }
}

}  // namespace notch::client
