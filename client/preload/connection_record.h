// The record that follows one connection from call to call, and its lock. A descriptor (connections) has
// one, and so has an SSL object (tls_sessions).
//
// A record's byte is its lock. A thread that finds another in there tries again for about as long as
// one reading takes; if that is not enough, it leaves a note of what is lost, which the other acts
// on before it leaves: the machine loses step that way, and finds it again.
// Called by: connections.cc, tls_sessions.cc.
//
// Invariants
//   NR1  Whoever holds the byte has the record alone. [tag: connection]
//   NR2  A record belongs to the process that began it. A forked child goes on with a connection it
//        inherited from the next request on, and never counts its parent's exchanges, nor its open
//        connections.
//   NR3  Errno is not touched. Nothing waits, and there is no system call but in make_room(), for
//        memory that was not there yet.
//   NR4  A record has memory before anything leads to it, and for ever then.
//   NR5  A note that was left is acted on: it is in the byte that the holder gives back.
//   NR6  An exchange whose answer may have passed by a way that is not seen is no error: where only our
//        own close says that there is none, and the connection was doubted, or another thread has begun
//        its first write and has not told of it, or the process has forked since the request began (the
//        child may have answered), or ends itself, the end counts as not seen.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "client/preload/http/http_exchange.h"
#include "client/preload/http/http_machine.h"
#include "client/preload/record_pages.h"
#include "shm/memory_order.h"

namespace notch::preload {

// The values of a record's byte: kQuiet, kFree, or kTaken with notes for the thread that has it.
enum RecordState : std::uint8_t {
  kQuiet = 0,  // nothing of it is looked at, or it is nobody's
  kFree = 1,
  kTaken = 2,
  kMissedIn = 4,  // bytes went by that way meanwhile
  kMissedOut = 8,
  kEnds = 16,  // it is over
};

enum Answering : std::uint8_t { kNoneBegun = 0, kBegun = 1, kTold = 2 };

struct Connection {
  HttpConnection http;
  std::uint64_t connecting_since_ns;  // 0: connect has answered, or it is not timed
  std::uint16_t numbers;              // descriptors that are it, and kInUse until its end is told
  std::uint16_t session;              // the TLS session on it, and 1; 0: none is known
  std::uint8_t endpoint;              // of a client: EndpointId
  std::uint8_t generation;            // of the process it belongs to (NR2)
  std::uint8_t state;                 // RecordState [tag: connection]
  std::uint8_t owner;      // the generation that counts it as open, once its first number is closed
  std::uint8_t doubted;    // a raw call was made on it, or several threads were in it (NR6)
  std::uint8_t looks;      // calls that may still show which side this is; 0: known, or given up
  std::uint16_t thread;    // who was in it first, as far as threads are told apart; 0: nobody
  std::uint8_t answering;  // Answering: a server's first write may be told of after the close (NR6)
  std::uint8_t spare[3];
};
static_assert(sizeof(Connection) == 240);
inline constexpr std::uint16_t kInUse = 0x8000;

enum class Way : std::uint8_t { kIn, kOut };

inline constexpr unsigned kRecordsOfPage = kRecordPageBytes / sizeof(Connection);

constexpr unsigned pages_of(unsigned records) noexcept {
  return (records + kRecordsOfPage - 1) / kRecordsOfPage;
}

struct Records {
  Connection** pages = nullptr;  // null where no record was used yet
  unsigned count = 0;

  // REQUIRES: make_room() of it.
  Connection& at(unsigned index) const noexcept {
    return shm::observe(
        pages[index / kRecordsOfPage])[index % kRecordsOfPage];  // [tag: connection]
  }
};

// How many of `most` may be followed: fewer where memory is limited. For the constructor.
unsigned wanted_records(unsigned most) noexcept;

// Memory for a record, zeroed at first. False: there is none, or it may not be asked for.
bool make_room(const Records& records, unsigned index) noexcept;

// This process, as a child of a fork tells itself from its parent; 0: too deep to be told apart, or
// they are not counted.
std::uint8_t process_generation() noexcept;
void count_generations() noexcept;  // for the constructor

// Before the process forks, by whatever call.
void note_fork() noexcept;

// The routes that the user names, such as `/user/{id}`, joined by commas. For the constructor.
// Returns the first that cannot be one, or null.
const char* add_route_patterns(const char* patterns) noexcept;

// A connection in hand, and what the machine needs beside it.
struct Visit {
  Connection& connection;
  std::uint64_t now;
  HttpObserver observer;
  HttpWatch watch;

  explicit Visit(Connection& visited) noexcept;
  Visit(const Visit&) = delete;
};

enum class Taking : std::uint8_t {
  kTaken,
  kQuiet,  // nothing of it is looked at
  kNoted,  // another thread has it, and was left the note
};
Taking take_record(Connection& connection, std::uint8_t note) noexcept;

// Does what the notes say first.
void release_record(Connection& connection) noexcept;

// Makes it this process's, if it is not (NR2). False: it cannot be told whose it is.
bool adopt(Connection& connection) noexcept;

// The note says what is lost when another thread has the record for too long.
template <class Action>
void visit_record(Connection& connection, std::uint8_t note, Action action) noexcept {
  if (take_record(connection, note) != Taking::kTaken) return;
  if (adopt(connection)) {
    Visit visit(connection);
    action(visit);
  }
  release_record(connection);
}

// Ends it now, or has whoever is in it do that.
void end_record(Connection& connection) noexcept;

}  // namespace notch::preload
