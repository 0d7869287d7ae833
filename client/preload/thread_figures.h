// The metrics of threads. Called by: threads.cc, which counts; life.cc, which has it defined.
#pragma once

#include "notch/counter.h"

namespace notch::preload {

struct ThreadFigures {
  Counter created;
  Counter failures;
};

extern ThreadFigures thread_figures;

void define_thread_figures() noexcept;

}  // namespace notch::preload
