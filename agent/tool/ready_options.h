// The command line of `notch ready`.
// Called by: ready_command.
#pragma once

#include <span>
#include <string>

namespace notch::agent {

struct ReadyOptions {
  std::string host = "127.0.0.1";  // as getaddrinfo takes it
  std::string port = "9464";
  std::string socket;      // a Unix socket's name (unix_address.h), instead of host and port
  unsigned timeout_s = 3;  // for connecting, sending and each piece of the answer
};

struct ParsedReadyOptions {
  ReadyOptions options;
  bool run = false;  // else: print `text` and leave with `exit_code`
  int exit_code = 0;
  std::string text;  // help, or what is wrong
};

// `arguments`: what stands behind `notch ready`.
ParsedReadyOptions parse_ready_options(std::span<const char* const> arguments);

}  // namespace notch::agent
