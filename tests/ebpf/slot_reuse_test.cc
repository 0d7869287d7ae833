// More services than the probes have slots come and go on the live kernel: each has its own row,
// with what it did and nothing of another's, also when it comes again.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "ebpf/cpu.h"
#include "ebpf/probes.h"

namespace notch::ebpf {
namespace {

using Values = std::map<std::string, double>;  // by service or cgroup

constexpr std::size_t kBatch = 40;  // more than the plenty at which no slot is taken back
constexpr std::size_t kBatches = 5;
constexpr std::uint64_t kBurn_ns = 4'000'000;

// What a process of service number N does: that many threads and bytes, and a known time.
void act(std::size_t number) {
  for (std::size_t i = 0; i < number % 5; ++i) std::thread([] {}).join();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) _exit(1);
  const std::string bytes(1 + number, 'x');
  if (write(ends[0], bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) _exit(1);
  timespec now{};
  while (now.tv_sec == 0 && now.tv_nsec < static_cast<long>(kBurn_ns))
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
}

// A process that acts once it is told, and ends.
class Child {
 public:
  // `cgroup_procs`: of the cgroup it goes to first, if any.
  explicit Child(std::size_t number, const std::string& cgroup_procs = "") {
    if (pipe(pipe_) != 0) std::abort();
    pid_ = fork();
    if (pid_ != 0) return;
    char go = 0;
    if (!cgroup_procs.empty()) std::ofstream(cgroup_procs) << getpid() << std::flush;
    if (read(pipe_[0], &go, 1) == 1) act(number);
    _exit(0);
  }
  pid_t pid() const { return pid_; }
  // Gives the seconds of processor time it used.
  double finish() {
    if (write(pipe_[1], "g", 1) != 1) std::abort();
    rusage used{};
    wait4(pid_, nullptr, 0, &used);
    close(pipe_[0]);
    close(pipe_[1]);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  }

 private:
  int pipe_[2] = {-1, -1};
  pid_t pid_ = -1;
};

class SlotReuse : public ::testing::Test {
 protected:
  void SetUp() override {
    probes_.start();
    for (const ProbeState& state : probes_.states()) {
      if (!state.outcome.ok()) GTEST_SKIP() << state.name << ": " << state.outcome.words;
    }
  }

  Values values(const std::string& name, const std::string& direction = "",
                const std::string& label = "service") {
    Values values;
    for (const KernelFamily& family : probes_.families()) {
      if (family.name != name) continue;
      for (const FamilyRow& row : family.rows) {
        std::map<std::string, std::string> labels(row.labels.begin(), row.labels.end());
        if (!direction.empty() && labels["direction"] != direction) continue;
        values[labels[label]] += row.value;
      }
    }
    return values;
  }

  static std::string service(std::size_t number) { return "come-and-go-" + std::to_string(number); }

  // A batch of services, alive at once; `true_s_` grows by what they used.
  void run_batch(std::size_t first) {
    std::vector<Child> children;
    for (std::size_t i = 0; i < kBatch; ++i) {
      children.emplace_back(first + i);
      probes_.assign(static_cast<std::uint32_t>(children.back().pid()), service(first + i), false,
                     [] { return true; });
    }
    probes_.families();  // meets them in their cgroup
    for (std::size_t i = 0; i < kBatch; ++i) true_s_[service(first + i)] += children[i].finish();
    await_times(first);
  }

  // A task's time is there once the kernel gave its memory back.
  void await_times(std::size_t first) {
    for (int i = 0; i < 100; ++i) {
      const Values shown = values("ebpf_cpu_seconds_total");
      bool all = true;
      for (std::size_t j = first; j < first + kBatch; ++j) {
        all = all && shown.at(service(j)) >= true_s_[service(j)] - 0.0002;
      }
      if (all) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  // Nothing of another service's. A task whose end fell into a stretch in which this machine's
  // kernel runs no program (ebpf/README.md) is missing, whole.
  void expect_times(std::size_t services) {
    const Values shown = values("ebpf_cpu_seconds_total");
    std::size_t missing = 0;
    double worst_s = 0;
    for (std::size_t i = 0; i < services; ++i) {
      const double error_s = shown.at(service(i)) - true_s_[service(i)];
      EXPECT_LT(error_s, 0.001) << i;
      if (error_s < -0.001) {
        ++missing;
      } else if (std::abs(error_s) > std::abs(worst_s)) {
        worst_s = error_s;
      }
    }
    std::printf(
        "error: cpu seconds of %zu services in %d slots: at most %+.3g s; an end unseen: %zu\n",
        services, NOTCH_SERVICE_SLOTS - 2, worst_s, missing);
    EXPECT_LE(missing, 1 + services / 20);
  }

  // Time passes for the slots alone: what they wait for is there already.
  std::size_t take_back() {
    std::size_t gone = 0;
    for (int i = 0; i < 2; ++i) {
      now_s_ += QuietSlots::kQuiet_s;
      gone += probes_.take_back(now_s_).size();
    }
    return gone;
  }

  Probes probes_;
  Values true_s_;
  std::uint64_t now_s_ = 1000;
};

TEST_F(SlotReuse, EveryServiceHasItsOwnCountsThoughThereAreMoreThanSlots) {
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    run_batch(batch * kBatch);
    EXPECT_EQ(take_back(), kBatch);
  }
  const Values threads = values("ebpf_threads_created_total");
  const Values bytes = values("ebpf_socket_io_bytes_total", "transmit");
  EXPECT_FALSE(threads.contains("(others)"));
  for (std::size_t i = 0; i < kBatches * kBatch; ++i) {
    EXPECT_EQ(threads.at(service(i)), static_cast<double>(i % 5)) << i;
    EXPECT_EQ(bytes.at(service(i)), static_cast<double>(1 + i)) << i;
  }
  expect_times(kBatches * kBatch);
}

TEST_F(SlotReuse, AServiceThatComesAgainGoesOn) {
  run_batch(0);
  ASSERT_EQ(take_back(), kBatch);
  run_batch(kBatch);  // others, in between
  take_back();
  run_batch(0);
  const Values threads = values("ebpf_threads_created_total");
  for (std::size_t i = 0; i < kBatch; ++i) {
    EXPECT_EQ(threads.at(service(i)), static_cast<double>(2 * (i % 5))) << i;
  }
  expect_times(kBatch);
}

TEST_F(SlotReuse, AProcessThatLivesKeepsItsSlotThoughNobodyNamesIt) {
  Child child(1000);
  probes_.assign(static_cast<std::uint32_t>(child.pid()), "lives", false, [] { return true; });
  run_batch(0);
  EXPECT_EQ(take_back(), kBatch);
  child.finish();
  EXPECT_EQ(values("ebpf_socket_io_bytes_total", "transmit").at("lives"), 1001);
}

TEST_F(SlotReuse, ANumberThatIsAnothersByNowIsNotAssigned) {
  Child child(7);
  const auto pid = static_cast<std::uint32_t>(child.pid());
  probes_.assign(pid, "before", false, [] { return false; });
  int asked = 0;
  probes_.assign(pid, "meanwhile", false, [&] { return ++asked == 1; });
  EXPECT_EQ(asked, 2);
  child.finish();
  const Values bytes = values("ebpf_socket_io_bytes_total", "transmit");
  EXPECT_FALSE(bytes.contains("before"));
  EXPECT_FALSE(bytes.contains("meanwhile"));
}

TEST_F(SlotReuse, WhatIsForgottenIsShownNoMore) {
  run_batch(0);
  ASSERT_EQ(take_back(), kBatch);
  EXPECT_TRUE(values("ebpf_threads_created_total").contains(service(3)));
  probes_.forget(service(3));
  for (const char* name : {"ebpf_threads_created_total", "ebpf_cpu_seconds_total",
                           "ebpf_service_cgroup_cpu_seconds_total"}) {
    EXPECT_FALSE(values(name).contains(service(3))) << name;
    EXPECT_TRUE(values(name).contains(service(4))) << name;
  }
}

// Folders of cgroups in the hierarchy that accounts processor time, gone with the object.
class Cgroups {
 public:
  static std::filesystem::path root() {
    for (const char* path : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup"}) {
      if (access((std::string(path) + "/cgroup.procs").c_str(), W_OK) == 0) return path;
    }
    return {};
  }

  Cgroups() = default;
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;
  ~Cgroups() {
    for (const auto& folder : folders_) rmdir(folder.c_str());
  }

  // Gives its path as the kernel says it.
  std::string add(std::size_t number) {
    const std::string name =
        "notch-reuse-" + std::to_string(getpid()) + "-" + std::to_string(number);
    folders_.push_back(root() / name);
    std::filesystem::create_directory(folders_.back());
    return "/" + name;
  }
  std::string procs() const { return folders_.back() / "cgroup.procs"; }

 private:
  std::vector<std::filesystem::path> folders_;
};

TEST_F(SlotReuse, MoreCgroupsThanSlotsHaveTheirOwnTimes) {
  if (Cgroups::root().empty()) GTEST_SKIP() << "no hierarchy of cgroups to make one in";
  constexpr std::size_t kGroups = 280;
  Values truth;
  run_batch(0);
  for (std::size_t batch = 0; batch < 2; ++batch) {
    Cgroups groups;
    std::vector<std::string> paths;
    std::vector<Child> children;
    for (std::size_t i = 0; i < kGroups; ++i) {
      paths.push_back(groups.add(batch * kGroups + i));
      children.emplace_back(0, groups.procs());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // till they are where they go
    probes_.families();                                           // meets them
    for (std::size_t i = 0; i < kGroups; ++i) truth[paths[i]] = children[i].finish();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // till their memory is given back
    probes_.families();
    if (batch == 0) {
      std::this_thread::sleep_for(std::chrono::seconds(QuietSlots::kQuiet_s + 1));
      // One look finds the services and their shares of cgroups quiet, and all these cgroups.
      EXPECT_EQ(take_back(), kBatch);
    }
  }
  std::size_t missing = 0;
  const Values shown = values("ebpf_cgroup_cpu_seconds_total", "", "cgroup");
  for (const auto& [path, seconds] : truth) {
    ASSERT_TRUE(shown.contains(path)) << path;
    EXPECT_LT(shown.at(path) - seconds, 0.001) << path;
    if (shown.at(path) < seconds - 0.001) ++missing;
  }
  std::printf("error: cpu seconds of %zu cgroups in %d slots: an end unseen: %zu\n", 2 * kGroups,
              NOTCH_CGROUP_SLOTS - 1, missing);
  EXPECT_LE(missing, 1 + kGroups / 10);
  const Values shares = values("ebpf_service_cgroup_cpu_seconds_total");
  const Values seconds = values("ebpf_cpu_seconds_total");
  for (std::size_t i = 0; i < kBatch; ++i) {
    ASSERT_TRUE(shares.contains(service(i))) << i;
    EXPECT_NEAR(shares.at(service(i)), seconds.at(service(i)), 0.001) << i;
  }
}

}  // namespace
}  // namespace notch::ebpf
