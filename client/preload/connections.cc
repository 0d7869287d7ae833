#include "client/preload/connections.h"

#include <errno.h>

#include <algorithm>

#include "client/preload/arrivals.h"
#include "client/preload/clock.h"
#include "client/preload/elsewhere.h"
#include "client/preload/http/http_role.h"
#include "client/preload/http_figures.h"
#include "client/preload/modules.h"
#include "client/preload/net_figures.h"
#include "client/preload/tls_part.h"
#include "client/preload/vfork.h"
#include "shm/memory_order.h"

namespace notch::preload {

alignas(std::uint64_t) std::uint8_t watches[kMostDescriptors];
__thread std::uint8_t last_endpoint;
__thread std::int32_t last_descriptor;

namespace {

// Places that are tried for a record before a connection is not followed.
constexpr unsigned kPlaces = 16;

// Later than this the first bytes say nothing of how long a connect took.
constexpr std::uint64_t kLongestConnectNs = 10'000'000'000;

// Calls that are looked at until a message of HTTP begins: the rest of a request's body may come
// before. Of a number that is only perhaps a connection as many as its byte can count.
constexpr std::uint8_t kMostLooks = 64;
constexpr unsigned kMostLooksInherited = 7;
constexpr unsigned kLooksShift = 5;

Connection* record_pages[pages_of(kMostDescriptors)];
Records records;  // the constructor's
// The generation that counts it as open, 0 if none does.
alignas(std::uint64_t) std::uint8_t owners[kMostDescriptors];
Elsewhere<kMostElsewhere> elsewhere;

// Null if the number has none.
Connection* record_of(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  if (index >= kMostDescriptors) return nullptr;
  const std::uint8_t watch = shm::observe(watches[index]);  // [tag: number]
  if ((watch & kHas) == 0) return nullptr;
  const unsigned place = (watch & kElsewhere) == 0 ? index : elsewhere.find(index);
  return place < records.count ? &records.at(place) : nullptr;
}

// Numbers that are looked at in one step.
constexpr unsigned kAtOnce = sizeof(std::uint64_t);

// Whether any of kAtOnce numbers is more than one that was closed. Relaxed: who makes a connection
// while its number is closed, or while the process ends, may make it too late.
bool is_any_known(unsigned first) noexcept {
  constexpr std::uint64_t kKnown = 0x0101010101010101U * (0xff - kCount);
  const auto& watch = *reinterpret_cast<const std::uint64_t*>(&watches[first]);
  const auto& owner = *reinterpret_cast<const std::uint64_t*>(&owners[first]);
  return ((shm::read_alone(watch) & kKnown) | shm::read_alone(owner)) != 0;
}

// The state of a descriptor's number once it is closed.
std::uint8_t of_closed(std::uint8_t watch) noexcept {
  return (watch & kInherited) != 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(watch & kCount);
}

// The call was made on a connection that is over: another has its number now.
bool is_another(std::uint64_t begun, std::uint8_t watch) noexcept {
  const bool is_known = begun < kLeastTime && (begun & kHas) != 0;
  return is_known && ((begun ^ watch) & kCount) != 0;
}

// The number leads to the record from here on. False: there is no room for that.
bool lead_to(unsigned index, unsigned place) noexcept {
  if (index != place && !elsewhere.keep(index, place)) return false;
  const std::uint8_t before = shm::read_alone(watches[index]);  // relaxed: the caller's own
  unsigned watch = kLook | kBegins | kHas | ((before + (kCount & -kCount)) & kCount);
  if (index != place) watch |= kElsewhere;
  // [tag: number] Publishes the record and, if it is elsewhere, its place; else a thread that finds
  // kHas could take the number's former connection for this one.
  shm::publish(watches[index], static_cast<std::uint8_t>(watch));
  return true;
}

// A place for a new connection, its own as long as no copy of a former one has it.
unsigned take_place(unsigned index) noexcept {
  for (unsigned place = index; place < index + kPlaces && place < records.count; ++place) {
    if (!make_room(records, place)) break;
    // [tag: connection] whoever had it is done with it.
    if (shm::exchange_if(records.at(place).numbers, std::uint16_t{0}, std::uint16_t{kInUse + 1}))
      return place;
  }
  return Elsewhere<kMostElsewhere>::kNowhere;
}

template <class Action>
void visit_connection(int fd, std::uint8_t note, Action action) noexcept {
  Connection* const connection = record_of(fd);
  if (connection == nullptr) return;
  visit_record(*connection, note, action);
  // Nothing more is looked at: the number's next calls need not come here. Relaxed: one that is
  // given out anew at this moment was closed while this call was under way.
  const std::uint8_t watch = watch_of(fd);
  const bool is_quiet = shm::read_alone(connection->state) == kQuiet && (watch & kHas) != 0;
  if (is_quiet && record_of(fd) == connection) {
    const auto quiet = static_cast<std::uint8_t>(watch & (kHas | kElsewhere | kCount));
    // [tag: number] only if it says what it said; nothing is read on the strength of this.
    shm::exchange_if(watches[static_cast<unsigned>(fd)], watch, quiet);
  }
}

// One thread may read the end of the connection, and close it, before another has told of the answer
// that it wrote.
void note_thread(Connection& connection) noexcept {
  const auto self =
      static_cast<std::uint16_t>(reinterpret_cast<std::uintptr_t>(&last_endpoint) >> 8 | 1);
  if (connection.thread == 0) connection.thread = self;
  if (connection.thread != self) shm::write_alone(connection.doubted, std::uint8_t{1});
}

void note_told(Connection& connection, Way way) noexcept {
  if (way == Way::kOut) shm::write_alone(connection.answering, std::uint8_t{kTold});
}

void end_connecting(Visit& visit, int error_number) noexcept {
  Connection& connection = visit.connection;
  const std::uint64_t since = connection.connecting_since_ns;
  connection.connecting_since_ns = 0;
  if (since == 0) return;
  if (error_number != 0) return count_connect_error(error_number);
  if (visit.now >= since) observe_connecting(static_cast<double>(visit.now - since) * 1e-9);
}

void end_connecting_by_bytes(Visit& visit) noexcept {
  const std::uint64_t since = visit.connection.connecting_since_ns;
  if (since == 0) return;
  if (visit.now - since > kLongestConnectNs) visit.connection.connecting_since_ns = 0;
  end_connecting(visit, 0);
}

// The connection is broken, as this error says.
bool says_broken(int error_number) noexcept {
  const NetError error = net_error_of(error_number);
  return error != NetError::kOther && error != NetError::kBadDescriptor;
}

void pass_failure(int fd, Way way) noexcept {
  const int error_number = errno;
  if (!says_broken(error_number)) return;
  visit_connection(fd, 0, [&](Visit& visit) {
    end_connecting(visit, error_number);
    HttpConnection& http = visit.connection.http;
    if (way == Way::kIn) http_end_in(http, visit.watch, true, visit.now);
    if (way == Way::kOut) http_end_out(http, visit.watch, true, visit.now);
  });
}

void count_open(unsigned index) noexcept {
  const std::uint8_t generation = process_generation();
  if (index >= kMostDescriptors || generation == 0) return;
  if (shm::read_alone(owners[index]) == generation) return;
  shm::write_alone(owners[index], generation);
  open_connections.add();
}

// `other`: the record, if the connection has other numbers.
void count_closed(unsigned index, Connection* other) noexcept {
  const std::uint8_t owner = shm::read_alone(owners[index]);
  if (owner == 0) return;
  shm::write_alone(owners[index], std::uint8_t{0});
  if (other != nullptr) {
    shm::write_alone(other->owner, owner);  // relaxed: the last number's close comes later
  } else if (owner == process_generation()) {
    open_connections.subtract();
  }
}

// It has one number less. Gives itself if it has others.
Connection* leave(Connection& connection) noexcept {
  if (shm::add_alone(connection.numbers, static_cast<std::uint16_t>(-1)) != kInUse + 1)
    return &connection;
  const std::uint8_t owner = shm::read_alone(connection.owner);
  if (owner != 0 && owner == process_generation()) open_connections.subtract();
  const std::uint16_t session = shm::read_alone(connection.session);
  if (session != 0) end_session_of_connection(session - 1U);
  end_record(connection);
  return nullptr;
}

}  // namespace

[[gnu::cold]] void expect_inherited() noexcept {
  for (std::size_t i = 3; i < kMostInherited; ++i)
    watches[i] = kLook | kBegins | kInherited | kMostLooksInherited << kLooksShift;
}

[[gnu::cold]] void begin_standard_connection(unsigned standard) noexcept {
  if ((standard & 1) == 0 || !is_active(kHttp)) return;
  // A pipe made of two sockets, as Node and ksh do, is no connection.
  const bool is_output = (standard & 2) != 0;
  if (!(is_output ? is_stream_socket(0) : is_tcp_socket(0))) return;
  begin_connection(0, {.has_arrived = true});
  for (int fd = 1; fd <= 2; ++fd) {
    if ((standard >> fd & 1) != 0) share_connection(0, fd);
  }
}

void begin_connections() noexcept {
  records = {record_pages, wanted_records(kMostDescriptors)};
  if (records.count != 0) map_record_pages();
  count_generations();
}

void begin_connection(int fd, const ConnectionStart& start) noexcept {
  const auto index = static_cast<unsigned>(fd);
  end_connection(fd);  // of whoever had the number, and was closed by a way we do not see
  if (is_active(kNet) && !start.has_arrived) count_open(index);
  const bool is_sided = start.role != HttpRole::kUnknown;
  const bool follows = is_active(kHttp) && (is_sided || start.has_arrived);
  if (!follows && start.connecting_since_ns == 0) return;
  const unsigned place = take_place(index);
  if (place == Elsewhere<kMostElsewhere>::kNowhere) {
    if (follows && is_sided) count_unobserved(start.role, Unobserved::kDescriptor);
    return;
  }
  Connection& connection = records.at(place);
  connection.http = {};
  connection.http.role = start.role;
  connection.http.verdict = follows ? HttpVerdict::kUndecided : HttpVerdict::kNotHttp;
  connection.connecting_since_ns = start.connecting_since_ns;
  connection.session = 0;
  connection.endpoint = start.endpoint;
  connection.generation = process_generation();
  connection.owner = 0;
  connection.doubted = 0;
  connection.answering = kNoneBegun;
  connection.looks = start.has_arrived ? kMostLooks : std::uint8_t{0};
  connection.thread = 0;
  shm::publish(connection.state, std::uint8_t{kFree});  // [tag: connection]
  if (lead_to(index, place)) return;
  if (follows && is_sided) count_unobserved(start.role, Unobserved::kDescriptor);
  leave(connection);
}

void share_connection(int fd, int copy) noexcept {
  end_connection(copy);
  if ((watch_of(fd) & kInherited) != 0) begin_connection(fd, {.has_arrived = true});
  Connection* const connection = record_of(fd);
  const auto index = static_cast<unsigned>(copy);
  if (connection == nullptr || index >= kMostDescriptors) return;
  std::uint16_t numbers = shm::read_alone(connection->numbers);
  do {
    const bool is_over = numbers <= kInUse || numbers == 0xffff;
    if (is_over) return;
    // Relaxed: the number that is copied is the caller's, and holds the record.
  } while (
      !shm::exchange_alone(connection->numbers, numbers, static_cast<std::uint16_t>(numbers + 1)));
  const unsigned own = static_cast<unsigned>(fd);
  const unsigned place = (watch_of(fd) & kElsewhere) == 0 ? own : elsewhere.find(own);
  if (lead_to(index, place)) return;
  shm::write_alone(connection->doubted, std::uint8_t{1});
  leave(*connection);
}

bool is_connecting(int fd) noexcept {
  if (!is_watched(fd)) return false;
  bool connecting = false;
  visit_connection(fd, 0,
                   [&](Visit& visit) { connecting = visit.connection.connecting_since_ns != 0; });
  return connecting;
}

void conclude_connecting(int fd, int error_number) noexcept {
  visit_connection(fd, 0, [&](Visit& visit) { end_connecting(visit, error_number); });
}

bool bind_session(int fd, unsigned session) noexcept {
  Connection* const connection = record_of(fd);
  if (connection == nullptr) return false;
  // Relaxed, as below: who closes the number while it is used races in the kernel.
  shm::write_alone(connection->session, static_cast<std::uint16_t>(session + 1U));
  return true;
}

void unbind_session(int fd, unsigned session) noexcept {
  Connection* const connection = record_of(fd);
  if (connection != nullptr && shm::read_alone(connection->session) == session + 1U)
    shm::write_alone(connection->session, std::uint16_t{0});
}

void make_room_for_connections() noexcept {
  constexpr unsigned kUsualDescriptors = 1024;
  for (unsigned i = 0; i < kUsualDescriptors && make_room(records, i);) i += kRecordsOfPage;
}

void end_connection(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  if (index >= kMostDescriptors) return;
  Connection* other = nullptr;
  Connection* const connection = record_of(fd);
  const std::uint8_t watch = watch_of(fd);
  if (watch != 0) shm::write_alone(watches[index], of_closed(watch));
  if (connection != nullptr) {
    if ((watch & kElsewhere) != 0) elsewhere.forget(index);
    other = leave(*connection);
  }
  count_closed(index, other);
}

void end_connections(unsigned first, unsigned last) noexcept {
  for (unsigned i = first; i <= last && i < kMostDescriptors; ++i) {
    if (i % kAtOnce == 0 && !is_any_known(i)) {
      i += kAtOnce - 1;
      continue;
    }
    const std::uint8_t watch = shm::read_alone(watches[i]);
    if ((watch & kInherited) != 0) {
      shm::write_alone(watches[i], of_closed(watch));
    } else if (((watch & ~kCount) | shm::read_alone(owners[i])) != 0) {
      end_connection(static_cast<int>(i));
    }
  }
}

void end_all_connections() noexcept {
  for (unsigned i = 0; i < kMostDescriptors; i += kAtOnce) {
    if (!is_any_known(i)) continue;
    for (unsigned number = i; number < i + kAtOnce; ++number) {
      if ((shm::read_alone(watches[number]) & kHas) == 0) continue;
      doubt_connection(static_cast<int>(number));
      end_connection(static_cast<int>(number));
    }
  }
}

void doubt_connection(int fd) noexcept {
  if (Connection* const connection = record_of(fd); connection != nullptr)
    shm::write_alone(connection->doubted, std::uint8_t{1});  // relaxed: it stands alone
}

void end_writing(int fd) noexcept {
  if (!is_watched(fd)) return;
  visit_connection(fd, 0, [](Visit& visit) {
    http_end_out(visit.connection.http, visit.watch, false, visit.now);
  });
}

namespace connection_slow {
namespace {

HttpBytes first_bytes(const iovec* parts, std::size_t count, ssize_t result) noexcept {
  for (std::size_t i = 0; i < count && result > 0; ++i) {
    if (parts[i].iov_len == 0) continue;
    const auto* const at = static_cast<const unsigned char*>(parts[i].iov_base);
    return {at, at + std::min(parts[i].iov_len, static_cast<std::size_t>(result))};
  }
  return {nullptr, nullptr};
}

void give_up_side(Connection& connection) noexcept {
  connection.looks = 0;
  connection.http.verdict = HttpVerdict::kNotHttp;
}

// CS2. An answer's request passed another process, which tells of it.
[[gnu::cold, gnu::noinline]] void find_side(Visit& visit, int fd, Way way,
                                            HttpBytes bytes) noexcept {
  Connection& connection = visit.connection;
  const HttpFirst first = first_message(bytes, way == Way::kIn);
  if (first.role == HttpRole::kUnknown) {
    if (--connection.looks == 0) give_up_side(connection);
    return;
  }
  const bool is_socket = kind_of(fd) == Kind::kSocket || is_stream_socket(fd);
  if (!is_socket) return give_up_side(connection);
  set_kind(fd, Kind::kSocket);
  connection.looks = 0;
  connection.http.role = first.role;
  connection.http.owed = first.is_answer ? 1 : 0;
  if (is_active(kNet)) count_open(static_cast<unsigned>(fd));
  if (first.role == HttpRole::kClient) connection.endpoint = endpoint_of_peer(fd);
}

// A number that is perhaps a connection has no record until a message begins.
[[gnu::cold, gnu::noinline]] void look_at_inherited(int fd, Way way, HttpBytes bytes) noexcept {
  if (bytes.at == bytes.end || is_vfork_child()) return;
  const bool begins = first_message(bytes, way == Way::kIn).role != HttpRole::kUnknown;
  if (begins && is_stream_socket(fd)) {
    set_kind(fd, Kind::kSocket);
    return begin_connection(fd, {.has_arrived = true});
  }
  // Relaxed: one that is given out anew at this moment was closed while this call was under way.
  const std::uint8_t watch = watch_of(fd);
  if ((watch & kInherited) == 0) return;
  const bool is_over = begins || watch >> kLooksShift <= 1;
  const auto left = static_cast<std::uint8_t>(is_over ? 0 : watch - (1U << kLooksShift));
  // [tag: number] as above.
  shm::exchange_if(watches[static_cast<unsigned>(fd)], watch, left);
}

}  // namespace

// A server's first write is noted, and those to come need not come here.
std::uint64_t start_of_write(int fd) noexcept {
  Connection* const connection = record_of(fd);
  const bool is_server = connection != nullptr && connection->http.role == HttpRole::kServer;
  if (!is_server) return now_ns();
  if (shm::read_alone(connection->answering) == kNoneBegun)
    shm::write_alone(connection->answering, std::uint8_t{kBegun});
  const std::uint8_t watch = watch_of(fd);
  // [tag: number] only if it says what it said; nothing is read on the strength of this.
  shm::exchange_if(watches[static_cast<unsigned>(fd)], watch,
                   static_cast<std::uint8_t>(watch & ~kBegins));
  return watch;
}

void pass(int fd, Way way, ssize_t result, const iovec* parts, std::size_t count,
          std::uint64_t begun) noexcept {
  if ((watch_of(fd) & kInherited) != 0)
    look_at_inherited(fd, way, first_bytes(parts, count, result));
  if (is_another(begun, watch_of(fd))) return;
  if (begun < kLeastTime) begun = 0;
  if (result < 0) return pass_failure(fd, way);
  last_descriptor = fd;
  visit_connection(fd, way == Way::kIn ? kMissedIn : kMissedOut, [&](Visit& visit) {
    HttpConnection& http = visit.connection.http;
    auto left = static_cast<std::size_t>(result);
    if (left != 0) end_connecting_by_bytes(visit);
    note_thread(visit.connection);
    note_told(visit.connection, way);
    if (visit.connection.looks != 0 && left != 0) [[unlikely]]
      find_side(visit, fd, way, first_bytes(parts, count, result));
    last_endpoint = visit.connection.endpoint;
    std::size_t room = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = std::min(parts[i].iov_len, left);
      if (size != 0 && way == Way::kIn)
        http_in(http, visit.watch, parts[i].iov_base, size, visit.now);
      if (size != 0 && way == Way::kOut)
        http_out(http, visit.watch, parts[i].iov_base, size, visit.now, begun);
      left -= size;
      room |= parts[i].iov_len;
    }
    const bool at_end = result == 0 && room != 0 && way == Way::kIn;
    if (at_end) http_end_in(http, visit.watch, false, visit.now);
  });
}

void pass_unseen(int fd, Way way, ssize_t result, std::uint64_t begun) noexcept {
  if (result == 0 || is_another(begun, watch_of(fd))) return;
  if (result < 0) return pass_failure(fd, way);
  visit_connection(fd, way == Way::kIn ? kMissedIn : kMissedOut, [&](Visit& visit) {
    end_connecting_by_bytes(visit);
    note_told(visit.connection, way);
    const auto bytes = static_cast<std::uint64_t>(result);
    if (way == Way::kIn) http_body_in(visit.connection.http, visit.watch, bytes, visit.now);
    if (way == Way::kOut) http_body_out(visit.connection.http, visit.watch, bytes, visit.now);
  });
}

}  // namespace connection_slow
}  // namespace notch::preload
