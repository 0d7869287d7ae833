// The library's beginning and end in a process. Called by: the dynamic loader.
//
// All that costs is done here, before the program's main(): functions found, families and label
// sets defined, memory committed. If anything speaks against counting, the library stays passive:
// every wrapper forwards, and nothing is said.
#include <stdlib.h>
#include <sys/auxv.h>

#include "client/debug_line.h"
#include "client/preload/clock.h"
#include "client/preload/connections.h"
#include "client/preload/core.h"
#include "client/preload/definitions.h"
#include "client/preload/descriptors.h"
#include "client/preload/dns_figures.h"
#include "client/preload/handover.h"
#include "client/preload/http_figures.h"
#include "client/preload/io_figures.h"
#include "client/preload/loaded_objects.h"
#include "client/preload/lock_figures.h"
#include "client/preload/malloc_figures.h"
#include "client/preload/modules.h"
#include "client/preload/net_figures.h"
#include "client/preload/next_symbol.h"
#include "client/preload/real_functions.h"
#include "client/preload/thread_figures.h"
#include "client/preload/tls_part.h"
#include "client/preload/vfork.h"
#include "client/process.h"
#include "client/seal.h"
#include "notch/abi.h"
#include "shm/keep_errno.h"
#include "shm/memory_order.h"

extern "C" {
// Exported, so that a second copy of the library knows of the first.
__attribute__((visibility("default"))) extern const unsigned notch_preload_v1;
const unsigned notch_preload_v1 = 1;
// The same by a name that no other copy can take over.
extern const unsigned notch_preload_own_mark
    __attribute__((alias("notch_preload_v1"), visibility("hidden")));
}

namespace notch::preload {
namespace {

bool is_on(const char* name) noexcept {
  const char* const value = getenv(name);
  return value != nullptr && value[0] != '\0' && (value[0] != '0' || value[1] != '\0');
}

bool is_second_copy() noexcept {
  return find_any_symbol("notch_preload_v1") != &notch_preload_own_mark;
}

// A program without any of these makes no connection that the library could see, nor does it get hold of
// a function that does. Following connections takes memory, and half of a short program's start.
bool can_make_connections() noexcept {
  constexpr char kWays[] =
      "connect\0accept\0accept4\0recvmsg\0recvmmsg\0dlopen\0dlmopen\0dlsym\0dlvsym";
  return is_any_imported(kWays, 9);
}

struct Choice {
  std::uint32_t modules = 0;  // to run; 0: none
  std::uint32_t wanted = 0;   // those of them that only a program with connections has any use for
  bool connects = false;      // connections may come
};

// There is one, though the program can neither make one nor be given one.
Choice with_connections(Choice choice) noexcept {
  if ((choice.modules & kNet) == 0) return choice;
  return {choice.modules | choice.wanted, choice.wanted, true};
}

Choice choose_modules() noexcept {
  if (getauxval(AT_SECURE) != 0 || !is_glibc() || is_second_copy()) return {};
  // The lines that follow may be all that is printed. No lock is needed: there is no other thread yet.
  if (is_on("NOTCH_DEBUG")) client::read_settings_locked();
  if (is_on("NOTCH_DISABLED")) {
    client::debug_line("notch: nothing is measured: NOTCH_DISABLED is set");
    return {};
  }
  const char* const words = getenv("NOTCH_PRELOAD");
  const char* unknown = nullptr;
  std::uint32_t modules = modules_of(words, &unknown);
  if (unknown != nullptr) client::debug_line("notch: NOTCH_PRELOAD: no module: ", unknown);
  // A user who chose this library and named no modules means its own part too.
  if (has_tls_part() && (words == nullptr || words[0] == '\0')) modules |= kTls;
  if (!has_tls_part() && (modules & kTls) != 0) {
    client::debug_line("notch: NOTCH_PRELOAD: tls is in libnotch_preload_tls.so, and not in this");
    modules &= ~kTls;
  }
  if (modules == 0) client::debug_line("notch: nothing is measured: NOTCH_PRELOAD: ", words);
  // The bytes inside TLS are HTTP's, and http sees bytes that pass through the wrappers of io and net.
  if ((modules & kTls) != 0) modules |= kHttp;
  if ((modules & kHttp) != 0) modules |= kIo | kNet;
  // TLS's bytes may come from anywhere.
  const bool connects = (modules & kTls) != 0 || ((modules & kNet) != 0 && can_make_connections());
  return {connects ? modules : modules & ~kHttp, modules & kHttp, connects};
}

// Those whose counts may be postponed come first. Gives the modules that can run.
std::uint32_t define_figures(std::uint32_t modules) noexcept {
  if ((modules & kMalloc) != 0 && !define_malloc_figures()) modules &= ~(kMalloc | kMallocLive);
  if ((modules & kMallocLive) != 0 && !define_live_figures()) modules &= ~kMallocLive;
  if ((modules & kLocks) != 0 && !define_lock_figures()) modules &= ~kLocks;
  if ((modules & kThreads) != 0) define_thread_figures();
  end_of_postponable();
  if ((modules & kIo) != 0) define_io_figures();
  if ((modules & kNet) != 0) define_net_figures();
  if ((modules & kDns) != 0) define_dns_figures();
  LabelRoom room;
  if ((modules & kHttp) != 0) room = define_http_figures((modules & kTls) != 0);
  if ((modules & kTls) != 0) {
    const LabelRoom more = define_tls_part();
    room = {room.cells + more.cells, room.label_sets + more.label_sets};
  }
  if (room.label_sets != 0) reserve_label_sets(room);
  return modules;
}

// A counter, so that it stays when the program that began is gone and a child of it goes on. Gives its cell.
std::uint64_t define_coarse_starts() noexcept {
  return define_counter("libc_clock_coarse_starts_total", "Programs timed by the coarse clock.", "",
                        {})
      .with({})
      .offset;
}

// Nothing of these is there for a program whose connections nobody follows, or that has none.
void begin_followed_connections(std::uint32_t modules) noexcept {
  begin_connections();
  if ((modules & kHttp) != 0) expect_inherited();
  if ((modules & kTls) != 0) begin_tls_part();
}

// Before the definitions are closed: behind that nothing is said any more.
void name_routes() noexcept {
  const char* const patterns = getenv("NOTCH_ROUTES");
  const char* const refused = patterns != nullptr ? add_route_patterns(patterns) : nullptr;
  if (refused != nullptr) client::debug_line("notch: NOTCH_ROUTES: no route: ", refused);
}

[[gnu::constructor]] void begin() {
  const shm::KeepErrno keep;
  find_real_functions();
  Choice choice = choose_modules();
  if (choice.modules != 0 && begin_core()) {
    const unsigned standard = learn_standard_descriptors();
    if (standard != 0) choice = with_connections(choice);
    const bool is_coarse = start_clock(reinterpret_cast<ReadClock>(libc_function("clock_gettime")));
    const std::uint32_t modules = define_figures(choice.modules);
    if (choice.connects) name_routes();
    const std::uint64_t coarse_starts = is_coarse ? define_coarse_starts() : 0;
    if (close_definitions()) {
      if (is_coarse) notch_v1_add_integer(coarse_starts, 1);
      watch_forks();
      if (choice.connects) begin_followed_connections(modules);
      // [tag: active-modules] Publishes the handles; else a thread that finds a module active could
      // count by a handle that is not there yet.
      shm::publish(active_modules, modules);
      if (choice.connects) begin_standard_connection(standard);
    }
  }
}

[[gnu::destructor]] void end() {
  const shm::KeepErrno keep;
  if (!is_vfork_child()) end_all_connections();
  count_handed_over();
  end_core();
}

}  // namespace
}  // namespace notch::preload
