// Which side of a connection this process is on, by the first message that it is seen to move: of a
// connection that it has neither accepted nor made. Called by: connections.cc.
#pragma once

#include "client/preload/http/http_exchange.h"
#include "client/preload/http/http_head.h"

namespace notch::preload {

struct HttpFirst {
  HttpRole role;   // kUnknown: no message of HTTP begins with these bytes
  bool is_answer;  // so its request passed another process, if it is known at all
};

// The bytes of one call, read (`in`) or written. A part of a method's name is taken for one.
HttpFirst first_message(HttpBytes bytes, bool in) noexcept;

}  // namespace notch::preload
