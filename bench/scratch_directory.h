// A directory of its own on tmpfs, for the segments of one run; removed with all it holds.
// Called by: bench_main, gather_bench, scrape_bench.
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
  ScratchDirectory() : path_("/dev/shm/notch-bench-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no directory in /dev/shm");
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
