#include "agent/host/pressure.h"

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

namespace notch::agent {
namespace {

struct PressureFile {
  const char* name;
  std::string_view waiting;  // the family of `some`; empty if it is not shown
  std::string_view waiting_help;
  std::string_view stalled;  // of `full`
  std::string_view stalled_help;
};
// For the processor the kernel gives `full` for cgroups only; for interrupts it gives only `full`.
constexpr PressureFile kFiles[] = {
    {"pressure/cpu", "pressure_cpu_waiting_seconds_total",
     "Total time in seconds that processes have waited for CPU time", "", ""},
    {"pressure/io", "pressure_io_waiting_seconds_total",
     "Total time in seconds that processes have waited due to IO congestion",
     "pressure_io_stalled_seconds_total",
     "Total time in seconds no process could make progress due to IO congestion"},
    {"pressure/memory", "pressure_memory_waiting_seconds_total",
     "Total time in seconds that processes have waited for memory",
     "pressure_memory_stalled_seconds_total",
     "Total time in seconds no process could make progress due to memory congestion"},
    {"pressure/irq", "", "", "pressure_irq_stalled_seconds_total",
     "Total time in seconds no process could make progress due to interrupts"},
};

void add(FamilyList& families, std::string_view name, std::string_view help,
         const std::optional<std::uint64_t>& total_us) {
  if (!name.empty() && total_us) families.counter(name, help, static_cast<double>(*total_us) / 1e6);
}

}  // namespace

PressureTotals parse_pressure(std::string_view text) {
  PressureTotals totals;
  for (std::string_view line : ProcLines(text)) {
    const std::string_view kind = take_word(line);
    if (kind != "some" && kind != "full") continue;
    for (std::string_view word = take_word(line); !word.empty(); word = take_word(line)) {
      if (!word.starts_with("total=")) continue;
      word.remove_prefix(6);
      (kind == "some" ? totals.some_us : totals.full_us) = whole_number(word);
    }
  }
  return totals;
}

CollectResult collect_pressure(HostFiles& files, FamilyList& families) {
  std::size_t found = 0;
  for (const PressureFile& file : kFiles) {
    const std::optional<std::string_view> text = files.proc(file.name);
    if (!text) continue;  // a kernel without it, or told at its start not to count
    ++found;
    const PressureTotals totals = parse_pressure(*text);
    add(families, file.waiting, file.waiting_help, totals.some_us);
    add(families, file.stalled, file.stalled_help, totals.full_us);
  }
  return found > 0 ? CollectResult::done() : CollectResult::no_data();
}

}  // namespace notch::agent
