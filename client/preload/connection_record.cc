#include "client/preload/connection_record.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>

#include "client/preload/clock.h"
#include "client/preload/http_figures.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

constexpr auto kNone = static_cast<std::uint8_t>(Watch::kNone);
constexpr auto kFree = static_cast<std::uint8_t>(Watch::kFree);
constexpr auto kTaken = static_cast<std::uint8_t>(Watch::kTaken);

// Tries to get a record, with a pause of some 40 ns between two: longer than a reading takes.
constexpr int kMostTries = 64;

// Of the memory that the library may take, the records' part where it is limited.
constexpr std::uint64_t kShareOfSpare = 4;

std::uint8_t generation = 0;  // 1 once they are counted, one more in each child
HttpRoutes routes;

std::uint64_t last_fork_ns = 0;

// N5. REQUIRES: an exchange that ended without its answer, or within it.
[[gnu::cold, gnu::noinline]] bool is_doubtful(const Connection& connection,
                                              const HttpExchange& exchange) noexcept {
  if (connection.doubted != 0) return true;
  // Relaxed: a fork that another thread has begun at this very moment cannot have answered yet.
  const std::uint64_t forked_ns = shm::read_alone(last_fork_ns);
  return exchange.timed && forked_ns != 0 && now_ns() - exchange.duration <= forked_ns;
}

void after_fork_in_child() noexcept {
  if (generation != 0) ++generation;
}

void note_started(void*, const HttpRequestStart& start) {
  count_started(start);
}
void note_finished(void* context, const HttpExchange& exchange) {
  const Connection& connection = *static_cast<const Connection*>(context);
  if (!ended_early(exchange.error) || !is_doubtful(connection, exchange))
    return count_finished(exchange, connection.endpoint, routes);
  HttpExchange unended = exchange;
  unended.error = HttpError::kGaveUp;
  count_finished(unended, connection.endpoint, routes);
}
void note_dropped(void*) {
  count_unobserved(Unobserved::kPipelined);
}

}  // namespace

unsigned wanted_records(unsigned most) noexcept {
  const std::uint64_t spare = client::spare_private_memory();
  struct rlimit descriptors {};
  if (spare == ~std::uint64_t{0} || getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return most;
  const std::uint64_t allowed = std::min<std::uint64_t>(descriptors.rlim_cur, most);
  return static_cast<unsigned>(std::min(allowed, spare / kShareOfSpare / sizeof(Connection)));
}

bool make_room(const Records& records, unsigned index) noexcept {
  if (index >= records.count) return false;
  Connection*& page = records.pages[index / kRecordsOfPage];
  if (shm::observe(page) != nullptr) return true;  // [tag: connection]
  auto* const made = reinterpret_cast<Connection*>(take_record_page());
  if (made == nullptr) return false;
  Connection* const none = nullptr;
  shm::publish_first(page, none, made);  // [tag: connection] if not, a page is lost
  return true;
}

std::uint8_t process_generation() noexcept {
  return generation;
}

void note_fork() noexcept {
  if (generation != 0) shm::write_alone(last_fork_ns, now_ns());
}

void count_generations() noexcept {
  generation = 1;
  pthread_atfork(note_fork, nullptr, after_fork_in_child);
}

const char* add_route_patterns(const char* patterns) noexcept {
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

Visit::Visit(Connection& visited) noexcept
    : connection(visited),
      now(now_ns()),
      observer{&visited, note_started, note_finished, note_dropped},
      watch{&observer, &routes} {}

void release_record(const Records& records, unsigned index) noexcept {
  const Connection& connection = records.at(index);
  const bool wanted = is_followed(connection.http) || connection.connecting_since_us != 0;
  shm::publish(records.watches[index], wanted ? kFree : kNone);  // [tag: connection]
}

Connection* take_record(const Records& records, unsigned index) noexcept {
  if (index >= records.count) return nullptr;
  // [tag: connection] what the last holder wrote is seen.
  for (int tries = 0; !shm::exchange_if(records.watches[index], kFree, kTaken); ++tries) {
    if (shm::read_alone(records.watches[index]) == kNone) return nullptr;
    if (tries == kMostTries) {
      shm::write_alone(records.at(index).missed, std::uint8_t{1});
      return nullptr;
    }
    shm::pause();
  }
  return &records.at(index);
}

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

void end_record(Visit& visit) noexcept {
  http_end(visit.connection.http, visit.watch, visit.now);
  visit.connection.http.verdict = HttpVerdict::kStopped;
  visit.connection.connecting_since_us = 0;
}

}  // namespace notch::preload
