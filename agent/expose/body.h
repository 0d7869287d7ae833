// The bytes of one page. They grow in place: memory that the kernel extends by moving page tables,
// so a page of a million series is never copied, and stays contiguous, as a one-shot gzip wants it.
// Called by: the exposition writers and gzip_body (BodyWriter), http (Body).
//
// Invariants
//   BO1  A Body never changes; it may be read by any thread and shared by scrapes that overlap.
//   BO2  A pointer from reserve() holds until the next reserve(); a position holds until finish().
#pragma once

#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

#include "agent/expose/page_memory.h"

namespace notch::agent {

class Body {
 public:
  Body() = default;
  Body(Body&& other) noexcept;
  Body& operator=(Body&& other) noexcept;
  ~Body();

  std::string_view bytes() const noexcept { return {memory_.base(), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  friend class BodyWriter;
  PageMemory memory_;
  std::size_t size_ = 0;
  std::shared_ptr<SpareMemory> spare_;  // where memory_ goes at the end; may be null
};

// Fills a Body by a raw cursor: reserve room for the most a line can take, write, commit the end.
// Throws std::bad_alloc when the address space is exhausted, as a std::string would.
class BodyWriter {
 public:
  // Memory comes from `spare` and goes back there when the body ends; null: from the kernel.
  explicit BodyWriter(std::shared_ptr<SpareMemory> spare = nullptr);

  // Where the next byte goes, with room for `bytes` more. Cost: a compare, but for the growth.
  char* reserve(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(end_ - cursor_)) grow(bytes);
    return cursor_;
  }

  // REQUIRES: `end` lies within what the last reserve() gave.
  void commit(char* end) noexcept {
    assert(end >= cursor_ && end <= end_);
    cursor_ = end;
  }

  void append(std::string_view text) {
    char* to = reserve(text.size());
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    commit(to + text.size());
  }

  std::size_t position() const noexcept {
    return static_cast<std::size_t>(cursor_ - body_.memory_.base());
  }

  // Already committed bytes, to be patched. REQUIRES: position <= position().
  char* at(std::size_t position) noexcept { return body_.memory_.base() + position; }

  // Ends the writing.
  Body finish() noexcept;

 private:
  void grow(std::size_t bytes);

  Body body_;
  char* cursor_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace notch::agent
