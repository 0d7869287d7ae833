#include "client/debug_line.h"

#include <unistd.h>

#include <cstddef>
#include <initializer_list>

#include "client/seal.h"
#include "shm/keep_errno.h"

namespace notch::client {
namespace {

constinit bool wanted = false;

}  // namespace

void set_debugging(bool on) noexcept {
  wanted = on;
}

bool debugging() noexcept {
  return wanted && !sealed();
}

void debug_line(const char* a, const char* b, const char* c, const char* d) noexcept {
  if (!debugging()) return;
  char line[1024];
  std::size_t length = 0;
  for (const char* part : {a, b, c, d, "\n"}) {
    for (; *part != '\0' && length < sizeof line; ++part) line[length++] = *part;
  }
  const shm::KeepErrno keep;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, length);
}

}  // namespace notch::client
