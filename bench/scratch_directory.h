// A directory of its own on tmpfs, for the segments of one run; removed with all it holds. In
// NOTCH_SCRATCH, where tests/run looks for what was left behind, or in /dev/shm.
// Called by: bench_main, deaths_bench, gather_bench, scrape_bench.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace notch::bench {

class ScratchDirectory {
 public:
  // Throws std::runtime_error: without it nothing can be measured.
  ScratchDirectory() {
    const char* const root = ::getenv("NOTCH_SCRATCH");
    path_ = std::string(root != nullptr ? root : "/dev/shm") + "/notch-bench-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no directory " + path_);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace notch::bench
