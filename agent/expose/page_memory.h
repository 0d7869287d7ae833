// Memory for pages of any size: mappings that grow without being copied, and spares that are used
// again, because a million fresh rows would spend three quarters of their time in page faults.
// Called by: body.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

namespace notch::agent {

// One private mapping, or none. Movable; growing may move it, which costs no copy.
class PageMemory {
 public:
  PageMemory() = default;
  PageMemory(PageMemory&& other) noexcept;
  PageMemory& operator=(PageMemory&& other) noexcept;
  ~PageMemory();

  char* base() const noexcept { return base_; }
  std::size_t bytes() const noexcept { return bytes_; }

  // At least `bytes` afterwards. Throws std::bad_alloc.
  void grow(std::size_t bytes);

  // Gives what lies behind `bytes` back to the kernel, in whole pages.
  void shrink(std::size_t bytes) noexcept;

 private:
  char* base_ = nullptr;
  std::size_t bytes_ = 0;
};

// The memory of the two largest pages served lately, kept between scrapes. Thread-safe. Owned
// through a shared_ptr, as pages being sent may outlive the server's other parts.
class SpareMemory {
 public:
  // The largest spare, or empty memory.
  PageMemory take();

  // Keeps `memory`, of which a page used `used_bytes`, dropping the smallest if there are too many.
  void give_back(PageMemory memory, std::size_t used_bytes) noexcept;

 private:
  std::mutex mutex_;
  std::array<PageMemory, 2> spares_;  // guarded by mutex_
};

}  // namespace notch::agent
