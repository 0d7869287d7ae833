#include "ebpf/probes.h"

#include "ebpf/block_probe.h"
#include "ebpf/capabilities.h"
#include "ebpf/cpu_probe.h"
#include "ebpf/interrupts_probe.h"
#include "ebpf/memory_probe.h"
#include "ebpf/process_probe.h"
#include "ebpf/runqueue_probe.h"
#include "ebpf/tcp_probe.h"

namespace notch::ebpf {
namespace {

constexpr const char* kServices = "services";

}  // namespace

Probes::Probes() {
  // A new probe has its line here.
  probes_.push_back(std::make_unique<CpuProbe>());
  probes_.push_back(std::make_unique<RunqueueProbe>());
  probes_.push_back(std::make_unique<BlockProbe>());
  probes_.push_back(std::make_unique<TcpProbe>());
  probes_.push_back(std::make_unique<MemoryProbe>());
  probes_.push_back(std::make_unique<InterruptsProbe>());
  probes_.push_back(std::make_unique<ProcessProbe>());
}

void Probes::refuse(Refusal reason, const std::string& words) {
  states_ = {{kServices, {reason, words}}};
  for (const auto& probe : probes_) states_.push_back({probe->name(), {reason, words}});
}

void Probes::start() {
  const Outcome services = services_.start();
  // Without the table no probe can be loaded; without the hook at fork all can.
  if (!services.ok() && services.refusal != Refusal::kNoHook) {
    return refuse(services.refusal, services.words);
  }
  states_ = {{kServices, services}};
  for (const auto& probe : probes_) states_.push_back({probe->name(), probe->start(services_)});
}

bool Probes::needs_bpf_capability() {
  if (!set_bpf_capability_in_force(false)) return false;
  bool needed = states_.front().outcome.ok() && !services_.can_look();
  for (std::size_t i = 1; i < states_.size(); ++i) {
    if (states_[i].outcome.ok() && !probes_[i - 1]->can_read()) needed = true;
  }
  if (needed) set_bpf_capability_in_force(true);
  return needed;
}

std::vector<ServiceSums*> Probes::service_sums() const {
  std::vector<ServiceSums*> all;
  for (std::size_t i = 1; i < states_.size(); ++i) {
    if (!states_[i].outcome.ok()) continue;
    if (ServiceSums* sums = probes_[i - 1]->service_sums()) all.push_back(sums);
  }
  return all;
}

bool Probes::assign(std::uint32_t pid, std::string_view service, bool is_older,
                    const std::function<bool()>& is_still_it) {
  const SlotOwners::Slot slot = services_.slot_for(service);
  if (slot.is_new) {
    for (ServiceSums* sums : service_sums()) sums->given(slot.number, std::string(service));
  }
  move(pid, slot.number, is_older, is_still_it);
  return slot.is_new;
}

void Probes::move(std::uint32_t pid, std::uint8_t slot, bool is_older,
                  const std::function<bool()>& is_still_it) {
  const ServiceTable::Change change = services_.change_of(pid, slot);
  if (change.from == change.to || !is_still_it()) return;
  services_.assign(pid, slot);
  if (!is_still_it()) {
    // Another process has its number by now, and counts as unattached from here on.
    services_.assign(pid, NOTCH_SLOT_UNATTACHED);
    return;
  }
  if (!is_older && change.from != NOTCH_SLOT_OTHERS) return;
  for (std::size_t i = 1; i < states_.size(); ++i) {
    if (states_[i].outcome.ok()) probes_[i - 1]->moved(pid, change);
  }
}

std::vector<std::string> Probes::take_back(std::uint64_t now_s) {
  std::vector<std::string> gone;
  for (const std::uint8_t slot : services_.quiet_slots(now_s)) {
    gone.push_back(services_.name_of(slot));
    take_slot(slot);
  }
  return gone;
}

void Probes::take_slot(std::uint8_t slot) {
  const std::string service = services_.name_of(slot);
  services_.clear(slot);  // first, so that nothing counts there any more
  for (ServiceSums* sums : service_sums()) sums->taken_back(slot, service);
  services_.free(slot);  // last: until then the sums ask whose it is
}

void Probes::rename(const NewNames& names) {
  services_.rename(names);
  for (ServiceSums* sums : service_sums()) sums->rename(names);
}

void Probes::drop(const std::string& service) {
  if (const auto slot = services_.slot_of(service)) take_slot(*slot);
  forget(service);
}

void Probes::forget(const std::string& service) {
  for (ServiceSums* sums : service_sums()) sums->forget(service);
}

void Probes::add_health(std::vector<KernelFamily>& families) const {
  KernelFamily up{"notch_ebpf_probe_up",
                  "Whether a probe of the kernel runs (1), or is refused (0).",
                  "",
                  FamilyType::kGauge,
                  {}};
  KernelFamily refused{"notch_ebpf_probe_refused_info",
                       "Why a probe does not run; the log says it in words.",
                       "",
                       FamilyType::kGauge,
                       {}};
  KernelFamily missed{
      "notch_ebpf_missed_events_total",
      "Events a probe did not see, as the same program was running on that processor.",
      "",
      FamilyType::kCounter,
      {}};
  for (std::size_t i = 1; i < states_.size(); ++i) {
    if (!states_[i].outcome.ok()) continue;
    const auto events = static_cast<double>(probes_[i - 1]->object().missed_events());
    missed.rows.push_back({{{"probe", states_[i].name}}, events, {}});
  }
  families.push_back(std::move(missed));
  for (const ProbeState& state : states_) {
    up.rows.push_back({{{"probe", state.name}}, state.outcome.ok() ? 1.0 : 0.0, {}});
    if (state.outcome.ok()) continue;
    refused.rows.push_back(
        {{{"probe", state.name}, {"reason", refusal_name(state.outcome.refusal)}}, 1, {}});
  }
  families.push_back(std::move(up));
  families.push_back(std::move(refused));
}

std::vector<KernelFamily> Probes::families() {
  std::vector<KernelFamily> families;
  add_health(families);
  for (std::size_t i = 1; i < states_.size(); ++i) {
    if (states_[i].outcome.ok()) probes_[i - 1]->add_families(services_, families);
  }
  return families;
}

}  // namespace notch::ebpf
