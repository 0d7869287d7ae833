// As many descriptors as this process may have: whoever reads segments holds one for each, and so
// does whoever stands for their writers.
// Called by: gather_bench, deaths_bench, scrape_bench.
#pragma once

#include <sys/resource.h>

namespace notch::bench {

inline void raise_descriptor_limit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace notch::bench
