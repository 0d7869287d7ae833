// System calls forbidden or refused, for the calling process and all it forks. Without libseccomp:
// each filter is a few lines.
// Called by: sandbox_test, old_kernel_test, preload_core_test.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace notch::test {

// Every call but these kills the process, all of its threads.
void allow_only(std::initializer_list<long> calls);

// `call` fails with `error` when argument `index` has one of the bits of `mask`, or, with `equal`,
// when it is `mask`.
void refuse_call(long call, unsigned index, std::uint32_t mask, bool equal, int error);

}  // namespace notch::test
