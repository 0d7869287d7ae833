#include "client/exemplar_ring.h"

#include <time.h>

#include <bit>
#include <cstring>

#include "shm/memory_order.h"

namespace notch::client {

bool write_exemplar(std::byte* segment, std::uint32_t cell, double value,
                    const notch_exemplar& exemplar) noexcept {
  auto& header = *reinterpret_cast<shm::SegmentHeader*>(segment);
  const std::uint64_t number = shm::add_alone(header.exemplar_next, std::uint64_t{1});
  auto* const slots = reinterpret_cast<shm::ExemplarSlot*>(segment + header.exemplar_offset);
  shm::ExemplarSlot& slot = slots[number % shm::kExemplarSlots];

  const std::uint64_t sequence = shm::read_alone(slot.sequence);
  // [tag: exemplar-written] The slot's last writer is done with its words.
  if ((sequence & 1) != 0 || !shm::exchange_if(slot.sequence, sequence, sequence + 1)) return false;
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  std::uint64_t ids[3];
  std::memcpy(ids, exemplar.trace_id, 16);
  std::memcpy(ids + 2, exemplar.span_id, 8);
  auto* const words = reinterpret_cast<std::uint64_t*>(&slot);
  const std::uint64_t seconds = static_cast<std::uint64_t>(now.tv_sec);
  // [tag: exemplar-words] Publishes, with each word, the odd sequence; else a reader could take a word
  // of this exemplar, still find the old sequence when it looks again, and believe a mixture of two.
  // That is easier to reason about than a fence, and TSan knows it.
  shm::publish(words[1], std::uint64_t{cell});                  // [tag: exemplar-words]
  shm::publish(words[2], std::bit_cast<std::uint64_t>(value));  // [tag: exemplar-words]
  // [tag: exemplar-words]
  shm::publish(words[3], seconds * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec));
  for (int i = 0; i < 3; ++i) shm::publish(words[4 + i], ids[i]);  // [tag: exemplar-words]
  // [tag: exemplar-written] Publishes the six words; else a reader that finds the new sequence
  // could read a word of the exemplar before.
  shm::publish(slot.sequence, sequence + 2);
  return true;
}

}  // namespace notch::client
