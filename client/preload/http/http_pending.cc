#include "client/preload/http/http_pending.h"

#include <algorithm>
#include <limits>

namespace notch::preload::http_parts {
namespace {

constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;

std::uint64_t stored_time(std::uint64_t time) noexcept {
  return time == 0 ? 0 : std::max<std::uint64_t>(time & kTimeMask, 1);
}

// The time from one stored time to another, modulo 48 bits; zero if the clock went back a little.
std::uint64_t passed_between(std::uint64_t from, std::uint64_t to) noexcept {
  const std::uint64_t passed = (to - from) & kTimeMask;
  return passed > kTimeMask / 2 ? 0 : passed;
}

std::uint64_t start_of(const HttpPending& pending) noexcept {
  return std::uint64_t{pending.start_high} << 32 | pending.start_low;
}

std::uint64_t end_of(const HttpEarly& early) noexcept {
  return std::uint64_t{early.end_high} << 32 | early.end_low;
}

std::uint32_t saturated(std::uint64_t bytes) noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

// The body of the request that `request` reads or read last.
std::uint64_t body_bytes_read(const HttpConnection& connection) noexcept {
  return in_head(connection.request) ? 0 : connection.request.number;
}

// How an exchange ended.
struct End {
  HttpError error;
  HttpLoss loss;
  std::uint16_t status;
  std::uint64_t body_bytes;
  std::uint64_t time;
  bool presumed = false;
};

// Takes the oldest request away, and tells its end if its start was told.
void take_oldest(Feed& feed, const End& end) noexcept {
  HttpConnection& connection = feed.connection;
  const HttpPending& pending = oldest(connection);
  const bool being_read = is_being_read(connection);
  if (pending.announced != 0) {
    const std::uint64_t start = start_of(pending);
    const std::uint64_t time = stored_time(end.time);
    const bool timed = time != 0 && start != 0;
    const HttpObserver& observer = *feed.watch.observer;
    observer.finished(
        observer.context,
        {.role = connection.role,
         .method = pending.method,
         .secure = connection.secure,
         .version_1_0 = pending.version_1_0 != 0,
         .timed = timed,
         .presumed = end.presumed,
         .error = end.error,
         .loss = end.loss,
         .route = pending.route,
         .status = end.status,
         .request_body_bytes = being_read ? body_bytes_read(connection) : pending.body_bytes,
         .response_body_bytes = end.body_bytes,
         .duration = timed ? passed_between(start, time) : 0});
  }
  connection.first = static_cast<std::uint8_t>((connection.first + 1U) % kPendingLimit);
  --connection.count;
  if (being_read) connection.reading = 0;
}

void shift_early(HttpConnection& connection) noexcept {
  for (std::size_t i = 1; i < kEarlyLimit; ++i) connection.early[i - 1] = connection.early[i];
  connection.early[kEarlyLimit - 1] = {};
  --connection.early_count;
}

}  // namespace

HttpPending& oldest(HttpConnection& connection) noexcept {
  return connection.pending[connection.first];
}

HttpPending& newest(HttpConnection& connection) noexcept {
  return connection.pending[(connection.first + connection.count - 1U) % kPendingLimit];
}

bool is_being_read(const HttpConnection& connection) noexcept {
  return connection.count == 1 && connection.reading != 0;
}

bool has_asker(const HttpConnection& connection) noexcept {
  return connection.count > connection.early_count && (connection.signs & kUnowned) == 0;
}

void tell_lost(Feed& feed, HttpLoss loss) noexcept {
  const HttpObserver& observer = *feed.watch.observer;
  observer.lost(observer.context, feed.connection.role, loss);
}

void tell_unasked(Feed& feed, std::uint16_t status) noexcept {
  const HttpLoss loss = feed.connection.loss;
  if (loss != HttpLoss::kNone) return tell_lost(feed, loss);
  const bool complains = status == 400 || status == 408;
  if (!complains) tell_lost(feed, HttpLoss::kUnasked);
}

bool push_request(Feed& feed) noexcept {
  HttpConnection& connection = feed.connection;
  if (connection.reading != 0) newest(connection).body_bytes = saturated(connection.request.number);
  connection.reading = 0;
  if (connection.role == HttpRole::kClient) drop_early(feed, false);
  if ((connection.signs & kOwnEnded) != 0) return false;
  if (connection.early_count == 0 && connection.early_beyond != 0) {
    --connection.early_beyond;
    tell_lost(feed, HttpLoss::kPipelined);
    return false;
  }
  if (connection.count == kPendingLimit || connection.dropped != 0) {
    if (connection.dropped != std::numeric_limits<std::uint16_t>::max()) ++connection.dropped;
    tell_lost(feed, HttpLoss::kPipelined);
    return false;
  }
  ++connection.count;
  connection.reading = 1;
  const bool is_client = connection.role == HttpRole::kClient;
  const std::uint64_t start = stored_time(is_client && feed.now != 0 ? feed.begun : feed.now);
  newest(connection) = {};
  newest(connection).start_low = static_cast<std::uint32_t>(start);
  newest(connection).start_high = static_cast<std::uint16_t>(start >> 32);
  return true;
}

void announce(Feed& feed, HttpPending& pending) noexcept {
  feed.connection.verdict = HttpVerdict::kHttp;
  if (pending.announced != 0) return;
  pending.announced = 1;
  const HttpObserver& observer = *feed.watch.observer;
  observer.started(observer.context,
                   {feed.connection.role, pending.method, feed.connection.secure});
}

void pop(Feed& feed, HttpError error, HttpLoss loss, bool presumed) noexcept {
  HttpConnection& connection = feed.connection;
  const bool answered = connection.status != 0 && !in_head(connection.response);
  take_oldest(feed, {error, loss, answered ? connection.status : std::uint16_t{0},
                     answered ? connection.response.number : 0, feed.now, presumed});
  connection.status = 0;
}

void keep_early(Feed& feed, HttpLoss loss) noexcept {
  HttpConnection& connection = feed.connection;
  if (connection.early_count == kEarlyLimit || connection.early_beyond != 0) {
    if (connection.early_beyond != std::numeric_limits<std::uint16_t>::max())
      ++connection.early_beyond;
  } else {
    const std::uint64_t end = stored_time(feed.now);
    HttpEarly& early = connection.early[connection.early_count++];
    early = {static_cast<std::uint32_t>(end), static_cast<std::uint16_t>(end >> 32),
             connection.status, saturated(connection.response.number)};
    if (loss != HttpLoss::kNone) {
      early.status = 0;
      early.body_bytes = static_cast<std::uint32_t>(loss);
    }
  }
  connection.status = 0;
}

void match_early(Feed& feed) noexcept {
  HttpConnection& connection = feed.connection;
  if (connection.early_count == 0 || !is_being_read(connection)) return;
  const HttpEarly early = connection.early[0];
  shift_early(connection);
  HttpPending& pending = oldest(connection);
  const HttpMethod method = pending.method;
  announce(feed, pending);
  const auto loss = early.status == 0 ? static_cast<HttpLoss>(early.body_bytes) : HttpLoss::kNone;
  take_oldest(feed, {HttpError::kNone, loss, early.status, early.body_bytes, end_of(early)});
  const bool tunnel = method == HttpMethod::kConnect && early.status / 100 == 2;
  if (early.status == 101 || tunnel) stop(feed, HttpLoss::kFraming);
}

void drop_early(Feed& feed, bool all) noexcept {
  HttpConnection& connection = feed.connection;
  const std::uint64_t begun = stored_time(feed.begun);
  while (connection.early_count != 0) {
    const std::uint64_t end = end_of(connection.early[0]);
    const bool before = end != 0 && begun != 0 && passed_between(end, begun) != 0;
    if (!all && !before) return;
    const std::uint16_t status = connection.early[0].status;
    shift_early(connection);
    if (connection.owed != 0) {
      --connection.owed;  // its request is counted already
    } else {
      tell_unasked(feed, status);
    }
  }
  for (; all && connection.early_beyond != 0; --connection.early_beyond) tell_unasked(feed, 0);
}

void lose_pending(Feed& feed, HttpLoss loss) noexcept {
  HttpConnection& connection = feed.connection;
  const std::size_t most = std::numeric_limits<std::uint8_t>::max();
  std::size_t owed = std::size_t{connection.owed} + connection.dropped;
  while (connection.count > connection.early_count && oldest(connection).announced != 0) {
    pop(feed, HttpError::kNone, loss);
    ++owed;
  }
  connection.dropped = 0;
  connection.owed = static_cast<std::uint8_t>(std::min(owed, most));
}

void stop(Feed& feed, HttpLoss loss) noexcept {
  HttpConnection& connection = feed.connection;
  drop_early(feed, true);
  while (connection.count != 0) pop(feed, HttpError::kNone, loss);
  connection.verdict =
      connection.verdict == HttpVerdict::kUndecided ? HttpVerdict::kNotHttp : HttpVerdict::kStopped;
}

}  // namespace notch::preload::http_parts
