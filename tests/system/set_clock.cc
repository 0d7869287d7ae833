// A host whose wall clock somebody sets, or where time passes that a test will not wait for: under
// LD_PRELOAD, CLOCK_REALTIME is off by as many seconds as the file $SET_CLOCK_FILE says now, and
// CLOCK_BOOTTIME by what $PASS_TIME_FILE says. No other clock is touched.
// Called by: clock_set_test.py, rejected_removal_test.py.
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace {

long offset_s(const char* variable) {
  const char* path = std::getenv(variable);
  const int file = path == nullptr ? -1 : ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 32> text{};
  const ssize_t bytes = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  return bytes > 0 ? std::strtol(text.data(), nullptr, 10) : 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* now) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += offset_s("SET_CLOCK_FILE");
  if (result == 0 && clock == CLOCK_BOOTTIME) now->tv_sec += offset_s("PASS_TIME_FILE");
  return static_cast<int>(result);
}

extern "C" __attribute__((visibility("default"))) time_t time(time_t* now) noexcept {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  if (now != nullptr) *now = wall.tv_sec;
  return wall.tv_sec;
}
