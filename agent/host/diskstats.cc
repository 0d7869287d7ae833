#include "agent/host/diskstats.h"

#include <string>

#include "agent/host/fields.h"
#include "agent/proc_text.h"

namespace notch::agent {
namespace {

constexpr std::size_t kFewestNumbers = 11;
constexpr double kSectorBytes = 512;
constexpr double kMs = 1e-3;

struct DiskFamily {
  MetricType type;
  std::string_view name;
  std::string_view help;
  double scale;
};
// In the order of the numbers in a line.
constexpr DiskFamily kFamilies[DiskCounts::kNumbers] = {
    {MetricType::kCounter, "disk_reads_completed_total",
     "The total number of reads completed successfully.", 1},
    {MetricType::kCounter, "disk_reads_merged_total", "The total number of reads merged.", 1},
    {MetricType::kCounter, "disk_read_bytes_total", "The total number of bytes read successfully.",
     kSectorBytes},
    {MetricType::kCounter, "disk_read_time_seconds_total",
     "The total number of seconds spent by all reads.", kMs},
    {MetricType::kCounter, "disk_writes_completed_total",
     "The total number of writes completed successfully.", 1},
    {MetricType::kCounter, "disk_writes_merged_total", "The number of writes merged.", 1},
    {MetricType::kCounter, "disk_written_bytes_total",
     "The total number of bytes written successfully.", kSectorBytes},
    {MetricType::kCounter, "disk_write_time_seconds_total",
     "This is the total number of seconds spent by all writes.", kMs},
    {MetricType::kGauge, "disk_io_now", "The number of I/Os currently in progress.", 1},
    {MetricType::kCounter, "disk_io_time_seconds_total", "Total seconds spent doing I/Os.", kMs},
    {MetricType::kCounter, "disk_io_time_weighted_seconds_total",
     "The weighted # of seconds spent doing I/Os.", kMs},
    {MetricType::kCounter, "disk_discards_completed_total",
     "The total number of discards completed successfully.", 1},
    {MetricType::kCounter, "disk_discards_merged_total", "The total number of discards merged.", 1},
    {MetricType::kCounter, "disk_discarded_sectors_total",
     "The total number of sectors discarded successfully.", 1},
    {MetricType::kCounter, "disk_discard_time_seconds_total",
     "This is the total number of seconds spent by all discards.", kMs},
    {MetricType::kCounter, "disk_flush_requests_total",
     "The total number of flush requests completed successfully", 1},
    {MetricType::kCounter, "disk_flush_requests_time_seconds_total",
     "This is the total number of seconds spent by all flush requests.", kMs},
};

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What udev knows of the device, where it runs.
struct DiskIdentity {
  std::string model, path, revision, serial, wwn;
};
DiskIdentity read_identity(HostFiles& files, const DiskCounts& disk) {
  DiskIdentity identity;
  const std::string path =
      files.root_path("run/udev/data/b" + std::string(disk.major) + ":" + std::string(disk.minor));
  for (const std::string_view line : ProcLines(files.line_of(path).value_or(""))) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    std::string* const wanted = key == "E:ID_MODEL"          ? &identity.model
                                : key == "E:ID_PATH"         ? &identity.path
                                : key == "E:ID_REVISION"     ? &identity.revision
                                : key == "E:ID_SERIAL_SHORT" ? &identity.serial
                                : key == "E:ID_WWN"          ? &identity.wwn
                                                             : nullptr;
    if (wanted != nullptr) *wanted = line.substr(equals + 1);
  }
  return identity;
}

}  // namespace

std::vector<DiskCounts> parse_diskstats(std::string_view text) {
  std::vector<DiskCounts> disks;
  for (std::string_view line : ProcLines(text)) {
    DiskCounts disk;
    disk.major = take_word(line);
    disk.minor = take_word(line);
    disk.device = take_word(line);
    while (disk.count < disk.numbers.size()) {
      const std::optional<std::uint64_t> number = whole_number(take_word(line));
      if (!number) break;
      disk.numbers[disk.count++] = *number;
    }
    if (disk.count >= kFewestNumbers) disks.push_back(disk);
  }
  return disks;
}

bool is_shown_disk(std::string_view device) {
  for (const std::string_view kind : {"ram", "loop", "fd"}) {
    if (device.starts_with(kind) && all_digits(device.substr(kind.size()))) return false;
  }
  for (const std::string_view kind : {"hd", "sd", "vd", "xvd"}) {
    if (!device.starts_with(kind) || device.size() <= kind.size()) continue;
    const char letter = device[kind.size()];
    if (letter >= 'a' && letter <= 'z' && all_digits(device.substr(kind.size() + 1))) return false;
  }
  if (!device.starts_with("nvme")) return true;
  const std::size_t space = device.find('n', 4);
  const std::size_t part = device.find('p', 4);
  return space == std::string_view::npos || part == std::string_view::npos || part < space ||
         !all_digits(device.substr(4, space - 4)) ||
         !all_digits(device.substr(space + 1, part - space - 1)) ||
         !all_digits(device.substr(part + 1));
}

CollectResult collect_diskstats(HostFiles& files, FamilyList& families) {
  const std::optional<std::string_view> text = files.proc("diskstats");
  if (!text) return CollectResult::failed(files.error());
  std::vector<DiskCounts> disks = parse_diskstats(*text);
  std::erase_if(disks, [](const DiskCounts& disk) { return !is_shown_disk(disk.device); });
  for (std::size_t i = 0; i < DiskCounts::kNumbers; ++i) {
    families.begin(kFamilies[i].type, kFamilies[i].name, kFamilies[i].help);
    for (const DiskCounts& disk : disks) {
      if (i >= disk.count) continue;
      families.add(static_cast<double>(disk.numbers[i]) * kFamilies[i].scale,
                   {{"device", disk.device}});
    }
  }
  families.begin(MetricType::kGauge, "disk_info", "Info of /sys/block/<block_device>.");
  for (const DiskCounts& disk : disks) {
    const DiskIdentity identity = read_identity(files, disk);
    families.add(1, {{"device", disk.device},
                     {"major", disk.major},
                     {"minor", disk.minor},
                     {"model", identity.model},
                     {"path", identity.path},
                     {"revision", identity.revision},
                     {"serial", identity.serial},
                     {"wwn", identity.wwn}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
