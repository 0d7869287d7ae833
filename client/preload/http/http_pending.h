// The exchanges of a connection as the machine reads it: who waits for an answer, which answer
// waits for its request, and what is told of each. Called by: http_machine.
#pragma once

#include <cstdint>

#include "client/preload/http/http_connection.h"
#include "client/preload/http/http_exchange.h"

namespace notch::preload::http_parts {

// One call's worth of arguments.
struct Feed {
  HttpConnection& connection;
  const HttpWatch& watch;
  std::uint64_t now;
  std::uint64_t begun;  // of the call; for a client's request the time it starts
};

inline bool in_head(const HttpStream& stream) noexcept {
  return stream.stage >= HttpStage::kMethod && stream.stage <= HttpStage::kSkipLine &&
         (stream.flags & kTrailers) == 0;
}

HttpPending& oldest(HttpConnection& connection) noexcept;
HttpPending& newest(HttpConnection& connection) noexcept;

// Whether the one request that is pending is what `request` reads, or read last.
bool is_being_read(const HttpConnection& connection) noexcept;

// Whether the answer being read, or the next one, is a pending request's.
bool has_asker(const HttpConnection& connection) noexcept;

// An exchange that never started, or whose start is not known here.
void tell_lost(Feed& feed, HttpLoss loss) noexcept;

// There was an answer, and no request: it was lost, or never seen. Or never there, where a server
// complains of silence (400, 408).
void tell_unasked(Feed& feed, std::uint16_t status) noexcept;

// A request has begun: a place among the pending ones. False: it is dropped, and counted; or it is none
// (kOwnEnded).
bool push_request(Feed& feed) noexcept;

void announce(Feed& feed, HttpPending& pending) noexcept;

// Takes the oldest request away, and tells how it ended: with the answer that was read last.
void pop(Feed& feed, HttpError error, HttpLoss loss, bool presumed = false) noexcept;

// The answer that was read last, or lost, came before its request is known whole.
void keep_early(Feed& feed, HttpLoss loss) noexcept;

// The request being read is over: so is its exchange, if the answer was early.
void match_early(Feed& feed) noexcept;

// Nobody asked for the early answers that ended before this call began; with `all`, for none.
void drop_early(Feed& feed, bool all) noexcept;

// All requests whose line is known are over, and lost; answers to them may still come.
void lose_pending(Feed& feed, HttpLoss loss) noexcept;

// Nothing more is followed; what is pending is over.
void stop(Feed& feed, HttpLoss loss) noexcept;

}  // namespace notch::preload::http_parts
