#include "agent/descriptor_room.h"

#include <sys/resource.h>

#include <cstdint>
#include <utility>

namespace notch::agent {
namespace {

// Not for segments: what the ledger, the host's collectors, the probes and the loop have open at a time.
constexpr std::uint64_t kOtherDescriptors = 256;

// As many as the process may have, from now on.
std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t had = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : had;
}

}  // namespace

CollectOptions within_descriptors(CollectOptions options, const HttpOptions& http) {
  options.limits = within_descriptors(options.limits, raise_descriptor_limit(),
                                      kOtherDescriptors + http.max_connections);
  return options;
}

}  // namespace notch::agent
