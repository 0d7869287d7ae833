#include "client/preload/thread_figures.h"

#include "client/preload/definitions.h"

namespace notch::preload {

ThreadFigures thread_figures;

void define_thread_figures() noexcept {
  thread_figures.created = Counter(
      define_counter("libc_threads_created_total", "Threads that were started.", "", {}).with({}));
  thread_figures.failures =
      Counter(define_counter("libc_thread_failures_total",
                             "Threads that could not be started, most often for a limit.", "", {})
                  .with({}));
}

}  // namespace notch::preload
