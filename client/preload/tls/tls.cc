// The tls module: what passes through an OpenSSL that is a shared library, before it is encrypted
// and after it is decrypted. Called by: the program, in OpenSSL's place.
//
// The real function is that of the OpenSSL which made the object. An object is asked only for what
// it tells without a change: fields, never a BIO, whose callback may be the program's. OpenSSL's
// error queue is not written, and read only by SSL_get_error after a handshake's or a read's failure,
// as the program does. What OpenSSL calls of its own functions is passed on; it makes and frees
// objects, and that is noted.
//
// The bytes that pass on the descriptor are no HTTP to the plain path: a TLS record's first byte is
// none of a method's.

#include <cstring>

#include "client/preload/clock.h"
#include "client/preload/connections.h"
#include "client/preload/endpoints.h"
#include "client/preload/modules.h"
#include "client/preload/tls/openssl.h"
#include "client/preload/tls/tls_figures.h"
#include "client/preload/tls/tls_sessions.h"
#include "client/preload/tls_part.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

// A call on an object: where it goes, and the session if the object is followed.
struct Call {
  const OpenSsl& openssl;
  unsigned index;
  bool is_inner;  // OpenSSL's own

  bool is_followed() const noexcept { return index != kNoSession && !is_inner; }
  Session& session() const noexcept { return sessions[index]; }
};

Connection& record_of(const Call& call) noexcept {
  return session_records.at(call.index);
}

// --- what is asked of an object ---

HttpRole role_of(const Call& call, const void* ssl) noexcept {
  if (call.openssl.SSL_is_server == nullptr) return HttpRole::kUnknown;
  return call.openssl.SSL_is_server(ssl) != 0 ? HttpRole::kServer : HttpRole::kClient;
}

bool speaks_http2(const Call& call, const void* ssl) noexcept {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  if (call.openssl.SSL_get0_alpn_selected == nullptr) return false;
  call.openssl.SSL_get0_alpn_selected(ssl, &name, &size);
  return size == 2 && std::memcmp(name, "h2", 2) == 0;
}

// Where the handshake's bytes went; else the name that was asked for.
EndpointId endpoint_of_object(const Call& call, const void* ssl) noexcept {
  if (call.session().endpoint != kEndpointUnknown) return call.session().endpoint;
  constexpr int kHostName = 0;
  const char* const name = call.openssl.SSL_get_servername != nullptr
                               ? call.openssl.SSL_get_servername(ssl, kHostName)
                               : nullptr;
  return name != nullptr ? endpoint_of_name(name) : kEndpointUnnamed;
}

// `result` is a failed call's. Whether the call is to be made again is no end.
HandshakeError failure_of(const Call& call, const void* ssl, int result) noexcept {
  constexpr int kErrorSsl = 1;
  constexpr int kErrorSyscall = 5;
  constexpr int kErrorZeroReturn = 6;
  if (call.openssl.SSL_get_error == nullptr) return HandshakeError::kNone;
  const int error = call.openssl.SSL_get_error(ssl, result);
  if (error == kErrorSsl) return HandshakeError::kProtocol;
  if (error == kErrorSyscall || error == kErrorZeroReturn) return HandshakeError::kConnection;
  return HandshakeError::kNone;
}

// --- handshakes ---

void begin_handshake(const Call& call) noexcept {
  Session& session = call.session();
  last_endpoint = kEndpointUnknown;
  last_descriptor = 0;
  if (session.handshake != Handshake::kNotBegun) return;
  session.handshake = Handshake::kUnderWay;
  session.handshake_since_ns = now_ns();
}

void identify(const Call& call, const void* ssl) noexcept {
  const HttpRole role = call.session().role;
  const bool http2 = speaks_http2(call, ssl);
  const EndpointId endpoint =
      role == HttpRole::kClient ? endpoint_of_object(call, ssl) : kEndpointUnknown;
  visit_record(record_of(call), 0, [&](Visit& visit) {
    visit.connection.http.role = role;
    visit.connection.endpoint = endpoint;
    if (http2) visit.connection.http.verdict = HttpVerdict::kNotHttp;
  });
  if (http2) count_tls_unobserved(TlsUnobserved::kHttp2);
}

void end_handshake(const Call& call, const void* ssl, HandshakeError error) noexcept {
  Session& session = call.session();
  session.handshake = Handshake::kOver;
  const bool done = error == HandshakeError::kNone;
  if (is_own(session)) {
    const int version =
        done && call.openssl.SSL_version != nullptr ? call.openssl.SSL_version(ssl) : 0;
    count_handshake(session.role, version, error, session.handshake_since_ns);
  }
  if (done) identify(call, ssl);
}

// After a call that may have been the handshake's last. `result` <= 0 is a failure.
[[gnu::noinline]] void conclude_handshake(const Call& call, const void* ssl, int result) noexcept {
  Session& session = call.session();
  if (session.handshake != Handshake::kUnderWay) return;
  const shm::KeepErrno keep;
  if (last_endpoint != kEndpointUnknown) session.endpoint = last_endpoint;
  if (session.descriptor == 0 && last_descriptor != 0) put_session_on(call.index, last_descriptor);
  session.role = role_of(call, ssl);
  const bool done = call.openssl.SSL_is_init_finished != nullptr
                        ? call.openssl.SSL_is_init_finished(ssl) != 0
                        : result > 0;
  const HandshakeError error =
      done || result > 0 ? HandshakeError::kNone : failure_of(call, ssl, result);
  if (done || error != HandshakeError::kNone) end_handshake(call, ssl, error);
}

// OpenSSL's own calls count too: SSL_accept makes one, and so does a BIO that has an object. What
// is over is not counted again.
template <class Real>
int shake_hands(const Call& call, Real real, void* ssl) {
  if (call.index == kNoSession) return real(ssl);
  begin_handshake(call);
  const int result = real(ssl);
  conclude_handshake(call, ssl, result);
  return result;
}

// --- an object's life ---

template <class Real>
void* make_object(OpenSslId id, Real real, void* context) {
  void* const ssl = real(context);
  if (ssl == nullptr) return ssl;
  if (id == kNoOpenSsl || !begin_session(ssl, id)) count_tls_unobserved(TlsUnobserved::kSessions);
  return ssl;
}

// Before the call: afterwards another thread may be given the address.
template <class Real>
void free_object(const Call& call, Real real, void* ssl) {
  if (call.index != kNoSession) {
    Session& session = call.session();
    // Relaxed: OpenSSL's own count orders those who share an object.
    if (shm::read_alone(session.more_references) == 0) {
      end_session(call.index);
    } else {
      shm::add_alone(session.more_references, ~std::uint32_t{0});
    }
  }
  real(ssl);
}

template <class Real>
int share_object(const Call& call, Real real, void* ssl) {
  const int result = real(ssl);
  if (result == 1 && call.index != kNoSession)
    shm::add_alone(call.session().more_references, std::uint32_t{1});
  return result;
}

template <class Real>
int clear_object(const Call& call, Real real, void* ssl) {
  if (call.is_followed()) restart_session(call.index);
  return real(ssl);
}

// The program writes no more, whatever the answer is: that a peer has gone says -1.
template <class Real>
int end_object_writing(const Call& call, Real real, void* ssl) {
  const int result = real(ssl);
  if (call.is_followed()) {
    visit_record(record_of(call), 0, [](Visit& visit) {
      http_end_out(visit.connection.http, visit.watch, false, visit.now);
    });
  }
  return result;
}

template <class Real>
int give_descriptor(const Call& call, Real real, void* ssl, int fd) {
  const int result = real(ssl, fd);
  if (result == 1 && call.is_followed() && fd > 0) put_session_on(call.index, fd);
  return result;
}

// --- bytes ---

void learn_role(const Call& call, const void* ssl, Visit& visit) noexcept {
  if (visit.connection.http.role == HttpRole::kUnknown)
    visit.connection.http.role = role_of(call, ssl);
}

void pass_read(const Call& call, const void* ssl, const void* buffer, size_t size) noexcept {
  if (!is_session_watched(call.index)) return;
  visit_record(record_of(call), kMissedIn, [&](Visit& visit) {
    learn_role(call, ssl, visit);
    http_in(visit.connection.http, visit.watch, buffer, size, visit.now);
  });
}

// When a write began, as far as that is wanted.
std::uint64_t begin_write(const Call& call) noexcept {
  const bool wanted = call.session().role != HttpRole::kServer && is_session_watched(call.index);
  return wanted ? now_ns() : 0;
}

void pass_written(const Call& call, const void* ssl, const void* buffer, size_t size,
                  std::uint64_t begun) noexcept {
  if (!is_session_watched(call.index)) return;
  visit_record(record_of(call), kMissedOut, [&](Visit& visit) {
    learn_role(call, ssl, visit);
    http_out(visit.connection.http, visit.watch, buffer, size, visit.now, begun);
  });
}

// A read failed: has the peer said that it writes no more, or is the connection broken?
[[gnu::cold, gnu::noinline]] void note_end(const Call& call, const void* ssl, int result) noexcept {
  constexpr int kReceivedShutdown = 2;
  if (!is_session_watched(call.index) || call.openssl.SSL_get_shutdown == nullptr) return;
  const shm::KeepErrno keep;
  const bool in_order = (call.openssl.SSL_get_shutdown(ssl) & kReceivedShutdown) != 0;
  if (in_order || failure_of(call, ssl, result) != HandshakeError::kNone) {
    visit_record(record_of(call), 0, [&](Visit& visit) {
      http_end_in(visit.connection.http, visit.watch, !in_order, visit.now);
    });
  }
}

// The real call; an object that is read or written before its handshake makes it within.
template <class Result, class Real, class... Arguments>
[[gnu::always_inline]] inline Result transfer(const Call& call, Real real, void* ssl,
                                              Arguments... arguments) {
  if (call.session().handshake == Handshake::kOver) [[likely]]
    return real(ssl, arguments...);
  begin_handshake(call);
  const Result result = real(ssl, arguments...);
  conclude_handshake(call, ssl, static_cast<int>(result));
  return result;
}

template <class Real>
int read_number(const Call& call, Real real, void* ssl, void* buffer, int size) {
  if (!call.is_followed()) return real(ssl, buffer, size);
  const int result = transfer<int>(call, real, ssl, buffer, size);
  if (result > 0) [[likely]] {
    pass_read(call, ssl, buffer, static_cast<size_t>(result));
  } else {
    note_end(call, ssl, result);
  }
  return result;
}

template <class Real>
int write_number(const Call& call, Real real, void* ssl, const void* buffer, int size) {
  if (!call.is_followed()) return real(ssl, buffer, size);
  const std::uint64_t begun = begin_write(call);
  const int result = transfer<int>(call, real, ssl, buffer, size);
  if (result > 0) pass_written(call, ssl, buffer, static_cast<size_t>(result), begun);
  return result;
}

// For early data, 2 says that there is no more; then nothing was moved.
template <class Real>
int read_at(const Call& call, Real real, void* ssl, void* buffer, size_t size, size_t* moved) {
  if (!call.is_followed()) return real(ssl, buffer, size, moved);
  const int result = transfer<int>(call, real, ssl, buffer, size, moved);
  if (result == 1) [[likely]] {
    pass_read(call, ssl, buffer, *moved);
  } else if (result <= 0) {
    note_end(call, ssl, result);
  }
  return result;
}

template <class Real>
int write_at(const Call& call, Real real, void* ssl, const void* buffer, size_t size,
             size_t* moved) {
  if (!call.is_followed()) return real(ssl, buffer, size, moved);
  const std::uint64_t begun = begin_write(call);
  const int result = transfer<int>(call, real, ssl, buffer, size, moved);
  if (result == 1) pass_written(call, ssl, buffer, *moved, begun);
  return result;
}

template <class Real>
ssize_t send_file(const Call& call, Real real, void* ssl, int fd, off_t offset, size_t size,
                  int flags) {
  if (!call.is_followed()) return real(ssl, fd, offset, size, flags);
  const ssize_t result = transfer<ssize_t>(call, real, ssl, fd, offset, size, flags);
  if (result <= 0 || !is_session_watched(call.index)) return result;
  visit_record(record_of(call), kMissedOut, [&](Visit& visit) {
    learn_role(call, ssl, visit);
    http_body_out(visit.connection.http, visit.watch, static_cast<std::uint64_t>(result),
                  visit.now);
  });
  return result;
}

}  // namespace

bool has_tls_part() noexcept {
  return true;
}

LabelRoom define_tls_part() noexcept {
  return define_tls_figures();
}

void begin_tls_part() noexcept {
  begin_sessions();
}

}  // namespace notch::preload

#define NOTCH_TLS_EXPORT(result, name, parameters)    \
  extern "C" __attribute__((visibility("default")))   \
  result notch_wrap_##name parameters __asm__(#name); \
  result notch_wrap_##name parameters

#define NOTCH_TLS(result, name, parameters, arguments, body)                                  \
  NOTCH_TLS_EXPORT(result, name, parameters) {                                                \
    using namespace notch::preload;                                                           \
    const void* const caller = __builtin_return_address(0);                                   \
    OpenSsl room;                                                                             \
    const unsigned index = is_active(kTls) ? find_session(ssl) : kNoSession;                  \
    const OpenSslId id =                                                                      \
        index != kNoSession ? sessions[index].openssl : openssl_of_object(ssl, caller, room); \
    const OpenSsl& openssl = openssl_by_id(id, room);                                         \
    if (openssl.name == nullptr) return result();                                             \
    if (!is_active(kTls)) return openssl.name arguments;                                      \
    const Call call{openssl, index, openssl.has(reinterpret_cast<std::uintptr_t>(caller))};   \
    return body(call, openssl.name, NOTCH_TLS_EACH arguments);                                \
  }
#define NOTCH_TLS_EACH(...) __VA_ARGS__
#define NOTCH_TLS_NEW(result, name, parameters, arguments, body)                        \
  NOTCH_TLS_EXPORT(result, name, parameters) {                                          \
    using namespace notch::preload;                                                     \
    OpenSsl room;                                                                       \
    const OpenSslId id = openssl_of_object(context, __builtin_return_address(0), room); \
    const OpenSsl& openssl = openssl_by_id(id, room);                                   \
    if (openssl.name == nullptr) return nullptr;                                        \
    if (!is_active(kTls)) return openssl.name arguments;                                \
    return body(id, openssl.name, NOTCH_TLS_EACH arguments);                            \
  }
#include "client/preload/tls/tls_wrappers.def"
