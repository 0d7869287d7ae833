// What libnotch_preload.so has of TLS: nothing. Called by: life.cc, by tls_part.h.
#include "client/preload/tls_part.h"

namespace notch::preload {

bool has_tls_part() noexcept {
  return false;
}

LabelRoom define_tls_part() noexcept {
  return {};
}

void begin_tls_part() noexcept {}

void end_session_of_connection(unsigned) noexcept {}

}  // namespace notch::preload
