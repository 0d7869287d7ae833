#include "ebpf/block_probe.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(block);

namespace notch::ebpf {
namespace {

constexpr std::array<const char*, NOTCH_BLOCK_OPERATIONS> kOperations = {"read", "write", "flush",
                                                                         "discard", "other"};
static_assert(sizeof(block_row) % 64 == 0);

// "254:0" of /sys/block/NAME/dev, as the kernel writes a device's number in 32 bits.
std::uint64_t device_number(const std::filesystem::path& folder) {
  unsigned major = 0;
  unsigned minor = 0;
  std::string text;
  std::getline(std::ifstream(folder / "dev"), text);
  if (std::sscanf(text.c_str(), "%u:%u", &major, &minor) != 2) return 0;
  return (std::uint64_t{major} << 20) | minor;
}

}  // namespace

Outcome BlockProbe::start(const ServiceTable&) {
  Outcome outcome = object_.open("block", block_object(), {"block_rq_complete"});
  if (!outcome.ok()) return outcome;
  object_.set_entries(
      "rows", possible_processors() * std::size_t{NOTCH_BLOCK_DEVICES} * NOTCH_BLOCK_OPERATIONS);
  outcome = object_.run();
  if (outcome.ok()) find_devices();
  return outcome;
}

void BlockProbe::find_devices() {
  block_devices& known = object_.writable_values<block_devices>("devices")[0];
  std::error_code error;
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/block", error)) {
    folders.push_back(entry.path());
  }
  std::ranges::sort(folders);
  for (const auto& folder : folders) {
    const std::uint64_t number = device_number(folder);
    const std::string name = folder.filename();
    if (number == 0 || devices_.size() == NOTCH_BLOCK_DEVICES) continue;
    if (std::ranges::find(devices_, name) != devices_.end()) continue;
    known.number[devices_.size()] = number;
    devices_.push_back(name);
  }
}

block_row BlockProbe::sum_of(std::size_t device, std::size_t operation) const {
  return sum_rows(object_.values<block_row>("rows"), device * NOTCH_BLOCK_OPERATIONS + operation,
                  std::size_t{NOTCH_BLOCK_DEVICES} * NOTCH_BLOCK_OPERATIONS);
}

void BlockProbe::add_families(const ServiceTable&, std::vector<KernelFamily>& families) {
  KernelFamily io{"ebpf_block_io_duration_seconds",
                  "Time of block requests, from their making to their end.",
                  "seconds",
                  FamilyType::kHistogram,
                  {}};
  KernelFamily bytes{"ebpf_block_io_bytes_total",
                     "Bytes of block requests that were done.",
                     "",
                     FamilyType::kCounter,
                     {}};
  KernelFamily errors{
      "ebpf_block_io_errors_total", "Block requests that failed.", "", FamilyType::kCounter, {}};
  KernelFamily untimed{"ebpf_block_io_untimed_total",
                       "Block requests without a time, as the device's queue/iostats is 0.",
                       "",
                       FamilyType::kCounter,
                       {}};
  std::uint64_t others_done = 0;
  for (std::size_t device = 0; device < devices_.size(); ++device) {
    for (std::size_t operation = 0; operation < kOperations.size(); ++operation) {
      const block_row row = sum_of(device, operation);
      TimeHistogram times = time_histogram(row.io);
      const bool any = times.zero_count != 0 || !times.buckets.empty();
      if (device == 0) others_done += row.bytes + row.errors;
      if (!any && row.bytes == 0 && row.errors == 0 && row.untimed == 0) continue;
      const Labels labels{{"device", devices_[device]}, {"operation", kOperations[operation]}};
      io.rows.push_back({labels, 0, std::move(times)});
      bytes.rows.push_back({labels, static_cast<double>(row.bytes), {}});
      errors.rows.push_back({labels, static_cast<double>(row.errors), {}});
      if (row.untimed != 0) untimed.rows.push_back({labels, static_cast<double>(row.untimed), {}});
    }
  }
  // A device that came later is looked for when there is one.
  if (others_done != others_done_) find_devices();
  others_done_ = others_done;
  for (KernelFamily* family : {&io, &bytes, &errors, &untimed})
    families.push_back(std::move(*family));
}

}  // namespace notch::ebpf
