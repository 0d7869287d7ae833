// Any bytes on both sides of a connection, cut anywhere: what is told, and the state that is left,
// are those of the same bytes uncut.
// Called by: libFuzzer (preset `fuzz`), and corpus_replay in every preset.
//
// An input is a letter for the role (`S` server, else client), then steps: a byte of `>` `<` `+`
// `-` (HttpEvents), one byte of length, then so many bytes; after `+` and `-` two bytes instead: a
// length and a shift to the left. Or one of the other bytes of HttpEvents alone. A byte of another
// kind is part of the step before it, at a cut: so plain text, too, is an input. After `^` the next
// step is of a call that began before the last one.
//
// Each step is fed whole, cut in two places that its bytes choose, and byte by byte.
//
// Demanded besides: once a connection is over nothing is pending, and errors are told only where an
// end or a failure was fed, else as presumed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/preload/http/http_events.h"

namespace notch::testing {
namespace {

void demand(bool condition) {
  if (!condition) std::abort();
}

HttpSteps steps_of(std::string_view input) {
  HttpSteps steps;
  while (!input.empty()) {
    const char kind = input.front();
    input.remove_prefix(1);
    const bool body = kind == '+' || kind == '-';
    if (std::string_view(".)!|?{}^").find(kind) != std::string_view::npos) {
      steps.push_back({kind, ""});
    } else if (body && input.size() >= 2) {
      const std::uint64_t count = std::uint64_t{static_cast<unsigned char>(input[0])}
                                  << (static_cast<unsigned char>(input[1]) % 57);
      steps.push_back({kind, std::to_string(count)});
      input.remove_prefix(2);
    } else if ((kind == '>' || kind == '<') && !input.empty()) {
      const std::size_t length =
          std::min<std::size_t>(static_cast<unsigned char>(input[0]), input.size() - 1);
      steps.push_back({kind, std::string(input.substr(1, length))});
      input.remove_prefix(1 + length);
    } else if (!steps.empty() && (steps.back().kind == '>' || steps.back().kind == '<')) {
      steps.back().bytes += kind;
    }
  }
  return steps;
}

// Every request that was told to start is over, or still pending; and no more than may be.
void check(const HttpEvents& events) {
  const HttpConnection& connection = events.connection();
  demand(connection.count <= kPendingLimit && connection.first < kPendingLimit);
  int announced = 0;
  for (unsigned i = 0; i < connection.count; ++i) {
    announced += connection.pending[(connection.first + i) % kPendingLimit].announced;
  }
  demand(events.active() == announced);
  demand(connection.early_count <= kEarlyLimit);
  if (connection.early_count != 0) demand(connection.count <= 1);
  if (connection.early_beyond != 0) demand(connection.role == HttpRole::kClient);
  demand(connection.request.head_bytes <= kHeadLimit);
  demand(connection.response.head_bytes <= kHeadLimit);
  if (!is_followed(connection)) demand(connection.count == 0);
  demand(std::find(events.lines().begin(), events.lines().end(), "WROTE") == events.lines().end());
}

bool has_error(const HttpEvents& events) {
  return std::any_of(events.lines().begin(), events.lines().end(), [](const std::string& line) {
    return line.ends_with("no-answer") || line.ends_with("cut-short");
  });
}

bool is_guessed(const HttpEvents& events) {
  return (events.connection().signs & kGuessed) != 0;
}

void feed_cut(HttpEvents& events, const HttpStep& step, std::uint64_t now, std::uint64_t begun,
              bool bytewise) {
  std::string_view left = step.bytes;
  if (step.kind != '>' && step.kind != '<') return events.feed(step.kind, left, now, begun);
  const unsigned char choice = left.empty() ? '\0' : static_cast<unsigned char>(left.back());
  for (std::size_t piece = bytewise ? 1 : choice % 17; !left.empty();
       piece = bytewise ? 1 : left.size()) {
    piece = std::min(piece, left.size());
    events.feed(step.kind, left.substr(0, piece), now, begun);
    left.remove_prefix(piece);
  }
}

}  // namespace
}  // namespace notch::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace notch::testing;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const HttpRole role = input.front() == 'S' ? HttpRole::kServer : HttpRole::kClient;
  const HttpSteps steps = steps_of(input.substr(1));

  HttpEvents whole(role);
  HttpEvents cut(role);
  HttpEvents bytewise(role);
  std::uint64_t now = 1;
  std::uint64_t begun = 0;
  bool may_fail = false;
  for (const HttpStep& step : steps) {
    if (step.kind == '^') {
      begun = now - 1;
      continue;
    }
    now += 2;
    const std::uint64_t start = begun != 0 ? begun : now;
    begun = 0;
    may_fail = may_fail || step.kind == ')' || step.kind == '!' || step.kind == '?';
    whole.feed(step.kind, step.bytes, now, start);
    feed_cut(cut, step, now, start, false);
    feed_cut(bytewise, step, now, start, true);
    check(whole);
    check(cut);
    check(bytewise);
    demand(may_fail || !has_error(whole));
    // Step is found again at a call's start alone: cuts make other calls.
    for (const HttpEvents* other : {&cut, &bytewise}) {
      if (is_guessed(whole) || is_guessed(*other)) continue;
      demand(other->lines() == whole.lines());
      demand(std::memcmp(&other->connection(), &whole.connection(), sizeof(HttpConnection)) == 0);
    }
  }
  for (HttpEvents* events : {&whole, &cut, &bytewise}) {
    events->feed('.', "", now + 1);
    demand(events->active() == 0);
  }
  return 0;
}
