#include "client/preload/tls/tls_sessions.h"

#include "client/preload/connections.h"
#include "client/preload/endpoints.h"
#include "client/preload/tls/tls_figures.h"
#include "client/preload/tls_part.h"
#include "shm/memory_order.h"

namespace notch::preload {

std::uint64_t session_keys[kMostSessions];
Session sessions[kMostSessions];
Records session_records;

namespace {

Connection* session_pages[pages_of(kMostSessions)];

unsigned take_place(std::uint64_t key) noexcept {
  const auto first = static_cast<unsigned>(key * 0x9e3779b97f4a7c15U >> 40);
  for (unsigned i = 0; i < kWindow; ++i) {
    const unsigned index = (first + i) % kMostSessions;
    if (index >= session_records.count) continue;
    std::uint64_t free = 0;
    // Relaxed: who takes a free place fills it, and nobody else knows the object yet.
    if (shm::exchange_alone(session_keys[index], free, key)) return index;
  }
  return kNoSession;
}

// The exchanges and the handshake that were under way.
void end_what_is_under_way(unsigned index) noexcept {
  const Session& session = sessions[index];
  if (session.handshake == Handshake::kUnderWay && is_own(session))
    count_abandoned_handshake(session.role, session.handshake_since_ns);
  end_record(session_records.at(index));
}

void leave_connection(unsigned index) noexcept {
  Session& session = sessions[index];
  if (session.descriptor != 0) unbind_session(session.descriptor, index);
  session.descriptor = 0;
}

}  // namespace

void begin_sessions() noexcept {
  session_records = {session_pages, wanted_records(kMostSessions)};
}

bool begin_session(const void* ssl, OpenSslId openssl) noexcept {
  unsigned index = find_session(ssl);
  if (index == kNoSession) index = take_place(reinterpret_cast<std::uint64_t>(ssl));
  if (index == kNoSession) return false;
  if (!make_room(session_records, index)) {
    shm::write_alone(session_keys[index], std::uint64_t{0});  // relaxed: as in end_session()
    return false;
  }
  restart_session(index);
  sessions[index].openssl = openssl;
  sessions[index].more_references = 0;
  return true;
}

void restart_session(unsigned index) noexcept {
  end_what_is_under_way(index);
  leave_connection(index);
  Session& session = sessions[index];
  session.handshake = Handshake::kNotBegun;
  session.handshake_since_ns = 0;
  session.endpoint = kEndpointUnknown;
  session.role = HttpRole::kUnknown;
  session.generation = process_generation();
  Connection& connection = session_records.at(index);
  connection.http = {};
  connection.http.secure = true;
  connection.endpoint = 0;
  connection.generation = process_generation();
  shm::publish(connection.state, std::uint8_t{kFree});  // [tag: connection]
}

void put_session_on(unsigned index, int descriptor) noexcept {
  if (sessions[index].descriptor == descriptor) return;
  leave_connection(index);
  if (bind_session(descriptor, index)) sessions[index].descriptor = descriptor;
}

void end_session_of_connection(unsigned session) noexcept {
  if (session < kMostSessions) end_record(session_records.at(session));
}

void end_session(unsigned index) noexcept {
  end_what_is_under_way(index);
  leave_connection(index);
  sessions[index].handshake = Handshake::kOver;
  // Relaxed: the address is free for another only after SSL_free, by the allocator's own order.
  shm::write_alone(session_keys[index], std::uint64_t{0});
}

}  // namespace notch::preload
