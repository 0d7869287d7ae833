// The one guard of errno. Called by: what runs inside a call of the program's, the client and the preloaded
// library; segment_file and reservation, for them.
#pragma once

#include <errno.h>

namespace notch::shm {

// Keeps errno over a scope, whatever the calls in it do to it. No such scope holds a call that is a
// cancellation point of the program's (client/preload/README.md).
class KeepErrno {
 public:
  KeepErrno() noexcept : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  int saved_;
};

}  // namespace notch::shm
