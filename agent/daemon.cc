#include "agent/daemon.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <utility>

#include "agent/agent_metrics.h"
#include "agent/expose/scrape.h"
#include "agent/family/prometheus_cpp_families.h"
#include "agent/files/accounts.h"
#include "agent/host/cgroup_figures.h"
#include "agent/host/host_collectors.h"
#include "agent/http/http_server.h"
#include "agent/http/landing_page.h"
#include "agent/kernel/kernel_figures.h"
#include "agent/processes/process_figures.h"
#include "agent/segments/directory_census.h"
#include "agent/segments/directory_space.h"
#include "agent/segments/segment_directory.h"
#include "agent/segments/truncation_guard.h"
#include "agent/supervisor.h"
#include "shm/default_directory.h"

namespace notch::agent {
namespace {

namespace asio = boost::asio;

constexpr std::uint64_t kHalfBornCheck_s = 60;
constexpr std::uint64_t kRejectedLine_s = 10;
constexpr std::uint64_t kWatchRetry_s = 10;
constexpr std::uint64_t kCensusLine_s = 3600;
constexpr std::uint64_t kLossLine_s = 60;

Moment moment_now() {
  timespec wall{};
  timespec monotonic{};
  timespec boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return {static_cast<std::uint64_t>(wall.tv_sec),
          static_cast<std::uint64_t>(monotonic.tv_sec) * 1'000'000'000U +
              static_cast<std::uint64_t>(monotonic.tv_nsec),
          static_cast<std::uint64_t>(boot.tv_sec)};
}

// As many descriptors as the process may have, from now on: a segment needs one for its lock.
std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t had = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : had;
}

// Descriptors that are not for segments: the connections', and what the ledger, the host's
// collectors, the probes and the loop have open at a time.
constexpr std::uint64_t kOtherDescriptors = 256;

CollectOptions within_descriptors(CollectOptions options, const HttpOptions& http,
                                  Accounts& accounts) {
  options.count_by(accounts);
  options.limits = within_descriptors(options.limits, raise_descriptor_limit(),
                                      kOtherDescriptors + http.max_connections);
  return options;
}

// At most so many polls of the directory in one turn of the loop (SD5).
constexpr int kMostPolls = 8;

class Daemon {
 public:
  explicit Daemon(const Options& options)
      : options_(options),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        watch_timer_(loop_),
        sweep_timer_(loop_),
        host_timer_(loop_),
        watch_(loop_),
        supervisor_(loop_),
        collect_(within_descriptors(options.collect, options.http, accounts_)),
        processes_({.per_process = options.collect.tally.per_process,
                    .retention_s = options.collect.retention_s,
                    .accounts = &accounts_}),
        host_(options.host, host_drops_),
        kernel_(options.collect.retention_s, &accounts_),
        metrics_({[this] { return collect_.stats(); }, [this] { return server_->stats(); },
                  [this] { return scrape_.stats(); }, [this] { return directory_state(); },
                  [this] { return loop_failures_; }, [this] { return processes_.outcomes(); },
                  [this] { return processes_.coverage(); }, [this] { return host_.errors(); },
                  [this] { return host_drops(); }}),
        scrape_(
            {{"segments", [this] { return gather_segments(); }},
             {"processes", [this] { return own(process_snapshot()); }},
             {"ebpf", [this] { return own(kernel_.snapshot()); }},
             {"agent", [this] { return own(agent_snapshot()); }},
             {"cgroups",
              [this] {
                return own(cgroup_figures(collect_.attached(), options_.host.paths, host_drops_));
              }},
             {"host",
              {},
              host_.names(),
              [this](const std::vector<bool>& wanted) { return own(host_.gather(wanted)); }}},
            options.scrape) {
    host_.on_error = [](std::string_view collector, const std::string& message) {
      spdlog::warn("collector {}: {}", collector, message);
    };
    scrape_.on_page = [this](double seconds) { metrics_.observe_scrape(seconds); };
  }

  ExitCode run() {
    install_truncation_handler();
    // No signal but SIGTERM and SIGINT ends it: not a pipe without a reader, a limit on the size of
    // files (then the write fails, and the ledger says so), nor what people send to be told more.
    for (const int number : {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2}) std::signal(number, SIG_IGN);
    if (const ExitCode code = open(); code != ExitCode::kDone) return code;
    wait_for_signal();
    watch_directory(moment_now());
    sweep_after(std::chrono::milliseconds(options_.sweep_ms));
    sample_host();
    supervisor_.ready();
    loop_.run();
    return ExitCode::kDone;
  }

 private:
  ExitCode open() {
    const bool is_default = options_.directory.empty();
    const std::string path =
        is_default ? shm::default_directory(shm::DefaultUse::kMake) : options_.directory;
    const DirectoryResult opened =
        directory_.open(path, true, is_default ? Named::kByDefault : Named::kByUser);
    if (!opened.ok) {
      spdlog::error("{}", opened.message);
      return ExitCode::kDirectory;
    }
    if (is_default && path == shm::kSecondDefaultDirectory && geteuid() != 0) {
      spdlog::warn("{} is this user's: programs of other users use it only if NOTCH_DIR names it",
                   path);
    }
    warn_of(opened);
    Recovered recovered;
    const LedgerResult result = collect_.open(directory_.fd(), moment_now(), recovered);
    if (!result.ok) {
      spdlog::error("{}", result.message);
      return ExitCode::kDirectory;
    }
    if (recovered.discarded_other_boot)
      spdlog::info("the ledger is from another boot: totals start at zero");
    if (recovered.broken_frames != 0) spdlog::error("{}", recovered.broken_message);
    if (recovered.torn_bytes != 0) {
      spdlog::info(
          "the ledger's last write is incomplete ({} bytes): its segments are folded again",
          recovered.torn_bytes);
    }
    take_changes();
    if (!kernel_.start(options_.ebpf)) return ExitCode::kEbpf;
    return serve();
  }

  void warn_of(const DirectoryResult& opened) const {
    const std::string& path = directory_.path();
    if (opened.not_tmpfs)
      spdlog::warn("{} is not on tmpfs: programs can block while the disk is written", path);
    if (opened.owned_by_other)
      spdlog::warn("{} belongs to another user, who may remove segments", path);
    if (opened.not_sticky)
      spdlog::warn("{} is not sticky: any user may remove other users' segments", path);
  }

  ExitCode serve() {
    HttpOptions http = options_.http;
    http.on_warning = [](const std::string& message) { spdlog::warn("{}", message); };
    server_ = std::make_unique<HttpServer>(loop_, http, routes());
    if (const std::string error = server_->start(); !error.empty()) {
      spdlog::error("{}", error);
      return ExitCode::kListen;
    }
    for (const std::string& address : server_->addresses()) {
      spdlog::info("serving {}://{}{}{}, segments in {}", server_->uses_tls() ? "https" : "http",
                   address, address.starts_with("unix:") ? ":" : "", options_.metrics_path,
                   directory_.path());
    }
    return ExitCode::kDone;
  }

  std::vector<Route> routes() {
    const auto page = [this](const Request&) {
      return landing_page(
          "Notch", NOTCH_AGENT_VERSION, "The metrics of this host's processes.",
          {{options_.metrics_path, "Metrics"}, {"/-/healthy", "Healthy"}, {"/-/ready", "Ready"}});
    };
    const auto healthy = [](const Request&) { return text_response(200, "notchd is healthy.\n"); };
    const auto ready = [](const Request&) { return text_response(200, "notchd is ready.\n"); };
    return {{options_.metrics_path,
             [this](const Request& request) { return scrape_.respond(request); }, true},
            {"/", page, false},
            {"/-/healthy", healthy, false},
            {"/-/ready", ready, false}};
  }

  Snapshot process_snapshot() { return convert_families(processes_.families()).snapshot; }
  Snapshot agent_snapshot() { return convert_families(metrics_.Collect()).snapshot; }

  // No program may use the name of a family of the agent's own.
  Snapshot own(Snapshot snapshot) {
    collect_.reserve(snapshot);
    return snapshot;
  }

  Snapshot gather_segments() {
    try {
      take_changes();
      const auto start = std::chrono::steady_clock::now();
      Snapshot snapshot = collect_.gather(moment_now());
      metrics_.observe_collect(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      return snapshot;
    } catch (...) {
      look_at_all_anew();
      throw;
    }
  }

  // After an exception, which may have come between a name's telling and its taking.
  void look_at_all_anew() {
    directory_.tell_anew();
    collect_.forget_names();
  }

  DirectoryState directory_state() const {
    return {directory_space(directory_.fd()),
            directory_.ignored_names(),
            is_watching(),
            loss_ == Loss::kNone,
            regained_,
            census_};
  }

  HostDrops host_drops() const {
    HostDrops drops = host_drops_;
    drops.add("processes", HostDrop::kTooManyThreads, processes_.left_out_threads());
    return drops;
  }

  void take_changes() {
    collect_.move_to(directory_.fd());
    DirectoryChanges changes;
    int polls = 0;
    do {
      changes = directory_.poll();
      if (!changes.removed.empty()) collect_.removed(changes.removed);
      if (!changes.added.empty()) collect_.add(changes.added, moment_now());
    } while (changes.more && ++polls < kMostPolls);
    take_renames();
    if (loss_ != changes.loss) collect_.hold_ledger(changes.loss != Loss::kLock);
    loss_ = changes.loss;
    if (changes.message != last_changes_message_ && !changes.message.empty()) {
      spdlog::warn("{}", changes.message);
    }
    last_changes_message_ = changes.message;
  }

  // Mapped segments are still counted, whether the directory comes back or not.
  void regain_directory(const Moment& now) {
    if (loss_ == Loss::kNone) return;
    if (!std::exchange(told_loss_, true)) {
      spdlog::error("{}{}; running programs are still counted", directory_.path(),
                    loss_ == Loss::kDirectory ? " was removed or replaced"
                                              : ": agent.lock was removed or replaced");
    }
    const DirectoryResult regained = directory_.regain();
    if (!regained.ok) {
      if (now.boot_s < next_loss_boot_s_) return;
      next_loss_boot_s_ = now.boot_s + kLossLine_s;
      spdlog::error("new programs are not seen: {}", regained.message);
      return;
    }
    ++regained_;
    told_loss_ = false;
    next_loss_boot_s_ = 0;
    spdlog::warn("segments are in {} again", directory_.path());
    warn_of(regained);
    take_changes();
    directory_.drop_former([this](int fd) { return collect_.uses_directory(fd); });
  }

  // An exception (no memory, no address space) ends this piece of work and not the agent, which
  // goes on with its next turn.
  template <class Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (const std::exception& failure) {
      ++loop_failures_;
      look_at_all_anew();
      const std::uint64_t now_s = moment_now().boot_s;
      if (now_s < next_failure_line_boot_s_) return;
      next_failure_line_boot_s_ = now_s + kRejectedLine_s;
      spdlog::error("a sweep ended early: {}", failure.what());
    }
  }

  void take_renames() {
    const std::vector<ServiceRename> renames = collect_.take_renames();
    if (renames.empty()) return;
    processes_.rename(renames);
    kernel_.rename(renames);
  }

  // Where the kernel tells of no changes, the sweeps look for them until it does.
  void watch_directory(const Moment& now) {
    if (is_watching() || loss_ != Loss::kNone || now.boot_s < next_watch_boot_s_) return;
    next_watch_boot_s_ = now.boot_s + kWatchRetry_s;
    std::string fault = directory_.watch();
    if (fault.empty() && !watch_.is_open()) fault = wait_for_directory();
    if (!fault.empty() && !std::exchange(told_unwatched_, true)) {
      spdlog::warn("{}; the directory is listed at every sweep until it can be watched", fault);
    }
    if (fault.empty() && std::exchange(told_unwatched_, false)) {
      spdlog::info("{} is watched again", directory_.path());
    }
  }

  bool is_watching() const { return directory_.watched() && watch_.is_open(); }

  // Empty, or why not.
  std::string wait_for_directory() {
    const int descriptor = dup(directory_.watch_fd());
    if (descriptor < 0) return "no file descriptor is left to watch " + directory_.path();
    boost::system::error_code error;
    watch_.assign(descriptor, error);
    if (error) {
      ::close(descriptor);
      return "cannot wait for " + directory_.path() + ": " + error.message();
    }
    watch_again();
    return "";
  }

  void watch_again() {
    watch_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [this](const boost::system::error_code& error) {
                        if (error) return;
                        guarded([this] { look_at_changes(); });
                        if (!stopping_) watch_after_pause();
                      });
  }

  void watch_after_pause() {
    watch_timer_.expires_at(next_look_);
    watch_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopping_) watch_again();
    });
  }

  // The pause after a look is as long as the look was: half of the loop is everybody else's,
  // however fast files come and go.
  void look_at_changes() {
    const auto start = std::chrono::steady_clock::now();
    if (start < next_look_) return;
    take_changes();
    const auto end = std::chrono::steady_clock::now();
    next_look_ = end + (end - start);
  }

  void sweep_after(std::chrono::milliseconds delay) {
    sweep_timer_.expires_after(delay);
    sweep_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      guarded([this] {
        const Moment now = moment_now();
        look_at_changes();
        regain_directory(now);
        watch_directory(now);
        sweep();
      });
      if (!stopping_) sweep_after(std::chrono::milliseconds(options_.sweep_ms));
    });
  }

  void sweep() {
    const Moment now = moment_now();
    collect_.sweep(now);
    take_renames();
    processes_.sample(collect_.attached(), now.boot_s);
    kernel_.take(processes_.proven(), now.boot_s);
    const std::string message = collect_.stats().ledger_message;
    if (message != last_ledger_message_ && !message.empty()) spdlog::error("{}", message);
    last_ledger_message_ = message;
    const std::uint64_t replacements = collect_.stats().ledger_replacements;
    if (replacements != std::exchange(ledger_replacements_, replacements)) {
      spdlog::warn(
          "the ledger in {} was removed, replaced or writable by another agent: it is written anew",
          directory_.path());
    }
    tell_rejected(now);
    tell_renamed(now);
    if (now.boot_s < next_half_born_boot_s_) return;
    next_half_born_boot_s_ = now.boot_s + kHalfBornCheck_s;
    directory_.remove_half_born(now.boot_s);
    directory_.drop_former([this](int fd) { return collect_.uses_directory(fd); });
    census_ = take_census(directory_.fd());
    tell_census(now);
  }

  void tell_census(const Moment& now) {
    const std::string warning = census_warning(census_, directory_.path());
    if (warning.empty() || now.boot_s < next_census_line_boot_s_) return;
    spdlog::warn("{}", warning);
    next_census_line_boot_s_ = now.boot_s + kCensusLine_s;
  }

  // The last of those since the line before: whoever writes to the directory must not fill the log.
  void tell_rejected(const Moment& now) {
    const std::string message = collect_.stats().rejected_message;
    if (message == last_rejected_message_ || now.boot_s < next_rejected_boot_s_) return;
    spdlog::warn("{}", message);
    last_rejected_message_ = message;
    next_rejected_boot_s_ = now.boot_s + kRejectedLine_s;
  }

  void tell_renamed(const Moment& now) {
    const std::string message = collect_.stats().service_message;
    if (message == last_service_message_ || now.boot_s < next_service_s_) return;
    spdlog::warn("{}", message);
    last_service_message_ = message;
    next_service_s_ = now.boot_s + kRejectedLine_s;
  }

  void tell_status() {
    const CollectStats stats = collect_.stats();
    supervisor_.status("counting " + std::to_string(stats.live_segments) + " processes, " +
                       std::to_string(stats.series) + " series");
  }

  void sample_host() {
    host_.sample();
    tell_status();
    host_timer_.expires_after(std::chrono::seconds(options_.host.interval_s));
    host_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopping_) sample_host();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      if (signal != SIGHUP) {
        spdlog::info("signal {}: ending", signal);
        return stop();
      }
      spdlog::info(server_->reload() ? "SIGHUP: the web configuration is in force"
                                     : "SIGHUP: the web configuration was refused");
      wait_for_signal();
    });
  }

  // Lets the responses in flight finish; then nothing is left for the loop to do, and it ends.
  void stop() {
    if (stopping_) return;
    stopping_ = true;
    supervisor_.stopping();
    signals_.cancel();
    watch_timer_.cancel();
    sweep_timer_.cancel();
    host_timer_.cancel();
    boost::system::error_code ignored;
    watch_.close(ignored);
    if (server_ != nullptr) server_->stop([] {});
  }

  const Options& options_;
  asio::io_context loop_{1};
  asio::signal_set signals_;
  asio::steady_timer watch_timer_;
  std::chrono::steady_clock::time_point next_look_;
  asio::steady_timer sweep_timer_;
  asio::steady_timer host_timer_;
  asio::posix::stream_descriptor watch_;
  Supervisor supervisor_;
  SegmentDirectory directory_;
  Accounts accounts_{"/etc/passwd", "/etc/subuid"};
  Collect collect_;
  ProcessFigures processes_;
  HostDrops host_drops_;
  HostCollectors host_;
  KernelFigures kernel_;
  AgentMetrics metrics_;
  Scrape scrape_;
  std::unique_ptr<HttpServer> server_;
  std::string last_ledger_message_;
  std::string last_rejected_message_;
  std::string last_service_message_;
  std::uint64_t next_service_s_ = 0;
  std::uint64_t next_rejected_boot_s_ = 0;
  std::uint64_t next_failure_line_boot_s_ = 0;
  std::uint64_t loop_failures_ = 0;
  std::string last_changes_message_;
  Loss loss_ = Loss::kNone;
  bool told_loss_ = false;
  std::uint64_t next_loss_boot_s_ = 0;
  std::uint64_t regained_ = 0;
  std::uint64_t ledger_replacements_ = 0;
  std::uint64_t next_watch_boot_s_ = 0;
  bool told_unwatched_ = false;
  DirectoryCensus census_;
  std::uint64_t next_census_line_boot_s_ = 0;
  std::uint64_t next_half_born_boot_s_ = 0;
  bool stopping_ = false;
};

}  // namespace

ExitCode run_daemon(const Options& options) {
  return Daemon(options).run();
}

}  // namespace notch::agent
