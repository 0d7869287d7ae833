// What is followed of one connection from call to call, and who may be in it: the record that both
// a descriptor (connections) and an SSL object (tls_sessions) have.
//
// A byte beside each record says whether there is anything to do behind a call that moved bytes:
// not for files, not for what is not HTTP. It is also the lock of the record. A thread that finds
// another in there tries again for about as long as one reading takes; if that is not enough, the
// connection is given up and counted as that.
// Called by: connections.cc, tls_sessions.cc.
//
// Invariants
//   N1  Whoever holds the byte has the record alone. [tag: connection]
//   N2  A record belongs to the process that began it. A forked child goes on with a connection it
//       inherited once no exchange is under way on it, and never counts its parent's exchanges,
//       nor its open connections.
//   N3  Errno is not touched. Nothing waits, and there is no system call but in make_room(), for
//       memory that was not there yet.
//   N4  A record has memory before its byte says that it is followed, and for ever then.
//   N5  An exchange whose answer may have passed by a way that is not seen is no error: where the
//       connection ends before an answer was seen, and it was doubted, or the process has forked since
//       the request began (the child may have answered), the end counts as not seen.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "client/preload/http_exchange.h"
#include "client/preload/http_machine.h"
#include "client/preload/record_pages.h"
#include "shm/memory_order.h"

namespace notch::preload {

struct Connection {
  HttpConnection http;
  std::uint8_t endpoint;              // of a client: EndpointId
  std::uint8_t generation;            // of the process it belongs to (N2)
  std::uint8_t missed;                // bytes went by while another thread was in here
  std::uint8_t doubted;               // it has another number, or a raw call was made on it (N5)
  std::uint32_t connecting_since_us;  // 0: connect has answered, or it is not timed
};
static_assert(sizeof(Connection) == 192);

enum class Watch : std::uint8_t { kNone = 0, kFree = 1, kTaken = 2 };

enum class Way : std::uint8_t { kIn, kOut };

inline constexpr unsigned kRecordsOfPage = kRecordPageBytes / sizeof(Connection);

constexpr unsigned pages_of(unsigned records) noexcept {
  return (records + kRecordsOfPage - 1) / kRecordsOfPage;
}

struct Records {
  Connection** pages = nullptr;  // null where no record was used yet
  std::uint8_t* watches = nullptr;
  unsigned count = 0;

  // Relaxed: the byte stands alone, and who races with a close races in the kernel.
  bool is_watched(unsigned index) const noexcept {
    return index < count && shm::read_alone(watches[index]) != 0;
  }
  // REQUIRES: make_room() of it, or its byte was seen set.
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

// The record, if there is one that is followed and nobody has it.
Connection* take_record(const Records& records, unsigned index) noexcept;
void release_record(const Records& records, unsigned index) noexcept;

// Whether this process may count what happens on it (N2).
bool adopt(Connection& connection) noexcept;
void give_up_if_missed(Visit& visit) noexcept;

template <class Action>
void visit_record(const Records& records, unsigned index, Action action) noexcept {
  Connection* const connection = take_record(records, index);
  if (connection == nullptr) return;
  if (adopt(*connection)) {
    Visit visit(*connection);
    give_up_if_missed(visit);
    action(visit);
  }
  release_record(records, index);
}

// It is over, for the machine; nothing that comes is looked at.
void end_record(Visit& visit) noexcept;

}  // namespace notch::preload
