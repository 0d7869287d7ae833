// The SSL objects of this process that are followed, by address: whose they are, how far their
// handshake is, and the HTTP inside. Called by: tls.cc.
//
// Bounds, and why
//   kMostSessions: a server's connections at once, 250 bytes each once they are used. An object
//   has a place among kWindow; if all are taken it is not followed, and counted as that.
//
// Invariants, besides those of connection_record.h
//   TS1  An object is in the table from SSL_new until the SSL_free that is its last; so its address
//        may be given to another. SSL_new of an address that is there ends what was there.
//   TS2  What of a session is not in its record belongs to the thread that is in a call on the SSL
//        object; OpenSSL allows one at a time. The references are the exception.
//   TS3  An object may be freed long after its connection is over (a garbage collector's program): what
//        is under way ends with the connection. A session leaves its connection before its place may
//        be another's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "client/preload/connection_record.h"
#include "client/preload/tls/openssl.h"

namespace notch::preload {

inline constexpr unsigned kMostSessions = 8192;
inline constexpr unsigned kWindow = 16;

enum class Handshake : std::uint8_t { kNotBegun, kUnderWay, kOver };

struct Session {
  std::uint64_t handshake_since_ns;  // 0: no clock
  std::uint32_t more_references;     // than the one of SSL_new
  std::int32_t descriptor;           // whose connection it is on (TS3); 0: not known
  OpenSslId openssl;
  Handshake handshake;
  std::uint8_t endpoint;    // that the handshake's bytes passed on; 0: not known
  std::uint8_t generation;  // of the process that began it
  HttpRole role;
};

extern std::uint64_t session_keys[kMostSessions];  // an SSL object's address; 0: free
extern Session sessions[kMostSessions];

inline constexpr unsigned kNoSession = ~0U;

// Relaxed: whoever calls with an object has been given it by the thread that made it.
[[gnu::always_inline]] inline unsigned find_session(const void* ssl) noexcept {
  const auto key = reinterpret_cast<std::uint64_t>(ssl);
  if (key == 0) return kNoSession;
  const auto first = static_cast<unsigned>(key * 0x9e3779b97f4a7c15U >> 40);
  for (unsigned i = 0; i < kWindow; ++i) {
    const unsigned index = (first + i) % kMostSessions;
    if (shm::read_alone(session_keys[index]) == key) return index;
  }
  return kNoSession;
}

// For the constructor.
void begin_sessions() noexcept;

// False: there is no room.
bool begin_session(const void* ssl, OpenSslId openssl) noexcept;

// As it was after SSL_new. For SSL_clear.
void restart_session(unsigned index) noexcept;

// The descriptor is known: the session ends with the connection.
void put_session_on(unsigned index, int descriptor) noexcept;

// Before the object is freed.
void end_session(unsigned index) noexcept;

inline bool is_own(const Session& session) noexcept {
  return session.generation == process_generation() && session.generation != 0;
}

extern Records session_records;  // the HTTP inside, by the same index

// Relaxed: the byte stands alone.
inline bool is_session_watched(unsigned index) noexcept {
  return shm::read_alone(session_records.at(index).state) != kQuiet;
}

}  // namespace notch::preload
