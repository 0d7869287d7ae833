#include "ebpf/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>

namespace notch::ebpf {
namespace {

// Not in every libc's headers: CAP_PERFMON and CAP_BPF came with Linux 5.8.
constexpr unsigned kSysAdmin = 21;
constexpr unsigned kPerfmon = 38;
constexpr unsigned kBpf = 39;

struct Capabilities {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> words{};

  bool read() { return syscall(SYS_capget, &header, words.data()) == 0; }
  bool write() { return syscall(SYS_capset, &header, words.data()) == 0; }
};

constexpr std::uint32_t bit(unsigned capability) {
  return 1U << (capability % 32);
}

}  // namespace

bool drop_bpf_capabilities(bool keep_bpf) {
  Capabilities now;
  if (!now.read()) return false;
  for (const unsigned capability : {kSysAdmin, kPerfmon, kBpf}) {
    if (capability == kBpf && keep_bpf) continue;
    __user_cap_data_struct& word = now.words[capability / 32];
    word.effective &= ~bit(capability);
    word.permitted &= ~bit(capability);
    word.inheritable &= ~bit(capability);
  }
  return now.write();
}

bool set_bpf_capability_in_force(bool in_force) {
  Capabilities now;
  if (!now.read()) return false;
  __user_cap_data_struct& word = now.words[kBpf / 32];
  if (in_force) {
    word.effective |= bit(kBpf) & word.permitted;
    return now.write();
  }
  word.effective &= ~bit(kBpf);
  now.words[kSysAdmin / 32].effective &= ~bit(kSysAdmin);
  return now.write();
}

}  // namespace notch::ebpf
