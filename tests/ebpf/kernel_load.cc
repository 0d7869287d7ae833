// An attached process that does, line by line on its standard input, what the kernel's probes
// count, and answers with what it knows of it. Called by: kernel_load.py, which speaks to it.
//
// Lines: clock, burn THREADS MS, park THREADS MS, hold MIB, write PATH REQUESTS, send inet|unix
// BYTES TIMES, connect PORT TIMES, fork TIMES, live MS, exec TIMES, threads TIMES, die SIGNAL
// TIMES, fill CGROUP_PROCS MIB, run PROGRAM ARGUMENT...
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "notch/registry.h"

namespace {

std::uint64_t clock_ns(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec);
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Runs in a child, and gives how it ended.
template <class Act>
int in_child(Act act) {
  const pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) {
    act();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

void burn_here(std::uint64_t ms) {
  while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < ms * 1'000'000) {
  }
}

void burn(unsigned threads, std::uint64_t ms) {
  std::vector<std::thread> all;
  for (unsigned i = 0; i < threads; ++i) all.emplace_back(burn_here, ms);
  for (std::thread& thread : all) thread.join();
}

// The threads burn, and sleep as long as the process lives: what each waited can be read.
void park(unsigned threads, std::uint64_t ms) {
  for (unsigned i = 0; i < threads; ++i) {
    std::thread([ms] {
      burn_here(ms);
      for (;;) pause();
    }).detach();
  }
}

void write_direct(const std::string& path, unsigned requests) {
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_DIRECT, 0600);
  if (fd < 0) give_up(path.c_str());
  void* block = nullptr;
  if (posix_memalign(&block, 4096, 4096) != 0) give_up("posix_memalign");
  std::memset(block, 1, 4096);
  for (unsigned i = 0; i < requests; ++i) {
    if (pwrite(fd, block, 4096, static_cast<off_t>(i % 64) * 4096) != 4096) give_up("pwrite");
  }
  std::free(block);
  close(fd);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int connected(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    give_up("connect");
  return fd;
}

// Both ends of a connection of this process with itself.
void inet_pair(int ends[2]) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = loopback(0);
  socklen_t length = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener, 1) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    give_up("listen");
  }
  ends[0] = connected(ntohs(address.sin_port));
  ends[1] = accept(listener, nullptr, nullptr);
  close(listener);
}

void send_to_self(const std::string& family, std::size_t bytes, unsigned times) {
  int ends[2];
  if (family == "inet") {
    inet_pair(ends);
  } else if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    give_up("socketpair");
  }
  std::vector<char> buffer(bytes, 'x');
  for (unsigned i = 0; i < times; ++i) {
    if (send(ends[0], buffer.data(), bytes, 0) != static_cast<ssize_t>(bytes)) give_up("send");
    // Looking at them first is no receiving.
    recv(ends[1], buffer.data(), bytes, MSG_PEEK);
    if (recv(ends[1], buffer.data(), bytes, MSG_WAITALL) != static_cast<ssize_t>(bytes))
      give_up("recv");
  }
  close(ends[0]);
  close(ends[1]);
}

// Touched, and kept until the end.
void hold(std::size_t mib) {
  const std::size_t bytes = mib << 20;
  auto* memory = static_cast<char*>(
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (memory == MAP_FAILED) give_up("mmap");
  for (std::size_t i = 0; i < bytes; i += 4096) memory[i] = 1;
}

// Past its cgroup's limit, unless the limit is not there.
void fill(const std::string& procs, std::size_t mib) {
  std::ofstream(procs) << getpid() << std::flush;
  hold(mib);
}

void die(int signal_number) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  std::signal(signal_number, SIG_DFL);
  raise(signal_number);
}

std::string run(std::istringstream& words) {
  std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return std::to_string(in_child([&] {
    execv(pointers[0], pointers.data());
    _exit(127);
  }));
}

std::string obey(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  std::string text;
  std::uint64_t number = 0;
  unsigned times = 0;
  words >> word;
  if (word == "burn" && words >> times >> number) return burn(times, number), "ok";
  if (word == "park" && words >> times >> number) return park(times, number), "ok";
  if (word == "clock") return std::to_string(clock_ns(CLOCK_PROCESS_CPUTIME_ID));
  if (word == "write" && words >> text >> times) return write_direct(text, times), "ok";
  if (word == "hold" && words >> number) return hold(number), "ok";
  if (word == "send" && words >> text >> number >> times)
    return send_to_self(text, number, times), "ok";
  if (word == "run") return run(words);
  if (word == "fill" && words >> text >> number) {
    return std::to_string(in_child([&] { fill(text, number); }));
  }
  if (word == "live" && words >> number) {
    return in_child([&] { usleep(static_cast<useconds_t>(number) * 1000); }), "ok";
  }
  if (word == "die" && words >> number >> times) {
    for (; times > 0; --times) in_child([&] { die(static_cast<int>(number)); });
    return "ok";
  }
  if (word == "connect" && words >> number >> times) {
    for (; times > 0; --times) close(connected(static_cast<std::uint16_t>(number)));
    return "ok";
  }
  if (!(words >> times)) return "not understood: " + line;
  for (; times > 0; --times) {
    if (word == "fork") in_child([] {});
    if (word == "threads") std::thread([] {}).join();
    if (word == "exec") in_child([] { execl("/bin/true", "true", nullptr); });
  }
  return "ok";
}

}  // namespace

int main() {
  notch::counter({"kernel_load_total", "Makes the process known."}).add();
  std::string line;
  while (std::getline(std::cin, line)) std::cout << obey(line) << std::endl;
}
