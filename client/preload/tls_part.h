// What libnotch_preload_tls.so has and libnotch_preload.so has not: all else is the same in both.
// tls.cc is the one's, tls_absent.cc the other's. Called by: life.cc,
// connections.cc.
#pragma once

#include "client/preload/core.h"

namespace notch::preload {

bool has_tls_part() noexcept;
LabelRoom define_tls_part() noexcept;
void begin_tls_part() noexcept;  // after begin_connections()

// The connection below the session is over.
void end_session_of_connection(unsigned session) noexcept;

}  // namespace notch::preload
