#include "agent/host/selinux.h"

#include <unistd.h>

#include "agent/host/fields.h"

namespace notch::agent {

CollectResult collect_selinux(HostFiles& files, FamilyList& families) {
  const std::string folder = files.sys_path("fs/selinux");
  const bool enabled = ::access((folder + "/enforce").c_str(), F_OK) == 0;
  families.gauge("selinux_enabled", "SELinux is enabled, 1 is true, 0 is false", enabled ? 1 : 0);
  if (!enabled) return CollectResult::done();
  const auto mode = whole_number(files.line_of(folder + "/enforce").value_or(""));
  if (!mode) return CollectResult::failed(folder + "/enforce: no number");
  families.gauge("selinux_current_mode",
                 "Current SELinux enforcement mode, 1 is enforcing, 0 is permissive",
                 static_cast<double>(*mode));
  return CollectResult::done();
}

}  // namespace notch::agent
