// Sees a program enter a sandbox, or leave the directory of segments behind (another root, another
// user), and never changes what it asks for: a segment is made before, since afterwards a system
// call may be deadly or in vain; children that could then make none have this process's. Where the
// time stamp counter is forbidden too, nothing is timed from then on. Called by: the program, in libc's place.
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/preload/clock.h"
#include "client/preload/connections.h"
#include "client/preload/core.h"
#include "client/preload/descriptors.h"
#include "client/preload/handover.h"
#include "client/preload/http_figures.h"
#include "client/preload/modules.h"
#include "client/preload/vfork.h"
#include "client/preload/wrapper.h"
#include "shm/keep_errno.h"

namespace notch::preload {
namespace {

// The same on every processor; not in every libc's headers.
constexpr long kMoveMount = 429;
constexpr long kLandlockRestrictSelf = 446;

// The meaning of a call for the library.
enum class Step {
  kNone,
  kPromise,  // no privileges by exec: a filter may follow that nobody sees being set
  kFilter,
  kStrict,
  kForbidCounter,
  kAllowCounter,
  kNewRoot,  // the directory may not be found by its path any more
  kRuleset,  // Landlock's: it may not be written to
  kNewUser,
};

Step step_of_prctl(int option, unsigned long a) noexcept {
  if (option == PR_SET_SECCOMP && a == SECCOMP_MODE_STRICT) return Step::kStrict;
  if (option == PR_SET_SECCOMP) return Step::kFilter;
  if (option == PR_SET_NO_NEW_PRIVS && a == 1) return Step::kPromise;
  if (option == PR_SET_TSC) return a == PR_TSC_SIGSEGV ? Step::kForbidCounter : Step::kAllowCounter;
  return Step::kNone;
}

Step step_of_unshare(int flags) noexcept {
  return (flags & (CLONE_NEWNS | CLONE_NEWUSER)) != 0 ? Step::kNewRoot : Step::kNone;
}

[[gnu::noinline]] Step step_of_system_call(long number, long a, long b) noexcept {
  switch (number) {
    case SYS_prctl:
      return step_of_prctl(static_cast<int>(a), static_cast<unsigned long>(b));
    case SYS_seccomp:
      if (a == SECCOMP_SET_MODE_STRICT) return Step::kStrict;
      return a == SECCOMP_SET_MODE_FILTER ? Step::kFilter : Step::kNone;
    case SYS_chroot:
    case SYS_pivot_root:
    case SYS_mount:
    case SYS_umount2:
    case kMoveMount:
    case SYS_setns:
      return Step::kNewRoot;
    case SYS_unshare:
      return step_of_unshare(static_cast<int>(a));
    case kLandlockRestrictSelf:
      return Step::kRuleset;
    case SYS_setuid:
    case SYS_setreuid:
    case SYS_setresuid:
    case SYS_setfsuid:
    case SYS_capset:
      return Step::kNewUser;
    default:
      return Step::kNone;
  }
}

// Nothing of the memory that a vfork child runs in is its own.
bool is_about_directory(Step step) noexcept {
  return step == Step::kNewRoot || step == Step::kRuleset || step == Step::kNewUser;
}

Reach reach_after(Step step) noexcept {
  if (step == Step::kRuleset) return Reach::kLost;
  return step == Step::kNewUser ? Reach::kAskAsUser : Reach::kAsk;
}

void make_room_behind_filter() noexcept {
  if (is_active(kHttp) && !is_vfork_child()) make_room_for_label_sets();
}

// Before the call: when it returns, the clock may be deadly already.
[[gnu::cold, gnu::noinline]] void prepare_for(Step step) noexcept {
  const shm::KeepErrno keep;
  if (is_about_directory(step) && is_vfork_child()) return;
  if (step == Step::kPromise) return make_room_behind_filter();
  if (step == Step::kNewUser) attach_before_new_user();
  if (step != Step::kNewUser && step != Step::kForbidCounter && step != Step::kAllowCounter)
    attach_before_loss();
  if (step != Step::kForbidCounter && step != Step::kAllowCounter && is_active(kHttp))
    make_overflow_series();
  if (step == Step::kFilter) leave_to_children(Reach::kLost);
  if (step == Step::kFilter) make_room_for_connections();
  if (step == Step::kFilter || step == Step::kStrict) make_room_behind_filter();
  if (step == Step::kForbidCounter || step == Step::kStrict) forbid_clock();
}

[[gnu::cold, gnu::noinline]] void conclude(Step step, bool done) noexcept {
  if ((step == Step::kFilter || step == Step::kStrict) && done) close_for_sandbox();
  if ((step == Step::kForbidCounter || step == Step::kStrict) && !done) allow_clock();
  if (step == Step::kAllowCounter && done) allow_clock();
  if (step == Step::kPromise && done && !is_vfork_child()) note_promise();
  if (!is_about_directory(step) || !done || is_vfork_child()) return;
  leave_to_children(reach_after(step));
}

template <class Real, class... Arguments>
int watch_step(Step step, Real real, Arguments... arguments) {
  if (step == Step::kNone) return real(arguments...);
  prepare_for(step);
  const int result = real(arguments...);
  conclude(step, result >= 0);
  return result;
}

template <class Real, class... Arguments>
int change_root(Real real, Arguments... arguments) {
  return watch_step(Step::kNewRoot, real, arguments...);
}

template <class Real>
int leave_namespaces(Real real, int flags) {
  return watch_step(step_of_unshare(flags), real, flags);
}

template <class Real, class... Arguments>
int change_user(Real real, Arguments... arguments) {
  return watch_step(Step::kNewUser, real, arguments...);
}

template <class Real>
int watch_prctl(Real real, int option, unsigned long a, unsigned long b, unsigned long c,
                unsigned long d) {
  return watch_step(step_of_prctl(option, a), real, option, a, b, c, d);
}

template <class Real>
long watch_system_call(Real real, long number, long a, long b, long c, long d, long e, long f) {
  const Step step = step_of_system_call(number, a, b);
  if (step == Step::kNone) {
    const bool counts = is_active(kDescriptors);
    if (counts) note_before_system_call(number, a, b, c);
    const long result = real(number, a, b, c, d, e, f);
    if (counts) note_after_system_call(number, a, b, result);
    return result;
  }
  prepare_for(step);
  const long result = real(number, a, b, c, d, e, f);
  conclude(step, result >= 0);
  return result;
}

// Destructors do not run, but the end is in order.
template <class Real>
void end_at_once(Real real, int status) {
  if (!is_vfork_child()) {
    count_handed_over();
    end_core();
  }
  real(status);
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/always_wrappers.def"
