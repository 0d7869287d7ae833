// The running agent: one event loop that watches the directory, sweeps for the dead, samples the
// host and answers scrapes. Wires the parts; decides nothing itself. Called by: main.
//
// Invariants
//   DM1  Everything runs on one thread, in the order directory, collect, tally, exposition.
#pragma once

#include "agent/options.h"

namespace notch::agent {

// Runs until SIGTERM or SIGINT. Says what it does through the default spdlog logger.
ExitCode run_daemon(const Options& options);

}  // namespace notch::agent
