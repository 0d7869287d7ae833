// The threads module: threads that are started. Called by: the program, in libc's place.
//
// Only starts are counted. An end is not to be seen from here without a change to the program: a
// function of ours around the thread's own would need memory, a pthread_key's destructor one of the
// program's keys and a call on the new thread; and neither sees a thread that exits by itself. The
// agent has the living from the kernel: process_thread_count.
#include <pthread.h>

#include "client/preload/thread_figures.h"
#include "client/preload/wrapper.h"

namespace notch::preload {
namespace {

template <class Real>
int create_thread(Real real, pthread_t* thread, const pthread_attr_t* attributes,
                  void* (*start)(void*), void* argument) {
  const int result = real(thread, attributes, start, argument);
  (result == 0 ? thread_figures.created : thread_figures.failures).add();
  return result;
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/threads_wrappers.def"
