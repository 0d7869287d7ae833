// notchd's command line.
// Called by: main.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "agent/expose/scrape.h"
#include "agent/host/host_options.h"
#include "agent/http/http_options.h"
#include "agent/kernel/kernel_options.h"

namespace notch::agent {

// Exit codes of notchd.
enum class ExitCode : int {
  kDone = 0,       // ended by SIGTERM or SIGINT, or --help
  kFailed = 1,     // an error while running; the log says which
  kUsage = 2,      // the command line is wrong
  kDirectory = 3,  // the segment directory or the ledger cannot be used, or another agent has it
  kListen = 4,     // an address cannot be listened on, or the web configuration is wrong
  kEbpf = 5,       // --ebpf=require, and a probe of the kernel does not run
};

struct Options {
  std::string directory;  // empty: /run/notch if that is possible, else /dev/shm/notch
  std::string metrics_path = "/metrics";
  std::string log_level = "info";
  std::uint32_t sweep_ms = 1000;  // between two looks for dead processes
  EbpfMode ebpf = EbpfMode::kAuto;
  HttpOptions http;
  ScrapeOptions scrape;
  CollectOptions collect;
  HostOptions host;
};

struct ParsedOptions {
  Options options;
  bool run = false;  // else: print `text` and leave with `exit_code`
  ExitCode exit_code = ExitCode::kDone;
  std::string text;  // help, version, or what is wrong
};

ParsedOptions parse_options(int argc, const char* const* argv);

// "90s", "15m", "6h", "7d", or "0". False if it is none of these.
bool parse_duration_s(const std::string& text, std::uint64_t& seconds);

}  // namespace notch::agent
