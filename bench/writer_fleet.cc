#include "bench/writer_fleet.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace notch::bench {

WriterFleet::WriterFleet(const std::string& directory, std::uint32_t processes,
                         std::uint32_t series, bool distinct) {
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "segment_writers";
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  const std::string processes_text = std::to_string(processes);
  const std::string series_text = std::to_string(series);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(input[0], STDIN_FILENO);
    ::dup2(output[1], STDOUT_FILENO);
    ::setenv("NOTCH_DIR", directory.c_str(), 1);
    ::execl(program.c_str(), program.c_str(), processes_text.c_str(), series_text.c_str(),
            distinct ? "distinct" : "shared", nullptr);
    ::_exit(127);
  }
  ::close(input[0]);
  ::close(output[1]);
  input_fd_ = input[1];
  char first = 0;
  const bool ready = ::read(output[0], &first, 1) == 1 && first == 'r';
  ::close(output[0]);
  if (!ready) {
    ::close(input_fd_);
    ::waitpid(pid_, nullptr, 0);
    throw std::runtime_error("segment_writers could not fill " + directory);
  }
}

WriterFleet::~WriterFleet() {
  ::close(input_fd_);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace notch::bench
