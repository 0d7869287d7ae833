#include "client/preload/connections.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>

#include "client/preload/clock.h"
#include "client/preload/http_figures.h"
#include "client/preload/modules.h"
#include "client/preload/net_figures.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::preload {

std::uint8_t watches[kMostDescriptors];

namespace {

constexpr auto kNone = static_cast<std::uint8_t>(Watch::kNone);
constexpr auto kFree = static_cast<std::uint8_t>(Watch::kFree);
constexpr auto kTaken = static_cast<std::uint8_t>(Watch::kTaken);

// Tries to get a record, with a pause of some 40 ns between two: longer than a reading takes.
constexpr int kMostTries = 64;

// Of the address space that the library may take, the records' part where it is limited.
constexpr std::uint64_t kShareOfSpare = 4;

Connection* connections;  // the constructor's, as is how many there are
unsigned connection_count = 0;
std::uint8_t owners[kMostDescriptors];  // the generation that counts it as open, 0 if none does
std::uint8_t generation = 1;            // one more in each child; 0: too deep to be told apart
HttpRoutes routes;

unsigned wanted_records() noexcept {
  const std::uint64_t spare = client::spare_address_space();
  struct rlimit descriptors {};
  if (spare == ~std::uint64_t{0} || getrlimit(RLIMIT_NOFILE, &descriptors) != 0)
    return kMostDescriptors;
  const std::uint64_t most = std::min<std::uint64_t>(descriptors.rlim_cur, kMostDescriptors);
  return static_cast<unsigned>(std::min(most, spare / kShareOfSpare / sizeof(Connection)));
}

// How many there are; 0 without memory for them.
unsigned make_records() noexcept {
  const unsigned count = wanted_records();
  const std::size_t bytes = count * sizeof(Connection);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return 0;
  madvise(memory, bytes, MADV_NOHUGEPAGE);  // a record is to cost a page at most
  connections = static_cast<Connection*>(memory);
  return count;
}

void after_fork_in_child() noexcept {
  if (generation != 0) ++generation;
}

// Returns the first that is refused, or null.
const char* add_patterns(const char* patterns) noexcept {
  const char* refused = nullptr;
  for (const char* pattern = patterns; *pattern != '\0';) {
    const char* end = pattern;
    while (*end != '\0' && *end != ',') ++end;
    const auto size = static_cast<std::size_t>(end - pattern);
    if (size != 0 && !add_pattern(routes, pattern, size) && refused == nullptr) refused = pattern;
    pattern = *end == ',' ? end + 1 : end;
  }
  return refused;
}

void note_started(void*, const HttpRequestStart& start) {
  count_started(start);
}
void note_finished(void* context, const HttpExchange& exchange) {
  count_finished(exchange, static_cast<const Connection*>(context)->endpoint, routes);
}
void note_dropped(void*) {
  count_unobserved(Unobserved::kPipelined);
}

// A connection in hand, and what the machine needs beside it.
struct Visit {
  Connection& connection;
  std::uint64_t now;
  HttpObserver observer;
  HttpWatch watch;

  explicit Visit(Connection& visited) noexcept
      : connection(visited),
        now(now_ns()),
        observer{&visited, note_started, note_finished, note_dropped},
        watch{&observer, &routes} {}
  Visit(const Visit&) = delete;
};

void release(unsigned index) noexcept {
  const Connection& connection = connections[index];
  const bool wanted = is_followed(connection.http) || connection.connecting_since_us != 0;
  shm::publish(watches[index], wanted ? kFree : kNone);  // [tag: connection]
}

// The record, if there is one and nobody has it.
Connection* take(unsigned index) noexcept {
  if (index >= connection_count) return nullptr;
  Connection& connection = connections[index];
  // [tag: connection] what the last holder wrote is seen.
  for (int tries = 0; !shm::exchange_if(watches[index], kFree, kTaken); ++tries) {
    if (shm::read_alone(watches[index]) == kNone) return nullptr;
    if (tries == kMostTries) {
      shm::write_alone(connection.missed, std::uint8_t{1});
      return nullptr;
    }
    shm::pause();
  }
  return &connection;
}

// Whether this process may count what happens on it (N2).
bool adopt(Connection& connection) noexcept {
  if (connection.generation == generation && generation != 0) return true;
  if (connection.http.count != 0 || connection.http.dropped != 0 || generation == 0) {
    connection.http.verdict = HttpVerdict::kStopped;
    connection.connecting_since_us = 0;
    return false;
  }
  connection.generation = generation;
  connection.connecting_since_us = 0;
  return true;
}

void give_up_if_missed(Visit& visit) noexcept {
  if (shm::read_alone(visit.connection.missed) == 0) return;
  shm::write_alone(visit.connection.missed, std::uint8_t{0});
  if (is_followed(visit.connection.http)) count_unobserved(Unobserved::kContended);
  http_give_up(visit.connection.http, visit.watch, visit.now);
}

template <class Action>
void visit_connection(int fd, Action action) noexcept {
  const auto index = static_cast<unsigned>(fd);
  Connection* const connection = take(index);
  if (connection == nullptr) return;
  if (adopt(*connection)) {
    Visit visit(*connection);
    give_up_if_missed(visit);
    action(visit);
  }
  release(index);
}

void end_connecting(Visit& visit) noexcept {
  Connection& connection = visit.connection;
  if (connection.connecting_since_us == 0) return;
  const auto now_us = static_cast<std::uint32_t>(visit.now / 1000);
  if (visit.now != 0) observe_connecting((now_us - connection.connecting_since_us) * 1e-6);
  connection.connecting_since_us = 0;
}

void count_open(unsigned index) noexcept {
  if (index >= kMostDescriptors || generation == 0) return;
  if (shm::read_alone(owners[index]) == generation) return;
  shm::write_alone(owners[index], generation);
  open_connections.add();
}

void count_closed(unsigned index) noexcept {
  if (index >= kMostDescriptors) return;
  const std::uint8_t owner = shm::read_alone(owners[index]);
  if (owner == 0) return;
  shm::write_alone(owners[index], std::uint8_t{0});
  if (owner == generation) open_connections.subtract();
}

}  // namespace

const char* begin_connections(const char* patterns) noexcept {
  connection_count = make_records();
  pthread_atfork(nullptr, nullptr, after_fork_in_child);
  return patterns != nullptr ? add_patterns(patterns) : nullptr;
}

void begin_connection(int fd, const ConnectionStart& start) noexcept {
  const auto index = static_cast<unsigned>(fd);
  end_connection(fd);  // of whoever had the number, and was closed by a way we do not see
  if (is_active(kNet)) count_open(index);
  const bool follows = is_active(kHttp) && start.role != HttpRole::kUnknown;
  if (index >= connection_count || shm::read_alone(watches[index]) != kNone) {
    if (follows) count_unobserved(Unobserved::kDescriptor);
    return;
  }
  // Zero is "connected": a start of exactly that time is a microsecond later.
  const auto since_us = static_cast<std::uint32_t>(start.connecting_since_ns / 1000);
  Connection& connection = connections[index];
  connection = {};
  connection.http.role = start.role;
  connection.http.verdict = follows ? HttpVerdict::kUndecided : HttpVerdict::kNotHttp;
  connection.endpoint = start.endpoint;
  connection.generation = generation;
  connection.connecting_since_us =
      start.connecting_since_ns == 0 ? 0 : std::max(since_us, std::uint32_t{1});
  release(index);
}

void end_connection(int fd) noexcept {
  count_closed(static_cast<unsigned>(fd));
  if (!is_watched(fd)) return;
  visit_connection(fd, [](Visit& visit) {
    http_end(visit.connection.http, visit.watch, visit.now);
    visit.connection.http.verdict = HttpVerdict::kStopped;
    visit.connection.connecting_since_us = 0;
  });
}

void end_connections(unsigned first, unsigned last) noexcept {
  for (unsigned i = first; i <= last && i < kMostDescriptors; ++i) {
    if ((shm::read_alone(watches[i]) | shm::read_alone(owners[i])) != 0)
      end_connection(static_cast<int>(i));
  }
}

void end_writing(int fd) noexcept {
  if (!is_watched(fd)) return;
  visit_connection(
      fd, [](Visit& visit) { http_end_out(visit.connection.http, visit.watch, visit.now); });
}

namespace connection_slow {

void pass(int fd, Way way, ssize_t result, const iovec* parts, std::size_t count) noexcept {
  if (result < 0) return;
  visit_connection(fd, [&](Visit& visit) {
    auto left = static_cast<std::size_t>(result);
    if (left != 0) end_connecting(visit);
    std::size_t room = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = std::min(parts[i].iov_len, left);
      if (size != 0 && way == Way::kIn)
        http_in(visit.connection.http, visit.watch, parts[i].iov_base, size, visit.now);
      if (size != 0 && way == Way::kOut)
        http_out(visit.connection.http, visit.watch, parts[i].iov_base, size, visit.now);
      left -= size;
      room |= parts[i].iov_len;
    }
    const bool at_end = result == 0 && room != 0 && way == Way::kIn;
    if (at_end) http_end_in(visit.connection.http, visit.watch, visit.now);
  });
}

void pass_unseen(int fd, Way way, ssize_t result) noexcept {
  if (result <= 0) return;
  visit_connection(fd, [&](Visit& visit) {
    end_connecting(visit);
    const auto bytes = static_cast<std::uint64_t>(result);
    if (way == Way::kIn) http_body_in(visit.connection.http, visit.watch, bytes, visit.now);
    if (way == Way::kOut) http_body_out(visit.connection.http, visit.watch, bytes, visit.now);
  });
}

}  // namespace connection_slow
}  // namespace notch::preload
