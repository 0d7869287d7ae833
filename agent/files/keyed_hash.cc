#include "agent/files/keyed_hash.h"

#include <sys/random.h>

#include <array>
#include <chrono>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace notch::agent {
namespace {

using Secret = std::array<unsigned char, XXH3_SECRET_DEFAULT_SIZE>;

Secret draw_secret() noexcept {
  Secret secret{};
  if (::getrandom(secret.data(), secret.size(), 0) == static_cast<ssize_t>(secret.size())) {
    return secret;
  }
  // A kernel that gives no random bytes: at least not the same secret in every process.
  std::uint64_t seed[] = {
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()),
      reinterpret_cast<std::uintptr_t>(&secret)};
  XXH3_generateSecret(secret.data(), secret.size(), seed, sizeof seed);
  return secret;
}

}  // namespace

std::uint64_t keyed_hash(std::string_view bytes) noexcept {
  static const Secret secret = draw_secret();
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret.data(), secret.size());
}

}  // namespace notch::agent
