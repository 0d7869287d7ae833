// Which of the kernel's probes are wanted. Called by: options, kernel_figures.
#pragma once

#include <cstdint>

namespace notch::agent {

enum class EbpfMode : std::uint8_t {
  kAuto,     // those that the kernel lets run
  kOff,      // none
  kRequire,  // all, or the agent does not start
};

}  // namespace notch::agent
