#include "tests/client/seccomp_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "tests/client/segment_directory.h"

namespace notch::test {
namespace {

sock_filter statement(unsigned code, std::uint32_t operand) {
  return {static_cast<std::uint16_t>(code), 0, 0, operand};
}

sock_filter jump(unsigned code, std::uint32_t operand, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, operand};
}

sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

// The filter's memory is not given back: that might be a call it forbids.
void install(std::vector<sock_filter>&& instructions) {
  auto& filter = *new std::vector<sock_filter>(std::move(instructions));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  NOTCH_REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  NOTCH_REQUIRE(
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

}  // namespace

void allow_only(std::initializer_list<long> calls) {
  std::vector<sock_filter> filter{load(offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    filter.push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    filter.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  filter.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
  install(std::move(filter));
}

void refuse_call(long call, unsigned index, std::uint32_t mask, bool equal, int error) {
  const std::size_t argument = offsetof(seccomp_data, args) + 8 * index;
  const unsigned test = equal ? BPF_JEQ : BPF_JSET;
  install({load(offsetof(seccomp_data, nr)),
           jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3), load(argument),
           jump(BPF_JMP | test | BPF_K, mask, 0, 1),
           statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
           statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)});
}

}  // namespace notch::test
