#include "client/preload/tls/openssl.h"

#include <string.h>

#include "client/preload/tls/openssl_search.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

OpenSsl openssls[kMostOpenSsls];
std::uint32_t openssl_count;  // [tag: openssl]
std::uint64_t known_at;       // the loader's state, 0: nothing is known [tag: openssl-known]
OpenSslId only_one;           // of that state: the one there is, kNoOpenSsl if there are several
std::uint32_t keeping;        // 1 while a thread is keeping something

OpenSslId known_openssl(const OpenSsl& found) noexcept {
  const std::uint32_t count = shm::observe(openssl_count);  // [tag: openssl]
  for (std::uint32_t i = 0; i < count; ++i) {
    if (memcmp(&openssls[i], &found, sizeof found) == 0) return static_cast<OpenSslId>(i + 1);
  }
  return kNoOpenSsl;
}

// Only by who has `keeping`.
OpenSslId keep_openssl(const OpenSsl& found) noexcept {
  if (const OpenSslId known = known_openssl(found); known != kNoOpenSsl) return known;
  const std::uint32_t count = shm::read_alone(openssl_count);  // relaxed: ours to write
  if (count == kMostOpenSsls || found.SSL_new == nullptr) return kNoOpenSsl;
  openssls[count] = found;
  // [tag: openssl] Publishes its functions; else a thread that finds the count could call one that
  // is not written yet.
  shm::publish(openssl_count, count + 1);
  return static_cast<OpenSslId>(count + 1);
}

// That which the object points into, if it is known and still there (OL2).
OpenSslId openssl_pointed_into(const void* object) noexcept {
  std::uintptr_t words[kObjectWords];
  if (object == nullptr) return kNoOpenSsl;
  memcpy(words, object, sizeof words);
  const std::uint32_t count = shm::observe(openssl_count);  // [tag: openssl]
  for (std::uint32_t i = 0; i < count; ++i) {
    const OpenSsl& openssl = openssls[i];
    for (const std::uintptr_t word : words) {
      if (!openssl.has(word)) continue;
      const bool is_there =
          openssl.loaded.link_map != nullptr && loaded_object(openssl.begin) == openssl.loaded;
      return is_there ? static_cast<OpenSslId>(i + 1) : kNoOpenSsl;
    }
  }
  return kNoOpenSsl;
}

}  // namespace

OpenSslId openssl_of_object(const void* object, const void* caller, OpenSsl& room) noexcept {
  if (const OpenSslId id = openssl_pointed_into(object); id != kNoOpenSsl) return id;
  const shm::KeepErrno keep;
  const std::uint64_t state = loader_state();
  OpenSslId id = kNoOpenSsl;
  if (shm::observe(known_at) == state) id = shm::read_alone(only_one);  // [tag: openssl-known]
  if (id == kNoOpenSsl) {
    const FoundOpenSsl found = search_openssl(object, caller);
    room = found.functions;
    id = known_openssl(room);
    // Another thread that is keeping something does not keep us waiting: the next call does it.
    if (shm::exchange_if(keeping, std::uint32_t{0}, std::uint32_t{1})) {  // [tag: openssl]
      if (id == kNoOpenSsl) id = keep_openssl(room);
      // The result may be older than a state that was asked for before it, but never newer.
      shm::write_alone(known_at, std::uint64_t{0});
      shm::write_alone(only_one, found.count == 1 ? id : kNoOpenSsl);
      // [tag: openssl-known] Publishes `only_one` as of this state; else a thread that finds the
      // state could go by the OpenSSL of a state before.
      shm::publish(known_at, state);
      shm::publish(keeping, std::uint32_t{0});  // [tag: openssl]
    }
  }
  return id;
}

const OpenSsl& openssl_by_id(OpenSslId id, const OpenSsl& room) noexcept {
  return id == kNoOpenSsl ? room : openssls[id - 1];
}

}  // namespace notch::preload
