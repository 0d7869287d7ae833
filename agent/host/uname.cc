#include "agent/host/uname.h"

#include <sys/utsname.h>

namespace notch::agent {

CollectResult collect_uname(HostFiles&, FamilyList& families) {
  utsname names{};
  if (::uname(&names) != 0) return CollectResult::failed("uname failed");
  families.begin(MetricType::kGauge, "uname_info",
                 "Labeled system information as provided by the uname system call.");
  families.add(1, {{"domainname", names.domainname},
                   {"machine", names.machine},
                   {"nodename", names.nodename},
                   {"release", names.release},
                   {"sysname", names.sysname},
                   {"version", names.version}});
  return CollectResult::done();
}

}  // namespace notch::agent
