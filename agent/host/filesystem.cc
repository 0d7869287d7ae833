#include "agent/host/filesystem.h"

#include <string>
#include <vector>

namespace notch::agent {
namespace {

constexpr std::size_t kMostMounts = 1000;

struct SizeFamily {
  std::string_view name;
  std::string_view help;
  double FilesystemSizes::*value;
};
constexpr SizeFamily kSizes[] = {
    {"filesystem_size_bytes", "Filesystem size in bytes.", &FilesystemSizes::size_bytes},
    {"filesystem_free_bytes", "Filesystem free space in bytes.", &FilesystemSizes::free_bytes},
    {"filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.",
     &FilesystemSizes::available_bytes},
    {"filesystem_files", "Filesystem total file nodes.", &FilesystemSizes::files},
    {"filesystem_files_free", "Filesystem total free file nodes.", &FilesystemSizes::free_files},
};

// As the host itself names it, where its root is mounted at `root`.
std::string host_path(const std::string& root, const std::string& mount_point) {
  std::string bare = root;
  while (bare.ends_with('/')) bare.pop_back();
  if (bare.empty()) return mount_point;
  if (mount_point == bare) return "/";
  return mount_point.starts_with(bare + "/") ? mount_point.substr(bare.size()) : mount_point;
}

}  // namespace

FilesystemSizes filesystem_sizes(const struct statfs& answer) {
  // Not f_bsize: that is what a transfer had best be a multiple of, 1 MiB on many a FUSE file system
  // that counts in blocks of 4 KiB.
  const auto block = static_cast<double>(answer.f_frsize);
  return {static_cast<double>(answer.f_blocks) * block, static_cast<double>(answer.f_bfree) * block,
          static_cast<double>(answer.f_bavail) * block, static_cast<double>(answer.f_files),
          static_cast<double>(answer.f_ffree)};
}

FilesystemCollector::FilesystemCollector(const HostOptions& options)
    : patience_(options.mount_timeout_ms),
      mount_points_(options.patterns.mount_points),
      types_(options.patterns.file_system_types) {}

FilesystemCollector::Answers FilesystemCollector::ask(const std::vector<Mount>& mounts,
                                                      const HostFiles& files) {
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  Answers answers(mounts.size());
  for (const bool local : {true, false}) {
    std::vector<std::string> paths;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < mounts.size(); ++i) {
      if (is_local_mount(mounts[i]) != local) continue;
      paths.push_back(files.root_path(std::string_view(mounts[i].mount_point).substr(1)));
      places.push_back(i);
    }
    const Answers some = (local ? local_ : others_).ask(paths, deadline);
    for (std::size_t i = 0; i < places.size(); ++i) answers[places[i]] = some[i];
  }
  return answers;
}

CollectResult FilesystemCollector::collect(HostFiles& files, FamilyList& families) {
  // The first process's table: the host's, also where the agent has a mount namespace of its own.
  std::optional<std::string_view> text = files.proc("1/mountinfo");
  if (!text) text = files.proc("self/mountinfo");
  if (!text) return CollectResult::failed(files.error());
  std::vector<Mount> mounts = parse_mount_info(*text);
  for (Mount& mount : mounts) {
    mount.mount_point = host_path(files.paths().rootfs, mount.mount_point);
  }
  std::erase_if(mounts, [&](const Mount& mount) {
    return !mount.mount_point.starts_with('/') || mount_points_.hides(mount.mount_point) ||
           types_.hides(mount.type);
  });
  if (mounts.size() > kMostMounts) {
    families.dropped(HostDrop::kTooManyMounts, mounts.size() - kMostMounts);
    mounts.resize(kMostMounts);
  }
  const Answers answers = ask(mounts, files);
  const auto each = [&](MetricType type, std::string_view name, std::string_view help,
                        const auto& value) {
    families.begin(type, name, help);
    for (std::size_t i = 0; i < mounts.size(); ++i) {
      const std::optional<double> shown = value(i);
      if (!shown) continue;
      families.add(*shown, {{"device", mounts[i].device},
                            {"fstype", mounts[i].type},
                            {"mountpoint", mounts[i].mount_point}});
    }
  };
  for (const SizeFamily& size : kSizes) {
    each(MetricType::kGauge, size.name, size.help, [&](std::size_t i) {
      return answers[i] ? std::optional(filesystem_sizes(*answers[i]).*size.value) : std::nullopt;
    });
  }
  each(MetricType::kGauge, "filesystem_readonly", "Filesystem read-only status.",
       [&](std::size_t i) { return std::optional(mounts[i].read_only ? 1.0 : 0.0); });
  each(MetricType::kGauge, "filesystem_device_error",
       "Whether an error occurred while getting statistics for the given device.",
       [&](std::size_t i) { return std::optional(answers[i] ? 0.0 : 1.0); });
  families.begin(MetricType::kGauge, "filesystem_mount_info", "Filesystem mount information.");
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const Mount& mount = mounts[i];
    if (!answers[i]) continue;
    families.add(1, {{"device", mount.device},
                     {"major", mount.major},
                     {"minor", mount.minor},
                     {"mountpoint", mount.mount_point}});
  }
  return CollectResult::done();
}

}  // namespace notch::agent
