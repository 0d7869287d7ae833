// Named places where a test may stop a program: NOTCH_INJECTION_POINT("ledger.after_append").
// Nothing in release. With NOTCH_INJECTION_POINTS: if the environment's NOTCH_KILL_AT is the name,
// or the name and ":n" for its n-th passing, the process kills itself with SIGKILL there. Called
// by: whatever must survive a kill at any instruction (the agent's ledger, the segment's birth).
#pragma once

#ifdef NOTCH_INJECTION_POINTS
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace notch::shm {

inline void injection_point(const char* name) noexcept {
  static unsigned passed_times = 0;
  const char* wanted = std::getenv("NOTCH_KILL_AT");
  if (wanted == nullptr) return;
  const std::size_t length = std::strlen(name);
  if (std::strncmp(wanted, name, length) != 0) return;
  if (wanted[length] != '\0' && wanted[length] != ':') return;
  const unsigned at =
      wanted[length] == ':' ? static_cast<unsigned>(std::atoi(wanted + length + 1)) : 1U;
  if (++passed_times == at) kill(getpid(), SIGKILL);
}

}  // namespace notch::shm

#define NOTCH_INJECTION_POINT(name) ::notch::shm::injection_point(name)
#else
#define NOTCH_INJECTION_POINT(name) ((void)0)
#endif
