// The parts that both directions of a connection have: a message's head, and bodies.
// Called by: http_machine.
#pragma once

#include <cstdint>

#include "client/preload/http/http_head.h"
#include "client/preload/http/http_pending.h"

namespace notch::preload::http_parts {

void begin_part(HttpStream& stream, HttpStage stage) noexcept;
void begin_idle(HttpStream& stream) noexcept;
void begin_message(HttpStream& stream, HttpStage stage) noexcept;

// The head is over. Returns whether a body follows.
bool begin_body(HttpStream& stream, HttpStage stage) noexcept;

// A part of a head, no further than kHeadLimit allows.
HeadStep read_part(Feed& feed, HttpStream& stream, HttpBytes& bytes) noexcept;

// Empty lines before a message. kMore if nothing but them is there.
HeadStep skip_empty_lines(HttpStream& stream, HttpBytes& bytes) noexcept;

// Bytes of a body that need not be looked at. Returns whether they were the last.
bool take_body(HttpStream& stream, std::uint64_t count) noexcept;

bool is_plain_body(HttpStage stage) noexcept;

HeadStep read_body(Feed& feed, HttpStream& stream, HttpBytes& bytes) noexcept;

}  // namespace notch::preload::http_parts
