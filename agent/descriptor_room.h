// How many file descriptors are left for segments. Called by: daemon.
#pragma once

#include "agent/collect/collect_options.h"
#include "agent/http/http_server.h"

namespace notch::agent {

// The options with no more segments than there are file descriptors for, after the process's limit is raised as far as it may
// be: a segment needs one for its lock.
CollectOptions within_descriptors(CollectOptions options, const HttpOptions& http);

}  // namespace notch::agent
