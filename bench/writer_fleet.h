// segment_writers as a child process: running, and its segments filled, for as long as this lives.
// Called by: scrape_bench.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace notch::bench {

class WriterFleet {
 public:
  // Returns once every process has made its series. Throws std::runtime_error if one could not.
  WriterFleet(const std::string& directory, std::uint32_t processes, std::uint32_t series,
              bool distinct);
  WriterFleet(const WriterFleet&) = delete;
  WriterFleet& operator=(const WriterFleet&) = delete;
  ~WriterFleet();

 private:
  pid_t pid_ = -1;
  int input_fd_ = -1;  // its end ends the fleet
};

}  // namespace notch::bench
