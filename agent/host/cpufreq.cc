#include "agent/host/cpufreq.h"

#include <fcntl.h>

#include <array>
#include <string>
#include <vector>

namespace notch::agent {
namespace {

struct Frequency {
  const char* file;  // in kHz
  std::string_view name;
  std::string_view help;
};
constexpr Frequency kFrequencies[] = {
    {"cpuinfo_cur_freq", "cpu_frequency_hertz", "Current CPU thread frequency in hertz."},
    {"cpuinfo_min_freq", "cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz."},
    {"cpuinfo_max_freq", "cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz."},
    {"scaling_cur_freq", "cpu_scaling_frequency_hertz",
     "Current scaled CPU thread frequency in hertz."},
    {"scaling_min_freq", "cpu_scaling_frequency_min_hertz",
     "Minimum scaled CPU thread frequency in hertz."},
    {"scaling_max_freq", "cpu_scaling_frequency_max_hertz",
     "Maximum scaled CPU thread frequency in hertz."},
};

struct Cpu {
  std::string number;
  std::array<std::optional<double>, std::size(kFrequencies)> khz;
};

}  // namespace

CollectResult collect_cpufreq(HostFiles& files, FamilyList& families) {
  std::vector<Cpu> cpus;
  const std::string folder = files.sys_path("devices/system/cpu");
  for (const std::string& name : HostFiles::names_in(folder)) {
    if (!name.starts_with("cpu") || name.find_first_not_of("0123456789", 3) != std::string::npos) {
      continue;
    }
    const FileDescriptor at(
        ::open((folder + "/" + name + "/cpufreq").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at.valid()) continue;
    Cpu& cpu = cpus.emplace_back();
    cpu.number = name.substr(3);
    for (std::size_t i = 0; i < cpu.khz.size(); ++i) {
      cpu.khz[i] = files.number_at(at.get(), kFrequencies[i].file);
    }
  }
  for (std::size_t i = 0; i < std::size(kFrequencies); ++i) {
    families.begin(MetricType::kGauge, kFrequencies[i].name, kFrequencies[i].help);
    for (const Cpu& cpu : cpus) {
      if (cpu.khz[i]) families.add(*cpu.khz[i] * 1000, {{"cpu", cpu.number}});
    }
  }
  return CollectResult::done();
}

}  // namespace notch::agent
