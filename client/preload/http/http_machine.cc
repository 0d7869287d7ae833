#include "client/preload/http/http_machine.h"

#include <algorithm>

#include "client/preload/http/http_message.h"
#include "client/preload/http/http_pending.h"

namespace notch::preload {
namespace {

using namespace http_parts;

// --- Where step is lost.

// Before anything made it HTTP: it is none.
bool leave_if_undecided(Feed& feed) {
  if (feed.connection.verdict != HttpVerdict::kUndecided) return false;
  stop(feed, HttpLoss::kFraming);
  return true;
}

void lose_requests(Feed& feed, HttpLoss loss) {
  HttpConnection& connection = feed.connection;
  if (in_head(connection.request)) connection.request.number = 0;
  connection.request.stage = HttpStage::kLost;
  connection.loss = loss;
  connection.signs |= kGuessed;
  match_early(feed);
}

void lose_answers(Feed& feed, HttpLoss loss) {
  HttpConnection& connection = feed.connection;
  const bool is_next = connection.role == HttpRole::kClient && connection.status != 0 &&
                       !has_asker(connection) && (connection.signs & kUnowned) == 0;
  if (is_next) keep_early(feed, loss);
  lose_pending(feed, loss);
  connection.response.stage = HttpStage::kLost;
  connection.response.flags = 0;
  connection.status = 0;
  connection.signs = static_cast<std::uint8_t>((connection.signs & ~kUnowned) | kGuessed);
}

// --- Answers that concern both directions.

void finish_response(Feed& feed) {
  HttpConnection& connection = feed.connection;
  HttpStream& request = connection.request;
  begin_idle(connection.response);
  if ((connection.signs & kUnowned) != 0) {
    connection.signs &= static_cast<std::uint8_t>(~kUnowned);
    connection.status = 0;
    return;
  }
  const bool being_read = is_being_read(connection);
  const bool body_due =
      request.stage == HttpStage::kBodyLength || request.stage == HttpStage::kChunkSize;
  const bool is_refused = being_read && body_due && (request.flags & kExpects) != 0;
  if (is_refused) begin_idle(request);
  const bool is_open = being_read && request.stage != HttpStage::kIdle &&
                       request.stage != HttpStage::kUntilClose && request.stage != HttpStage::kLost;
  const bool is_early = connection.role == HttpRole::kClient && (is_open || !has_asker(connection));
  if (is_early) return keep_early(feed, HttpLoss::kNone);
  pop(feed, HttpError::kNone, HttpLoss::kNone);
}

bool is_tunnel(HttpMethod method, std::uint16_t status) {
  return status == 101 || (method == HttpMethod::kConnect && status >= 200 && status < 300);
}

// The request's method is known only now, and the head of its answer is read already: without a
// body, if it says so.
void settle_answer(Feed& feed) {
  HttpConnection& connection = feed.connection;
  const bool is_head_over = connection.status >= 200 && !in_head(connection.response);
  if (!is_being_read(connection) || !has_asker(connection) || !is_head_over) return;
  const HttpMethod method = oldest(connection).method;
  const bool is_bodiless = method == HttpMethod::kHead && connection.response.number == 0;
  if (is_bodiless) finish_response(feed);
  if (!is_tunnel(method, connection.status)) return;
  pop(feed, HttpError::kNone, HttpLoss::kNone);
  stop(feed, HttpLoss::kFraming);
}

// --- Requests.

// An answer whose end is doubtful is over when the client asks again.
void end_doubtful_answer(Feed& feed) {
  HttpConnection& connection = feed.connection;
  HttpStream& response = connection.response;
  if (connection.role == HttpRole::kServer && response.stage == HttpStage::kUntilClose) {
    if ((connection.signs & kUnowned) != 0) return finish_response(feed);
    const bool is_doubtful = (response.flags & (kBadFraming | kHasCoding)) != 0;
    if (is_doubtful) lose_answers(feed, HttpLoss::kFraming);
  }
  // Bytes that began like an answer and have no status were none, such as a body behind HEAD.
  const bool is_none =
      connection.role == HttpRole::kServer && in_head(response) && connection.status == 0;
  if (connection.count != 0 || (response.stage != HttpStage::kLost && !is_none)) return;
  begin_idle(response);
  connection.signs &= static_cast<std::uint8_t>(~kUnowned);
}

void begin_request(Feed& feed) {
  HttpConnection& connection = feed.connection;
  end_doubtful_answer(feed);
  push_request(feed);
  begin_message(connection.request, HttpStage::kMethod);
  connection.cursor = {};
}

// Step is found again, at a request line. What was taken for a request, and was none that anybody
// answered, is none.
void resume_requests(Feed& feed) {
  HttpConnection& connection = feed.connection;
  const bool is_unknown = connection.reading != 0 && newest(connection).announced == 0;
  if (is_unknown && has_asker(connection) && connection.status == 0) {
    --connection.count;
    connection.reading = 0;
    tell_lost(feed, connection.loss);
  }
  begin_request(feed);
  connection.loss = HttpLoss::kNone;
}

void end_method(Feed& feed) {
  HttpConnection& connection = feed.connection;
  const HttpMethod method = method_of(connection.request.number);
  if (connection.reading != 0 && newest(connection).announced == 0) {
    newest(connection).method = method;
  }
  // Where the answer to it ends could not be known.
  const bool blind = method == HttpMethod::kHead || method == HttpMethod::kConnect;
  if (blind && connection.dropped != 0) return lose_requests(feed, HttpLoss::kPipelined);
  begin_part(connection.request, HttpStage::kTarget);
}

void end_request_line(Feed& feed) {
  HttpConnection& connection = feed.connection;
  const std::uint16_t node = end_target(*feed.watch.routes, connection.cursor);
  connection.verdict = HttpVerdict::kHttp;
  connection.request.stage = HttpStage::kLineStart;
  if (connection.reading == 0 || (connection.signs & kOwnEnded) != 0) return;
  HttpPending& pending = newest(connection);
  pending.route = route_of(*feed.watch.routes, node);
  pending.version_1_0 = (connection.request.flags & kVersion10) != 0;
  announce(feed, pending);
  if (connection.role == HttpRole::kClient) settle_answer(feed);
}

void end_request(Feed& feed) {
  begin_idle(feed.connection.request);
  match_early(feed);
}

void end_request_head(Feed& feed) {
  HttpStream& request = feed.connection.request;
  const HttpStage stage = body_stage(request, HttpStage::kIdle);
  if (!begin_body(request, stage)) return match_early(feed);
  if (stage != HttpStage::kUntilClose) return;
  // No request lasts until the connection ends. The server knows how long it is; the next one shows.
  feed.connection.loss = HttpLoss::kFraming;
  feed.connection.signs |= kGuessed;
  match_early(feed);
}

void read_request_head(Feed& feed, HttpBytes& bytes) {
  HttpStream& request = feed.connection.request;
  const HttpStage stage = request.stage;
  const HeadStep step = read_part(feed, request, bytes);
  if (step == HeadStep::kFault) {
    if (!leave_if_undecided(feed)) lose_requests(feed, HttpLoss::kFraming);
    return;
  }
  if (step == HeadStep::kMore) return;
  if (stage == HttpStage::kMethod) {
    end_method(feed);
  } else if (stage == HttpStage::kTarget) {
    begin_part(request, HttpStage::kVersion);
  } else if (stage == HttpStage::kVersion) {
    begin_part(request, HttpStage::kLineEnd);
  } else if (stage == HttpStage::kLineEnd) {
    end_request_line(feed);
  } else {
    end_request_head(feed);
  }
}

void read_idle_request(Feed& feed, HttpBytes& bytes) {
  HttpConnection& connection = feed.connection;
  const HeadStep step = skip_empty_lines(connection.request, bytes);
  if (step == HeadStep::kMore) return;
  // The first byte of all settles most of what is not HTTP. Later on even garbage is a request: the
  // server answers it.
  const unsigned letter = step == HeadStep::kOver ? *bytes.at | 0x20U : 0;
  const bool doubtful = letter < 'a' || letter > 'z';
  if (doubtful && leave_if_undecided(feed)) return;
  if (step == HeadStep::kFault) return lose_requests(feed, HttpLoss::kFraming);
  begin_request(feed);
}

// Whether the bytes are to be read: step is there, or found at their start.
bool has_request_step(Feed& feed, HttpBytes bytes) {
  HttpConnection& connection = feed.connection;
  const HttpStage stage = connection.request.stage;
  if (stage != HttpStage::kLost && stage != HttpStage::kUntilClose) return true;
  if (begins_request(bytes)) {
    resume_requests(feed);
    return true;
  }
  if (leave_if_undecided(feed)) return false;
  if (stage == HttpStage::kUntilClose)
    connection.request.number += static_cast<std::uint64_t>(bytes.end - bytes.at);
  return false;
}

void read_requests(Feed& feed, HttpBytes bytes) {
  HttpStream& request = feed.connection.request;
  if (!has_request_step(feed, bytes)) return;
  while (bytes.at != bytes.end && is_followed(feed.connection)) {
    if (request.stage == HttpStage::kLost) return;
    if (request.stage == HttpStage::kIdle) {
      read_idle_request(feed, bytes);
    } else if (in_head(request)) {
      read_request_head(feed, bytes);
    } else {
      const HeadStep step = read_body(feed, request, bytes);
      if (step == HeadStep::kFault) return lose_requests(feed, HttpLoss::kFraming);
      if (step == HeadStep::kOver) end_request(feed);
    }
  }
}

// --- Responses.

// An answer without a pending request: dropped, counted as lost, or never seen.
void count_unowned(Feed& feed) {
  HttpConnection& connection = feed.connection;
  if (connection.dropped != 0) {
    --connection.dropped;
  } else if (connection.owed != 0) {
    --connection.owed;
  } else {
    tell_unasked(feed, connection.status);
  }
}

// The head of an answer is over: what is it, and what follows?
void end_response_head(Feed& feed) {
  HttpConnection& connection = feed.connection;
  HttpStream& response = connection.response;
  const std::uint16_t status = connection.status;
  if (status < 200 && status != 101) {
    connection.status = 0;
    connection.request.flags &= static_cast<std::uint8_t>(~kExpects);
    connection.signs &= static_cast<std::uint8_t>(~kUnowned);
    response.flags = 0;
    return begin_idle(response);
  }
  if ((connection.signs & kUnowned) != 0) count_unowned(feed);
  const bool asked = has_asker(connection);
  const HttpMethod method = asked ? oldest(connection).method : HttpMethod::kOther;
  if (is_tunnel(method, status)) {
    response.number = 0;
    finish_response(feed);
    if (connection.early_count == 0) return stop(feed, HttpLoss::kFraming);
    response.stage = HttpStage::kLost;  // the request is still to be known
    connection.signs |= kGuessed;
    return;
  }
  const bool bodiless = method == HttpMethod::kHead || status == 204 || status == 304;
  const HttpStage stage =
      bodiless ? HttpStage::kIdle : body_stage(response, HttpStage::kUntilClose);
  if (!begin_body(response, stage)) return finish_response(feed);
  if (!asked) connection.signs |= kGuessed;
}

void end_status(Feed& feed) {
  HttpConnection& connection = feed.connection;
  connection.status = static_cast<std::uint16_t>(connection.response.number);
  begin_part(connection.response, HttpStage::kReason);
  connection.verdict = HttpVerdict::kHttp;
  if (has_asker(connection)) announce(feed, oldest(connection));
}

void read_response_head(Feed& feed, HttpBytes& bytes) {
  HttpConnection& connection = feed.connection;
  HttpStream& response = connection.response;
  const HttpStage stage = response.stage;
  const HeadStep step = read_part(feed, response, bytes);
  if (step == HeadStep::kFault) {
    if (!leave_if_undecided(feed)) lose_answers(feed, HttpLoss::kFraming);
    return;
  }
  if (step == HeadStep::kMore) return;
  if (stage == HttpStage::kVersion) {
    begin_part(response, HttpStage::kStatus);
  } else if (stage == HttpStage::kStatus) {
    end_status(feed);
  } else if (stage == HttpStage::kReason) {
    response.stage = HttpStage::kLineStart;
  } else {
    end_response_head(feed);
  }
}

void read_idle_response(Feed& feed, HttpBytes& bytes) {
  HttpConnection& connection = feed.connection;
  const HeadStep step = skip_empty_lines(connection.response, bytes);
  if (step == HeadStep::kMore) return;
  if (step == HeadStep::kFault) {
    if (!leave_if_undecided(feed)) lose_answers(feed, HttpLoss::kFraming);
    return;
  }
  const bool is_early = connection.role == HttpRole::kClient && connection.dropped == 0;
  if (connection.count == 0 && !is_early) connection.signs |= kUnowned;
  begin_message(connection.response, HttpStage::kVersion);
}

// As has_request_step(). A body that nobody knows to be there is none if an answer begins instead.
bool has_answer_step(Feed& feed, HttpBytes bytes) {
  HttpConnection& connection = feed.connection;
  HttpStream& response = connection.response;
  if (response.stage == HttpStage::kLost) {
    if (!begins_answer(bytes)) return false;
    begin_idle(response);
    return true;
  }
  const bool doubtful = response.stage >= HttpStage::kBodyLength && response.number == 0 &&
                        connection.status != 0 && !has_asker(connection);
  if (doubtful && begins_answer(bytes)) finish_response(feed);
  return true;
}

void read_responses(Feed& feed, HttpBytes bytes) {
  HttpStream& response = feed.connection.response;
  if (!has_answer_step(feed, bytes)) return;
  while (bytes.at != bytes.end && is_followed(feed.connection)) {
    if (response.stage == HttpStage::kLost) return;
    if (response.stage == HttpStage::kIdle) {
      read_idle_response(feed, bytes);
    } else if (in_head(response)) {
      read_response_head(feed, bytes);
    } else {
      const HeadStep step = read_body(feed, response, bytes);
      if (step == HeadStep::kFault) return lose_answers(feed, HttpLoss::kFraming);
      if (step == HeadStep::kOver) finish_response(feed);
    }
  }
}

// --- Ends.

// Where nothing but the end ends the answer.
void end_open_answer(Feed& feed) {
  if (feed.connection.response.stage == HttpStage::kUntilClose) finish_response(feed);
}

// Every pending request is over without a whole answer. Behind an answer that says that it is the
// last, a server looks at none.
void fail_pending(Feed& feed, bool is_certain) {
  HttpConnection& connection = feed.connection;
  const HttpStream& response = connection.response;
  const bool is_last = connection.role == HttpRole::kServer && is_last_message(response);
  bool is_heard = !is_last || (response.stage != HttpStage::kIdle && has_asker(connection));
  while (connection.count > connection.early_count) {
    const bool cut_short = connection.status != 0 && !in_head(response);
    const HttpError error = cut_short ? HttpError::kCutShort : HttpError::kNoAnswer;
    const bool is_presumed = !is_certain && oldest(connection).cut == 0;
    if (is_heard) {
      pop(feed, error, HttpLoss::kNone, is_presumed);
    } else {
      pop(feed, HttpError::kNone, HttpLoss::kUnheard);
    }
    is_heard = !is_last;
  }
}

// Nothing more of an answer comes, or goes.
void break_answers(Feed& feed) {
  HttpConnection& connection = feed.connection;
  fail_pending(feed, true);
  if (connection.response.stage == HttpStage::kIdle) return;
  connection.response.stage = HttpStage::kLost;
  connection.signs |= kGuessed;
}

// The request that is being read will never be whole.
void cut_request(HttpConnection& connection) {
  const HttpStage stage = connection.request.stage;
  const bool is_whole =
      stage == HttpStage::kIdle || stage == HttpStage::kLost || stage == HttpStage::kUntilClose;
  if (connection.reading != 0 && !is_whole) newest(connection).cut = 1;
}

bool carries_requests(const HttpConnection& connection, bool in) {
  return in == (connection.role == HttpRole::kServer);
}

}  // namespace

namespace http_slow {

void pass_bytes(HttpConnection& connection, const HttpWatch& watch, const void* bytes,
                std::size_t size, bool in, HttpTimes times) noexcept {
  if (connection.role == HttpRole::kUnknown) return;
  Feed feed{connection, watch, times.now, times.begun};
  const auto* at = static_cast<const unsigned char*>(bytes);
  const HttpBytes range{at, at + size};
  if (carries_requests(connection, in)) {
    read_requests(feed, range);
  } else {
    read_responses(feed, range);
  }
}

void pass_body(HttpConnection& connection, const HttpWatch& watch, std::uint64_t count, bool in,
               std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kUnknown || count == 0) return;
  Feed feed{connection, watch, now, now};
  const bool requests = carries_requests(connection, in);
  HttpStream& stream = requests ? connection.request : connection.response;
  if (stream.stage == HttpStage::kLost) return;
  const bool fits = is_plain_body(stream.stage) &&
                    (stream.stage == HttpStage::kUntilClose || count <= stream.left);
  if (!fits) {
    if (leave_if_undecided(feed)) return;
    return requests ? lose_requests(feed, HttpLoss::kFraming)
                    : lose_answers(feed, HttpLoss::kFraming);
  }
  stream.flags &= static_cast<std::uint8_t>(~kExpects);
  if (!take_body(stream, count)) return;
  if (requests) {
    end_request(feed);
  } else {
    finish_response(feed);
  }
}

void miss(HttpConnection& connection, const HttpWatch& watch, bool in, std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kUnknown) return;
  Feed feed{connection, watch, now, 0};
  if (carries_requests(connection, in)) {
    // Between two requests it was the next one, whatever it said.
    const bool is_next =
        connection.request.stage == HttpStage::kIdle && connection.verdict == HttpVerdict::kHttp;
    if (is_next) begin_request(feed);
    lose_requests(feed, HttpLoss::kContended);
  } else {
    lose_answers(feed, HttpLoss::kContended);
  }
}

void inherit(HttpConnection& connection) noexcept {
  const unsigned pending = connection.count + connection.dropped;
  if (pending == 0 && connection.early_count == 0) return;
  const bool is_between = connection.status == 0 && connection.response.stage == HttpStage::kIdle;
  if (!is_between) connection.response.stage = HttpStage::kLost;
  connection.owed = static_cast<std::uint8_t>(std::min(connection.owed + pending, 255U));
  connection.count = connection.reading = connection.early_count = 0;
  connection.dropped = connection.early_beyond = connection.status = 0;
  connection.signs |= kGuessed;
}

void end_of_peer(HttpConnection& connection, const HttpWatch& watch, bool broken,
                 std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kUnknown) return;
  Feed feed{connection, watch, now, now};
  connection.signs |= kPeerEnded;
  if (connection.role == HttpRole::kServer) return cut_request(connection);
  if (!broken) end_open_answer(feed);
  break_answers(feed);
}

void end_of_own(HttpConnection& connection, const HttpWatch& watch, bool broken,
                std::uint64_t now) noexcept {
  if (connection.role == HttpRole::kUnknown) return;
  Feed feed{connection, watch, now, now};
  if (connection.role == HttpRole::kClient) {
    if (broken) cut_request(connection);
    return;
  }
  if (!broken) end_open_answer(feed);
  if (broken) break_answers(feed);
  connection.signs |= kOwnEnded;
}

void end(HttpConnection& connection, const HttpWatch& watch, std::uint64_t now) noexcept {
  Feed feed{connection, watch, now, now};
  end_open_answer(feed);
  match_early(feed);
  const bool is_half_read = connection.role == HttpRole::kClient && connection.status >= 200 &&
                            !has_asker(connection) && (connection.signs & kUnowned) == 0;
  if (is_half_read) keep_early(feed, HttpLoss::kUnended);
  // A line that is known in part was a request, whose rest was missed.
  const bool is_missed = connection.reading != 0 && newest(connection).announced == 0 &&
                         connection.loss == HttpLoss::kContended;
  if (is_missed) tell_lost(feed, HttpLoss::kContended);
  const bool is_certain =
      connection.role == HttpRole::kClient && (connection.signs & kPeerEnded) != 0;
  fail_pending(feed, is_certain);
  if (is_followed(connection)) stop(feed, HttpLoss::kUnended);
}

}  // namespace http_slow
}  // namespace notch::preload
