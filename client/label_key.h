// A label set as a row of words, so that a look-up compares a few words and no texts.
// Called by: series_index.
//
// The words are: the family and the values' lengths, 16 bits each; then each value's bytes, the
// last word of a value filled up with zeros. Two label sets have the same words only if they are
// the same.
//
// Invariants
//   KY1  No byte outside a value is read. There is no branch on the number of bytes in a value's last
//        word: the processor could not predict it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "client/include/notch/abi.h"
#include "client/text_hash.h"

namespace notch::client {

// The up to 7 bytes at `text` as a word.
inline std::uint64_t short_word(const char* text, std::size_t size) noexcept {
  static constexpr char kNothing[8] = {};
  // Reads four, two and one byte, each from zeros where the size has none. The address is computed: a
  // choice between two pointers would become a branch.
  const auto nothing = reinterpret_cast<std::uintptr_t>(kNothing);
  const auto choose = [&](std::size_t offset, std::size_t bit) {
    const std::uintptr_t wanted = reinterpret_cast<std::uintptr_t>(text) + offset;
    const std::uintptr_t mask = std::uintptr_t{0} - (size / bit % 2);
    return reinterpret_cast<const char*>(nothing ^ ((nothing ^ wanted) & mask));
  };
  std::uint32_t four = 0;
  std::uint16_t two = 0;
  std::uint8_t one = 0;
  std::memcpy(&four, choose(0, 4), sizeof four);
  std::memcpy(&two, choose(size & 4, 2), sizeof two);
  std::memcpy(&one, choose(size & 6, 1), sizeof one);
  return four | std::uint64_t{two} << (8 * (size & 4)) | std::uint64_t{one} << (8 * (size & 6));
}

// Calls `take` with each word in turn. REQUIRES: no value has more than 65,535 bytes.
template <class Take>
void for_each_key_word(std::uint32_t family, std::span<const notch_text> values,
                       Take take) noexcept {
  constexpr unsigned kLengths = 4;  // to a word
  std::uint64_t lengths = family;
  unsigned filled = 1;
  for (const notch_text& value : values) {
    if (filled == kLengths) {
      take(lengths);
      lengths = filled = 0;
    }
    lengths |= std::uint64_t{value.size} << (16 * filled++);
  }
  take(lengths);
  for (const notch_text& value : values) {
    const char* at = value.data;
    std::size_t left = value.size;
    for (; left >= 8; left -= 8, at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      take(word);
    }
    take(short_word(at, left));
  }
}

// The key of one look-up, made once: its hash, and its words if they are few.
class LabelKey {
 public:
  static constexpr std::size_t kFewWords = 32;

  // REQUIRES: as for_each_key_word().
  LabelKey(std::uint32_t family, std::span<const notch_text> values) noexcept {
    std::uint64_t sum = 0;
    std::size_t count = 0;
    // The words' products do not depend on each other; a word's factor holds its place.
    for_each_key_word(family, values, [&](std::uint64_t word) {
      if (count < kFewWords) words_[count] = word;
      sum += fold_product(word ^ kMix, kFactor + 2 * kStep * count);
      ++count;
    });
    count_ = count;
    hash_ = fold_product(sum ^ kStep, kFactor);
  }

  std::uint64_t hash() const noexcept { return hash_; }
  std::size_t word_count() const noexcept { return count_; }

  // True if `stored` are the words of the same label set. REQUIRES: there are as many.
  bool matches(const std::uint64_t* stored, std::uint32_t family,
               std::span<const notch_text> values) const noexcept {
    std::uint64_t difference = 0;
    if (count_ <= kFewWords) [[likely]] {
      for (std::size_t i = 0; i < count_; ++i) difference |= stored[i] ^ words_[i];
    } else {
      for_each_key_word(family, values,
                        [&](std::uint64_t word) { difference |= *stored++ ^ word; });
    }
    return difference == 0;
  }

 private:
  static constexpr std::uint64_t kMix = 0xa0761d6478bd642fU;
  static constexpr std::uint64_t kFactor = 0xe7037ed1a0b428dbU;
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15U;

  std::uint64_t hash_ = 0;
  std::size_t count_ = 0;
  std::uint64_t words_[kFewWords];  // the first count_ of them
};

}  // namespace notch::client
