#include "agent/host/diskstats.h"

#include <algorithm>
#include <string>

#include "agent/files/proc_text.h"
#include "agent/host/fields.h"

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

// udev's data about the device, where udev runs.
struct DiskIdentity {
  std::string model, path, revision, wwn;
  // The first of these that there is: a label's, udev's own, a virtual disk's.
  std::string label_serial, short_serial, long_serial;

  const std::string& serial() const {
    return !label_serial.empty()   ? label_serial
           : !short_serial.empty() ? short_serial
                                   : long_serial;
  }
};
DiskIdentity read_identity(HostFiles& files, const DiskCounts& disk) {
  DiskIdentity identity;
  const std::string path =
      files.root_path("run/udev/data/b" + std::string(disk.major) + ":" + std::string(disk.minor));
  for (const std::string_view line : ProcLines(files.line_of(path).value_or(""))) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, equals);
    std::string* const wanted = key == "E:ID_MODEL"            ? &identity.model
                                : key == "E:ID_PATH"           ? &identity.path
                                : key == "E:ID_REVISION"       ? &identity.revision
                                : key == "E:SCSI_IDENT_SERIAL" ? &identity.label_serial
                                : key == "E:ID_SERIAL_SHORT"   ? &identity.short_serial
                                : key == "E:ID_SERIAL"         ? &identity.long_serial
                                : key == "E:ID_WWN"            ? &identity.wwn
                                                               : nullptr;
    if (wanted != nullptr) *wanted = line.substr(equals + 1);
  }
  return identity;
}

// "0" also where the kernel does not tell, as of a partition.
std::string_view rotational(HostFiles& files, const DiskCounts& disk) {
  std::string folder(disk.device);
  std::ranges::replace(folder, '/', '!');  // as the kernel writes a name's / there
  const std::string path = files.sys_path("block/" + folder + "/queue/rotational");
  return files.line_of(path) == "1" ? "1" : "0";
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

CollectResult collect_diskstats(HostFiles& files, FamilyList& families, const NameFilter& filter) {
  const std::optional<std::string_view> text = files.proc("diskstats");
  if (!text) return CollectResult::failed(files.error());
  std::vector<DiskCounts> disks = parse_diskstats(*text);
  std::erase_if(disks, [&](const DiskCounts& disk) { return filter.hides(disk.device); });
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
                     {"rotational", rotational(files, disk)},
                     {"serial", identity.serial()},
                     {"wwn", identity.wwn}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
