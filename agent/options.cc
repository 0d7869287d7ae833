#include "agent/options.h"

#include <grp.h>
#include <pwd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/family/metric_names.h"
#include "agent/host/collector_table.h"
#include "agent/host/filter_options.h"
#include "agent/http/listen_socket.h"
#include "agent/tool/command_line.h"

namespace notch::agent {
namespace {

// A CLI11 validator's words: empty if fine.
std::string check_duration(const std::string& text) {
  std::uint64_t seconds = 0;
  return parse_duration_s(text, seconds)
             ? ""
             : "\"" + text + "\" is not a duration with its unit, such as 90s, 15m, 6h or 7d";
}

// CLI11 itself would take -1 for 2^64 - 1.
std::string check_count(const std::string& text) {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  return error == std::errc() && stop == end ? "" : "\"" + text + "\" is not a whole number";
}

// An option for a number of things.
template <class Number>
CLI::Option* add_count(CLI::App& app, const char* name, Number& value, const char* description) {
  return app.add_option(name, value, description)
      ->check(CLI::Validator(check_count, "COUNT"))
      ->capture_default_str();
}

void add_limits(CLI::App& app, Options& options) {
  SegmentLimits& limits = options.collect.limits;
  add_count(app, "--limit.segments", limits.total.segments,
            "Segments of all users. A limit of 0 lets nothing in");
  add_count(app, "--limit.bytes", limits.total.bytes, "Memory of all segments, in bytes");
  add_count(app, "--limit.series", limits.total.series, "Series of all segments");
  add_count(app, "--limit.segments-per-uid", limits.per_uid.segments, "Segments of one user");
  add_count(app, "--limit.bytes-per-uid", limits.per_uid.bytes,
            "Memory of one user's segments, in bytes");
  add_count(app, "--limit.series-per-uid", limits.per_uid.series, "Series of one user's segments");
  FamilyLimits& families = options.collect.tally.families;
  add_count(app, "--limit.families", families.families, "Names of families of all users");
  add_count(app, "--limit.families-per-uid", families.per_uid,
            "Names of families in which one user has a part");
  RowLimits& rows = options.collect.tally.rows;
  add_count(app, "--limit.page-bytes", rows.page_bytes,
            "Bytes of the text that all series, of living and dead processes, have on a page");
  add_count(app, "--limit.page-bytes-per-uid", rows.page_bytes_per_uid,
            "Bytes of the text of one user's series");
  add_count(app, "--limit.page-bytes-per-segment", options.collect.page_bytes_per_segment,
            "Bytes of the text of one segment's series");
  add_count(app, "--limit.dead-rows", rows.dead_rows,
            "Rows of dead processes; further ones are added to their users' rows "
            "overflow=\"true\"");
  add_count(app, "--limit.dead-rows-per-uid", rows.dead_rows_per_uid,
            "Rows of one user's dead processes");
  add_count(
      app, "--limit.ledger-bytes", rows.ledger_bytes,
      "Bytes of dead processes' rows in the ledger; further rows are added to their users' rows "
      "overflow=\"true\"");
  add_count(app, "--limit.ledger-bytes-per-uid", rows.ledger_bytes_per_uid,
            "Bytes of the rows of one user's dead processes in the ledger");
}

// NAME=USER, a user's name or number. Empty if fine.
std::string parse_service_owner(const std::string& text, NamedOwner& owner) {
  const std::size_t sign = text.rfind('=');
  const std::string user = sign == std::string::npos ? "" : text.substr(sign + 1);
  if (user.empty() || sign == 0) return "\"" + text + "\" is not NAME=USER";
  owner.service = text.substr(0, sign);
  if (!is_name_for_all(owner.service)) {
    return "\"" + owner.service +
           "\": a name that ends in @UID belongs to that user, and no other owner can be named";
  }
  const char* const end = user.data() + user.size();
  const auto [stop, error] = std::from_chars(user.data(), end, owner.uid);
  if (error == std::errc() && stop == end && owner.uid != UINT32_MAX) return "";
  const passwd* const entry = getpwnam(user.c_str());
  if (entry == nullptr) return "\"" + user + "\" is neither a user of this host nor a uid";
  owner.uid = entry->pw_uid;
  return "";
}

void add_service_owners(CLI::App& app, Options& options) {
  const auto take = [&named = options.collect.owners.named](const std::vector<std::string>& all) {
    for (const std::string& text : all) {
      NamedOwner owner;
      std::string fault = parse_service_owner(text, owner);
      if (std::ranges::find(named, owner.service, &NamedOwner::service) != named.end()) {
        fault = "\"" + owner.service + "\" has two owners";
      }
      if (!fault.empty()) throw CLI::ValidationError("--service-owner", fault);
      named.push_back(std::move(owner));
    }
  };
  app.add_option_function<std::vector<std::string>>(
         "--service-owner", take,
         "NAME=USER: reserves this name of a service for a user; may be given several times. "
         "Other names belong to root before system users before ordinary users, then to the first")
      ->type_name("OWNER")
      ->expected(1)
      ->take_all();
}

void add_collect(CLI::App& app, Options& options) {
  add_limits(app, options);
  add_service_owners(app, options);
}

// Three or four octal digits, of which none but the last three count. Empty if fine.
std::string parse_mode(const std::string& text, mode_t& mode) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, mode, 8);
  if (error == std::errc() && stop == end && text.size() >= 3 && mode <= 0777) return "";
  return "\"" + text + "\" is not a file mode: give octal digits, such as 0660";
}

// A group's name or number. Empty if fine.
std::string parse_group(const std::string& text, std::optional<gid_t>& group) {
  gid_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc() && stop == end && number != UINT32_MAX) {
    group = number;
    return "";
  }
  const ::group* const entry = getgrnam(text.c_str());
  if (entry == nullptr) return "\"" + text + "\" is neither a group of this host nor a gid";
  group = entry->gr_gid;
  return "";
}

void add_socket_access(CLI::App& app, Options& options) {
  SocketAccess& access = options.http.socket_access;
  const auto take = [&app](const char* flag, const std::string& fault) {
    if (!fault.empty()) throw CLI::ValidationError(flag, fault);
    const auto addresses = app.get_option("--listen")->as<std::vector<std::string>>();
    const auto has_path = [](const std::string& address) { return address.starts_with("unix:/"); };
    if (std::ranges::any_of(addresses, has_path)) return;
    throw CLI::ValidationError(flag, "needs an address --listen unix:PATH");
  };
  app.add_option_function<std::string>(
         "--listen.mode",
         [&access, take](const std::string& text) {
           take("--listen.mode", parse_mode(text, access.mode));
         },
         "Mode of the files of Unix sockets; who may write to one may connect. Default: 0660")
      ->type_name("MODE");
  app.add_option_function<std::string>(
         "--listen.group",
         [&access, take](const std::string& text) {
           take("--listen.group", parse_group(text, access.group));
         },
         "Group of the files of Unix sockets; users other than root may name only their own groups")
      ->type_name("GROUP");
}

std::string check_metrics_path(const std::string& text) {
  if (!text.starts_with('/') || text == "/") {
    return "\"" + text + "\" must start with / and be more than /";
  }
  const bool is_taken = text == "/-/healthy" || text == "/-/ready";
  return is_taken ? "\"" + text + "\" is a path of the agent's own; name another path" : "";
}

void add_web(CLI::App& app, Options& options) {
  app.add_option("--listen,--web.listen-address", options.http.listen,
                 "ADDRESS:PORT, unix:PATH or unix:@NAME to serve on; may be given several times")
      ->check(CLI::Validator(listen_address_fault, "ADDRESS"))
      ->capture_default_str();
  add_socket_access(app, options);
  app.add_option("--web.telemetry-path", options.metrics_path, "Path of the exposition")
      ->check(CLI::Validator(check_metrics_path, "PATH"))
      ->capture_default_str();
  app.add_option(
      "--web.config.file", options.http.web_config_file,
      "File with TLS and basic authentication, in the Prometheus exporter-toolkit's format (YAML)");
  app.add_flag("--web.systemd-socket", options.http.systemd_sockets,
               "Serve on the sockets that systemd passes, instead of --listen");
  add_count(
      app, "--web.max-requests", options.http.max_requests,
      "Scrapes served at one time; a further one cuts a slow reader or gets 503. 0: no limit");
  add_count(app, "--web.max-held-bytes", options.scrape.max_held_bytes,
            "Bytes of the pages being sent; past it a request cuts slow readers or gets 503. "
            "0: no limit");
}

// Names of the host's collectors by commas, `all` or `none`. Empty if fine.
std::string parse_host_collectors(const std::string& text, std::vector<std::string>& names) {
  names.clear();
  if (text == "none") return "";
  for (const HostCollectorEntry& entry : host_collector_table()) {
    if (text == "all") names.emplace_back(entry.name);
  }
  if (text == "all") return "";
  std::size_t first = 0;
  while (first <= text.size()) {
    const std::size_t end = std::min(text.find(',', first), text.size());
    std::string name = text.substr(first, end - first);
    const auto known = [&](const HostCollectorEntry& entry) { return entry.name == name; };
    if (std::ranges::none_of(host_collector_table(), known)) {
      std::string fault = "\"" + name + "\" is not a collector; the collectors are: all none";
      for (const HostCollectorEntry& entry : host_collector_table()) {
        fault.append(" ").append(entry.name);
      }
      return fault;
    }
    names.push_back(std::move(name));
    first = end + 1;
  }
  return "";
}

std::string check_host_collectors(const std::string& text) {
  std::vector<std::string> names;
  return parse_host_collectors(text, names);
}

std::string check_prefix(const std::string& text) {
  return is_metric_name(text + "x") ? "" : "\"" + text + "\" cannot begin a metric's name";
}

void add_host(CLI::App& app, Options& options, std::string& collectors) {
  HostOptions& host = options.host;
  app.add_option(
         "--host.collectors", collectors,
         "The host's collectors that run, separated by commas; all; or none, for no node_ families")
      ->check(CLI::Validator(check_host_collectors, "LIST"))
      ->capture_default_str();
  app.add_option(
         "--host.prefix", host.prefix,
         "Prefix of the names of the host's families; set another one where node_exporter is "
         "scraped too")
      ->check(CLI::Validator(check_prefix, "PREFIX"))
      ->capture_default_str();
  app.add_option("--host.interval-s", host.interval_s,
                 "Seconds over which otlp_system_cpu_usage_percent is measured")
      ->check(CLI::Range(1U, 3600U))
      ->capture_default_str();
  add_filter_options(app, host.patterns);
  app.add_option("--path.procfs", host.paths.procfs, "Where the host's /proc is mounted")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("--path.sysfs", host.paths.sysfs, "Where the host's /sys is mounted")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  app.add_option("--path.rootfs", host.paths.rootfs, "Where the host's / is mounted")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
}

ParsedOptions usage_error(const std::string& what) {
  ParsedOptions parsed;
  parsed.exit_code = ExitCode::kUsage;
  parsed.text = "notchd: " + what + "\nnotchd --help lists the options.\n";
  return parsed;
}

}  // namespace

bool parse_duration_s(const std::string& text, std::uint64_t& seconds) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop == text.data()) return false;
  const std::string unit(stop, end);
  // 7 may be meant as days: only nothing at all needs no unit.
  const std::uint64_t scale = unit == "s" || (unit.empty() && value == 0) ? 1
                              : unit == "m"                               ? 60
                              : unit == "h"                               ? 3600
                              : unit == "d"                               ? 86400
                                                                          : 0;
  if (scale == 0 || value > UINT64_MAX / 1000 / scale) return false;
  seconds = value * scale;
  return true;
}

ParsedOptions parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  CLI::App app("notchd adds up the metrics of this host's processes and serves them to Prometheus.",
               "notchd");
  app.set_version_flag("--version", std::string("notchd ") + NOTCH_AGENT_VERSION);
  app.footer(
      "Exit codes: 0 ended in order, 1 failed while running, 2 wrong command line,\n"
      "3 the directory or the ledger cannot be used or another agent has it,\n"
      "4 the agent cannot serve on an address, or the web configuration is wrong,\n"
      "5 --ebpf=require and a probe of the kernel does not run.");
  app.add_option("--dir", options.directory,
                 "Directory of the segments, on tmpfs; made if missing, refused if it holds other "
                 "files or is on overlayfs. Default: /run/notch, else /dev/shm/notch")
      ->check(CLI::Validator(
          [](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, ""));
  add_web(app, options);
  app.add_flag("--per-process", options.collect.tally.per_process,
               "One row per process, with a label pid, instead of sums per service");
  std::string retention = "7d";
  std::string linger = "5m";
  const CLI::Validator duration(check_duration, "DURATION");
  app.add_option("--retention", retention,
                 "How long a series without a living process stays: 90s, 7d; 0: for ever")
      ->check(duration)
      ->capture_default_str();
  app.add_option("--linger", linger, "With --per-process: how long a dead process's rows stay")
      ->check(duration)
      ->capture_default_str();
  add_collect(app, options);
  std::string host_collectors = "all";
  add_host(app, options, host_collectors);
  app.add_option("--sweep-ms", options.sweep_ms,
                 "Milliseconds between two sweeps for dead processes")
      ->check(CLI::Range(10U, 60'000U))
      ->capture_default_str();
  std::string ebpf = "auto";
  app.add_option(
         "--ebpf", ebpf,
         "Probes of the kernel: auto (those that the kernel permits), off, or require (all, or "
         "exit code 5). They need CAP_BPF and CAP_PERFMON, which are dropped once they run")
      ->check(CLI::IsMember({"auto", "off", "require"}))
      ->capture_default_str();
  app.add_option("--log.level", options.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  try {
    app.parse(reversed_arguments({argv + 1, argv + std::max(argc, 1)}));
  } catch (const CLI::CallForHelp&) {
    parsed.text = app.help();
    return parsed;
  } catch (const CLI::CallForVersion& version) {
    parsed.text = std::string(version.what()) + "\n";
    return parsed;
  } catch (const CLI::ExtrasError&) {
    return usage_error(unknown_argument(app.remaining()));
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  options.ebpf = ebpf == "off"       ? EbpfMode::kOff
                 : ebpf == "require" ? EbpfMode::kRequire
                                     : EbpfMode::kAuto;
  parse_host_collectors(host_collectors, options.host.collectors);
  parse_duration_s(retention, options.collect.retention_s);
  parse_duration_s(linger, options.collect.linger_s);
  parsed.run = true;
  return parsed;
}

}  // namespace notch::agent
