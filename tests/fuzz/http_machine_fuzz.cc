// Any bytes on both sides of a connection, cut anywhere: what is told, and the state that is left,
// are those of the same bytes uncut.
// Called by: libFuzzer (preset `fuzz`), and corpus_replay in every preset.
//
// An input is a letter for the role (`S` server, else client), then steps: a byte of `>` `<` `+`
// `-` `.` (HttpEvents), for all but `.` one byte of length, then so many bytes; after `+` and `-`
// two bytes instead: a length and a shift to the left. A byte of another kind is part of the step
// before it, at a cut: so plain text, too, is an input.
//
// Each step is fed whole, cut in two places that its bytes choose, and byte by byte.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/preload/http_events.h"

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
    if (kind == '.') {
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
  demand(connection.request.head_bytes <= kHeadLimit);
  demand(connection.response.head_bytes <= kHeadLimit);
  if (!is_followed(connection)) demand(connection.count == 0);
  demand(std::find(events.lines().begin(), events.lines().end(), "WROTE") == events.lines().end());
}

void feed_cut(HttpEvents& events, const HttpStep& step, std::uint64_t now, bool bytewise) {
  std::string_view left = step.bytes;
  if (step.kind != '>' && step.kind != '<') return events.feed(step.kind, left, now);
  const unsigned char choice = left.empty() ? '\0' : static_cast<unsigned char>(left.back());
  for (std::size_t piece = bytewise ? 1 : choice % 17; !left.empty();
       piece = bytewise ? 1 : left.size()) {
    piece = std::min(piece, left.size());
    events.feed(step.kind, left.substr(0, piece), now);
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
  std::uint64_t now = 0;
  for (const HttpStep& step : steps) {
    ++now;
    whole.feed(step.kind, step.bytes, now);
    feed_cut(cut, step, now, false);
    feed_cut(bytewise, step, now, true);
    check(whole);
    for (const HttpEvents* other : {&cut, &bytewise}) {
      demand(other->lines() == whole.lines());
      demand(std::memcmp(&other->connection(), &whole.connection(), sizeof(HttpConnection)) == 0);
    }
  }
  whole.feed('.', "", now + 1);
  demand(whole.active() == 0);
  return 0;
}
