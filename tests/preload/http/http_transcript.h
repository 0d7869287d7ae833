// A conversation over HTTP/1.x and what must be told of it, fed at every place it can be cut.
// Called by: http_machine_test, http_framing_test, http_capture_test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/preload/http/http_events.h"

namespace notch::testing {

// Step i comes at time 100 * (i + 1), so that durations tell which steps they lie between.
inline std::uint64_t time_of_step(std::size_t index) {
  return 100 * (index + 1);
}

// Feeds the steps; step `cut_step` in two pieces, the first of `cut` bytes. Or all bytewise.
inline void play(HttpEvents& events, const HttpSteps& steps, std::size_t cut_step,
                 std::size_t cut) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string_view bytes = steps[i].bytes;
    const bool text = steps[i].kind == '>' || steps[i].kind == '<';
    const std::size_t piece = text && i == cut_step ? cut : bytes.size();
    events.feed(steps[i].kind, bytes.substr(0, piece), time_of_step(i));
    if (piece != bytes.size()) events.feed(steps[i].kind, bytes.substr(piece), time_of_step(i));
  }
}

inline void play_bytewise(HttpEvents& events, const HttpSteps& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].kind != '>' && steps[i].kind != '<') {
      events.feed(steps[i].kind, steps[i].bytes, time_of_step(i));
      continue;
    }
    for (const char& byte : steps[i].bytes) {
      events.feed(steps[i].kind, std::string_view(&byte, 1), time_of_step(i));
    }
  }
}

// As a client tells it, which has no routes: "GET /a 1.1 ..." is "GET - 1.1 ...".
inline std::vector<std::string> without_routes(std::vector<std::string> lines) {
  for (std::string& line : lines) {
    const std::size_t begin = line.find(' ') + 1;
    if (begin == 0 || line.starts_with("start ") || line.starts_with("lost ")) continue;
    line.replace(begin, line.find(' ', begin) - begin, "-");
  }
  return lines;
}

// On one side, whole, cut once at every place, and byte by byte: the same lines, the same state.
inline void expect_lines_of(HttpRole role, const HttpSteps& steps,
                            const std::vector<std::string>& expected, HttpVerdict verdict) {
  SCOPED_TRACE(role == HttpRole::kServer ? "server" : "client");
  HttpEvents whole(role);
  play(whole, steps, steps.size(), 0);
  ASSERT_EQ(whole.lines(), expected);
  EXPECT_EQ(whole.verdict(), verdict);
  HttpEvents bytewise(role);
  play_bytewise(bytewise, steps);
  ASSERT_EQ(bytewise.lines(), expected) << "byte by byte";
  ASSERT_EQ(std::memcmp(&bytewise.connection(), &whole.connection(), sizeof(HttpConnection)), 0);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (std::size_t cut = 1; cut < steps[i].bytes.size(); ++cut) {
      HttpEvents events(role);
      play(events, steps, i, cut);
      ASSERT_EQ(events.lines(), expected) << "step " << i << " cut at " << cut;
      ASSERT_EQ(std::memcmp(&events.connection(), &whole.connection(), sizeof(HttpConnection)), 0);
    }
  }
}

// On either side.
inline void expect_lines(const HttpSteps& steps, const std::vector<std::string>& expected_of_server,
                         HttpVerdict verdict = HttpVerdict::kHttp) {
  expect_lines_of(HttpRole::kServer, steps, expected_of_server, verdict);
  expect_lines_of(HttpRole::kClient, steps, without_routes(expected_of_server), verdict);
}

// The steps as they are, on one side: where step is lost it is found again at a step's start.
inline HttpVerdict expect_steps(HttpRole role, const HttpSteps& steps,
                                const std::vector<std::string>& expected) {
  SCOPED_TRACE(role == HttpRole::kServer ? "server" : "client");
  HttpEvents events(role);
  play(events, steps, steps.size(), 0);
  EXPECT_EQ(events.lines(), role == HttpRole::kServer ? expected : without_routes(expected));
  return events.verdict();
}

inline void expect_steps(const HttpSteps& steps, const std::vector<std::string>& expected) {
  expect_steps(HttpRole::kServer, steps, expected);
  expect_steps(HttpRole::kClient, steps, expected);
}

}  // namespace notch::testing
