// Sees a program enter a sandbox, and never changes what it asks for: a segment is made before,
// since afterwards a system call may be deadly; and where the time stamp counter is forbidden too,
// nothing is timed from then on. Called by: the program, in libc's place.
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "client/preload/clock.h"
#include "client/preload/connections.h"
#include "client/preload/core.h"
#include "client/preload/vfork.h"
#include "client/preload/wrapper.h"

namespace notch::preload {
namespace {

// What a call of prctl() or seccomp() means to us.
enum class Step { kNone, kFilter, kStrict, kForbidCounter, kAllowCounter };

Step step_of_prctl(int option, unsigned long a) noexcept {
  if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT) return Step::kStrict;
  if (option == PR_SET_SECCOMP) return Step::kFilter;
  if (option == PR_SET_TSC) return a == PR_TSC_SIGSEGV ? Step::kForbidCounter : Step::kAllowCounter;
  return Step::kNone;
}

Step step_of_system_call(long number, long a, long b) noexcept {
  if (number == SYS_prctl) return step_of_prctl(static_cast<int>(a), static_cast<unsigned long>(b));
  if (number != SYS_seccomp) return Step::kNone;
  if (a == SECCOMP_SET_MODE_STRICT) return Step::kStrict;
  return a == SECCOMP_SET_MODE_FILTER ? Step::kFilter : Step::kNone;
}

// Before the call: when it returns, the clock may be deadly already.
void prepare_for(Step step) noexcept {
  const int saved_errno = errno;
  if (step == Step::kFilter || step == Step::kStrict) attach_before_sandbox();
  if (step == Step::kFilter) make_room_for_connections();
  if (step == Step::kForbidCounter || step == Step::kStrict) forbid_clock();
  errno = saved_errno;
}

void conclude(Step step, bool done) noexcept {
  if ((step == Step::kFilter || step == Step::kStrict) && done) close_for_sandbox();
  if ((step == Step::kForbidCounter || step == Step::kStrict) && !done) allow_clock();
  if (step == Step::kAllowCounter && done) allow_clock();
}

template <class Real>
int watch_prctl(Real real, int option, unsigned long a, unsigned long b, unsigned long c,
                unsigned long d) {
  const Step step = step_of_prctl(option, a);
  if (step == Step::kNone) return real(option, a, b, c, d);
  prepare_for(step);
  const int result = real(option, a, b, c, d);
  conclude(step, result == 0);
  return result;
}

template <class Real>
long watch_system_call(Real real, long number, long a, long b, long c, long d, long e, long f) {
  const Step step = step_of_system_call(number, a, b);
  if (step == Step::kNone) return real(number, a, b, c, d, e, f);
  prepare_for(step);
  const long result = real(number, a, b, c, d, e, f);
  conclude(step, result >= 0);
  return result;
}

// Destructors do not run, but the end is in order.
template <class Real>
void end_at_once(Real real, int status) {
  if (!is_vfork_child()) end_core();
  real(status);
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_ALWAYS(...) NOTCH_DEFINE_WRAPPER(kAlways, __VA_ARGS__)
#include "client/preload/wrappers.def"
