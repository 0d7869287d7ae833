#include "client/preload/connection_record.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>

#include "client/preload/clock.h"
#include "client/preload/handover.h"
#include "client/preload/http_figures.h"
#include "client/wiped.h"
#include "shm/memory_order.h"

namespace notch::preload {
namespace {

// Tries to get a record, with a pause of some 40 ns between two: longer than a reading takes.
constexpr int kMostTries = 64;
// And until a note is left, where it is given back and taken all the time.
constexpr int kMostNotes = 4096;

// The records' part of the memory that the library may take, where that is limited.
constexpr std::uint64_t kShareOfSpare = 4;

std::uint8_t generation = 0;  // 1 once they are counted, one more in each child
HttpRoutes routes;

std::uint64_t last_fork_ns = 0;

// NR6. REQUIRES: an exchange that is presumed to have ended without its answer, or within it.
[[gnu::cold, gnu::noinline]] bool is_doubtful(const Connection& connection,
                                              const HttpExchange& exchange) noexcept {
  // Relaxed: whoever began to write before the client could end is seen, by way of the client.
  if (connection.doubted != 0 || shm::read_alone(connection.answering) == kBegun) return true;
  // Relaxed: a fork that another thread has begun at this very moment cannot have answered yet.
  const std::uint64_t forked_ns = shm::read_alone(last_fork_ns);
  return exchange.timed && forked_ns != 0 && now_ns() - exchange.duration <= forked_ns;
}

void after_fork_in_child() noexcept {
  if (generation != 0) ++generation;
  forget_handed_over();
}

void note_started(void*, const HttpRequestStart& start) {
  count_started(start);
}
void note_finished(void* context, const HttpExchange& exchange) {
  const Connection& connection = *static_cast<const Connection*>(context);
  if (!exchange.presumed || !is_doubtful(connection, exchange))
    return count_finished(exchange, connection.endpoint, routes);
  HttpExchange unended = exchange;
  unended.loss = HttpLoss::kUnended;
  count_finished(unended, connection.endpoint, routes);
}
void note_lost(void*, HttpRole role, HttpLoss loss) {
  count_lost(role, loss);
}

void settle(Connection& connection, std::uint8_t notes) noexcept {
  if (!adopt(connection)) return;
  const Visit visit(connection);
  if ((notes & kMissedIn) != 0) http_miss(connection.http, visit.watch, true, visit.now);
  if ((notes & kMissedOut) != 0) http_miss(connection.http, visit.watch, false, visit.now);
  if ((notes & kEnds) != 0) {
    http_end(connection.http, visit.watch, visit.now);
    connection.http.verdict = HttpVerdict::kStopped;
    connection.connecting_since_ns = 0;
  }
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
      observer{&visited, note_started, note_finished, note_lost},
      watch{&observer, &routes} {}

Taking take_record(Connection& connection, std::uint8_t note) noexcept {
  for (int tries = 0; tries < kMostNotes; ++tries) {
    // [tag: connection] what the last holder wrote is seen.
    if (shm::exchange_if(connection.state, std::uint8_t{kFree}, std::uint8_t{kTaken}))
      return Taking::kTaken;
    const std::uint8_t state = shm::read_alone(connection.state);
    if (state == kQuiet) return Taking::kQuiet;
    const auto noted = static_cast<std::uint8_t>(state | note);
    // [tag: connection] what is lost is all in the note; the holder takes it back with its exchange.
    if ((state & kTaken) != 0 && tries >= kMostTries &&
        shm::exchange_if(connection.state, state, noted))
      return Taking::kNoted;
    shm::pause();
  }
  return Taking::kNoted;
}

void release_record(Connection& connection) noexcept {
  for (std::uint8_t ended = 0;;) {
    const bool wanted = is_followed(connection.http) || connection.connecting_since_ns != 0;
    const std::uint8_t given = wanted ? kFree : kQuiet;
    if (ended != 0) shm::write_alone(connection.numbers, std::uint16_t{0});
    // [tag: connection] Publishes all that the holder wrote in the record; else who takes it next could
    // go on from a part of it.
    if (shm::publish_first(connection.state, std::uint8_t{kTaken}, given)) return;
    const std::uint8_t state = shm::read_alone(connection.state);
    // [tag: connection] the notes are all that is read on the strength of this.
    if (!shm::exchange_if(connection.state, state, std::uint8_t{kTaken})) continue;
    settle(connection, state);
    ended = state & kEnds;
  }
}

bool adopt(Connection& connection) noexcept {
  if (connection.generation == generation && generation != 0) return true;
  connection.connecting_since_ns = 0;
  if (generation == 0) {
    connection.http.verdict = HttpVerdict::kStopped;
    return false;
  }
  connection.generation = generation;
  http_inherit(connection.http);
  return true;
}

void end_record(Connection& connection) noexcept {
  const Taking taking = take_record(connection, kEnds);
  if (taking == Taking::kNoted) return;
  if (taking == Taking::kTaken) {
    settle(connection, kEnds);
    release_record(connection);
  }
  shm::publish(connection.numbers, std::uint16_t{0});  // [tag: connection]
}

}  // namespace notch::preload
