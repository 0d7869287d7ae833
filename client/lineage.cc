#include "client/lineage.h"

#include <string.h>
#include <sys/auxv.h>

#include <bit>

namespace notch::client {
namespace {

constexpr std::string_view kPurpose = "notch lineage";  // no other use of AT_RANDOM gives the same

std::uint64_t little_endian(const std::uint8_t* bytes, std::size_t count) noexcept {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{bytes[i]} << (8 * i);
  return word;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void rounds(int count) noexcept {
    for (; count > 0; --count) {
      v0 += v1;
      v2 += v3;
      v1 = std::rotl(v1, 13) ^ v0;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 = std::rotl(v0, 32) + v3;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 = std::rotl(v2, 32);
    }
  }
  void take(std::uint64_t word) noexcept {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  void give(std::uint8_t* out) noexcept {
    rounds(4);
    const std::uint64_t word = v0 ^ v1 ^ v2 ^ v3;
    for (int i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(word >> (8 * i));
  }
};

bool parse_key(const char* text, std::uint8_t (&key)[shm::kLineageKeyBytes]) noexcept {
  if (text == nullptr || strlen(text) != 2 * sizeof key) return false;
  std::uint8_t any = 0;
  for (std::size_t i = 0; i < 2 * sizeof key; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return false;
    const int high = i % 2 == 0 ? 0 : key[i / 2];
    key[i / 2] = static_cast<std::uint8_t>(high << 4 | digit);
    any |= key[i / 2];
  }
  return any != 0;
}

}  // namespace

void keyed_hash(const std::uint8_t (&key)[16], std::string_view text,
                std::uint8_t (&out)[16]) noexcept {
  const std::uint64_t k0 = little_endian(key, 8);
  const std::uint64_t k1 = little_endian(key + 8, 8);
  SipState state = {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU ^ 0xee,
                    k0 ^ 0x6c7967656e657261U, k1 ^ 0x7465646279746573U};
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t left = text.size();
  for (; left >= 8; left -= 8, at += 8) state.take(little_endian(at, 8));
  state.take(little_endian(at, left) | std::uint64_t{text.size()} << 56);
  state.v2 ^= 0xee;
  state.give(out);
  state.v1 ^= 0xdd;
  state.give(out + 8);
}

void find_lineage_key(const char* handed_on, std::uint8_t (&key)[shm::kLineageKeyBytes]) noexcept {
  if (parse_key(handed_on, key)) return;
  memset(key, 0, sizeof key);
  const unsigned long random = getauxval(AT_RANDOM);
  if (random == 0) return;
  std::uint8_t secret[16];
  memcpy(secret, reinterpret_cast<const void*>(random), sizeof secret);
  keyed_hash(secret, kPurpose, key);
}

}  // namespace notch::client
