// Processor time and run-queue wait, by service and by cgroup.
// Called by: probes.
//
// Invariants
//   CP1  A sum is the time that ended and living tasks used, less the time they had used when the probe
//        began. Ended tasks are read first: a task that ends between the two reads is missing in one
//        sum, and is never counted twice.
//   CP2  The time that a process used before the probe began is in no sum, whichever service the
//        process comes to.
//   CP3  A sum that would fall (through such a gap, or because a process changed its service) stays as
//        it was.
//   CP4  A cgroup that has been empty for a while gives its slots back. Its sums are kept with its path,
//        as kept_groups says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ebpf/cpu.h"
#include "ebpf/kept_groups.h"
#include "ebpf/probe.h"
#include "ebpf/quiet_slots.h"

namespace notch::ebpf {

class CpuProbe final : public Probe, private ServiceSums {
 public:
  const char* name() const override { return "cpu"; }
  Outcome start(const ServiceTable& services) override;
  void add_families(const ServiceTable& services, std::vector<KernelFamily>& families) override;
  bool can_read() override { return look().ok(); }
  ServiceSums* service_sums() override { return this; }
  void moved(std::uint32_t pid, ServiceTable::Change change) override;
  const KernelObject& object() const override { return object_; }

 private:
  struct Sum {
    cpu_row before{};  // when the probe began, or the row became its owner's
    cpu_row shown{};
  };
  struct Move {
    std::string path;
    ServiceTable::Change change;
    cpu_row used;
  };

  void given(std::size_t slot, const std::string& service) override;
  void taken_back(std::size_t slot, const std::string& service) override;
  void forget(const std::string& service) override;
  void rename(const NewNames& names) override;

  Outcome look();
  void name_cgroups();
  void apply_moves();
  void free_empty_cgroups();
  void free_cgroup(std::size_t slot, const std::string& service);
  void keep(const CpuGroup& group, const cpu_row& used);
  static void add_shown(const cpu_row& used,
                        Sum& sum);  // the row's sum for its owner until now
  std::map<CpuGroup, cpu_row> groups() const;
  std::string service_of(std::size_t slot) const;

  KernelObject object_;
  const ServiceTable* services_ = nullptr;
  std::vector<std::byte> output_;                                      // of the iterator: nothing
  std::vector<cpu_row> total_ = std::vector<cpu_row>(NOTCH_CPU_ROWS);  // at the last look
  std::vector<Sum> sums_ = std::vector<Sum>(NOTCH_CPU_ROWS);
  std::map<std::string, cpu_row> kept_;  // of services without a slot

  // Of cgroups and services in cgroups, by slot: row NOTCH_CPU_CGROUPS on.
  std::vector<std::string> paths_ = std::vector<std::string>(2 * NOTCH_CGROUP_SLOTS);
  QuietSlots quiet_{2 * NOTCH_CGROUP_SLOTS};
  KeptGroups kept_groups_;
  std::vector<Move> moves_;  // since the last look
  bool begun_ = false;
};

}  // namespace notch::ebpf
