// What is counted of TLS itself: handshakes, by the role the program had in them.
// Called by: tls.cc, tls_sessions.cc, which count; life.cc, by tls_part.h, which has them defined.
#pragma once

#include <cstdint>

#include "client/preload/core.h"
#include "client/preload/http/http_exchange.h"

namespace notch::preload {

// How a handshake ended.
enum class HandshakeError : std::uint8_t {
  kNone,
  kProtocol,    // OpenSSL refused what came, or the peer did: versions, ciphers, certificates
  kConnection,  // the transport ended or failed
  kAbandoned,   // the object was freed or cleared before it was over
};

// The values of the label "reason" of what is not followed or not timed.
enum class TlsUnobserved : std::uint8_t {
  kHttp2,     // connections: ALPN chose HTTP/2
  kSessions,  // connections: no room to follow them
  kUntimed,   // handshakes: there was no clock
  kNoSeries,  // handshakes: neither the label set nor the overflow series could be made
};
inline constexpr int kTlsUnobservedReasons = 4;

LabelRoom define_tls_figures() noexcept;

// `version`: as SSL_version() gives it. `since_ns`: 0 for no clock.
void count_handshake(HttpRole role, int version, HandshakeError error,
                     std::uint64_t since_ns) noexcept;
void count_abandoned_handshake(HttpRole role, std::uint64_t since_ns) noexcept;
void count_tls_unobserved(TlsUnobserved reason) noexcept;

}  // namespace notch::preload
