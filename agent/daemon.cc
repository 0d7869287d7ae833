#include "agent/daemon.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent_metrics.h"
#include "agent/clocks.h"
#include "agent/collect/collect.h"
#include "agent/collect_log.h"
#include "agent/descriptor_room.h"
#include "agent/directory_feed.h"
#include "agent/directory_watch.h"
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

constexpr std::uint64_t kTidying_s = 60;
constexpr std::uint64_t kFailureLine_s = 10;

CollectOptions collect_options(const Options& options, Accounts& accounts) {
  CollectOptions collect = options.collect;
  collect.count_by(accounts);
  return within_descriptors(std::move(collect), options.http);
}

class Daemon {
 public:
  explicit Daemon(const Options& options)
      : options_(options),
        signals_(loop_, SIGTERM, SIGINT, SIGHUP),
        sweep_timer_(loop_),
        host_timer_(loop_),
        watch_(loop_, directory_, [this] { guarded([this] { look_at_changes(); }); }),
        supervisor_(loop_),
        collect_(collect_options(options, accounts_)),
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
    warn_of(opened, directory_.path());
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
      feed_.tell_anew();
      throw;
    }
  }

  DirectoryState directory_state() const {
    return {directory_space(directory_.fd()),
            directory_.ignored_names(),
            watch_.is_watching(),
            !feed_.is_lost(),
            feed_.regained(),
            census_};
  }

  HostDrops host_drops() const {
    HostDrops drops = host_drops_;
    drops.add("processes", HostDrop::kTooManyThreads, processes_.left_out_threads());
    return drops;
  }

  void take_changes() {
    feed_.take_changes();
    take_renames();
  }

  void watch_directory(const Moment& now) {
    if (!feed_.is_lost()) watch_.begin(now);
  }

  void look_at_changes() {
    watch_.look([this] { take_changes(); });
  }

  // An exception (no memory, no address space) ends this piece of work and not the agent, which
  // goes on with its next turn.
  template <class Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (const std::exception& failure) {
      ++loop_failures_;
      feed_.tell_anew();
      const std::uint64_t now_s = moment_now().boot_s;
      if (now_s < next_failure_line_boot_s_) return;
      next_failure_line_boot_s_ = now_s + kFailureLine_s;
      spdlog::error("a sweep ended early: {}", failure.what());
    }
  }

  void take_renames() {
    const std::vector<ServiceRename> renames = collect_.take_renames();
    if (renames.empty()) return;
    processes_.rename(renames);
    kernel_.rename(renames);
  }

  void sweep_after(std::chrono::milliseconds delay) {
    sweep_timer_.expires_after(delay);
    sweep_timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      guarded([this] {
        const Moment now = moment_now();
        look_at_changes();
        feed_.regain(now);
        take_renames();  // before the sweep's own: a list of renames is not applied in their order
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
    log_.tell(collect_.stats(), directory_.path(), now);
    if (now.boot_s < next_tidying_boot_s_) return;
    next_tidying_boot_s_ = now.boot_s + kTidying_s;
    feed_.tidy(now);
    census_ = take_census(directory_.fd());
    log_.tell_census(census_, directory_.path(), now);
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
    watch_.stop();
    sweep_timer_.cancel();
    host_timer_.cancel();
    if (server_ != nullptr) server_->stop([] {});
  }

  const Options& options_;
  asio::io_context loop_{1};
  asio::signal_set signals_;
  asio::steady_timer sweep_timer_;
  asio::steady_timer host_timer_;
  SegmentDirectory directory_;
  DirectoryWatch watch_;
  Supervisor supervisor_;
  Accounts accounts_{"/etc/passwd", "/etc/subuid"};
  Collect collect_;
  DirectoryFeed feed_{directory_, collect_};
  ProcessFigures processes_;
  HostDrops host_drops_;
  HostCollectors host_;
  KernelFigures kernel_;
  AgentMetrics metrics_;
  Scrape scrape_;
  std::unique_ptr<HttpServer> server_;
  CollectLog log_;
  DirectoryCensus census_;
  std::uint64_t loop_failures_ = 0;
  std::uint64_t next_failure_line_boot_s_ = 0;
  std::uint64_t next_tidying_boot_s_ = 0;
  bool stopping_ = false;
};

}  // namespace

ExitCode run_daemon(const Options& options) {
  return Daemon(options).run();
}

}  // namespace notch::agent
