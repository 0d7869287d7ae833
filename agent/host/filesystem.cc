#include "agent/host/filesystem.h"

#include <string>
#include <vector>

namespace notch::agent {
namespace {

constexpr std::size_t kMostMounts = 1000;

struct SizeFamily {
  std::string_view name;
  std::string_view help;
  double (*of)(const struct statfs&);
};

double blocks(const struct statfs& answer, std::uint64_t count) {
  return static_cast<double>(count) * static_cast<double>(answer.f_bsize);
}

constexpr SizeFamily kSizes[] = {
    {"filesystem_size_bytes", "Filesystem size in bytes.",
     [](const struct statfs& a) { return blocks(a, a.f_blocks); }},
    {"filesystem_free_bytes", "Filesystem free space in bytes.",
     [](const struct statfs& a) { return blocks(a, a.f_bfree); }},
    {"filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.",
     [](const struct statfs& a) { return blocks(a, a.f_bavail); }},
    {"filesystem_files", "Filesystem total file nodes.",
     [](const struct statfs& a) { return static_cast<double>(a.f_files); }},
    {"filesystem_files_free", "Filesystem total free file nodes.",
     [](const struct statfs& a) { return static_cast<double>(a.f_ffree); }},
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
  std::optional<std::string_view> text = files.proc("1/mounts");
  if (!text) text = files.proc("self/mounts");
  if (!text) return CollectResult::failed(files.error());
  std::vector<Mount> mounts = parse_mounts(*text);
  for (Mount& mount : mounts) {
    mount.mount_point = host_path(files.paths().rootfs, mount.mount_point);
  }
  std::erase_if(mounts, [](const Mount& mount) {
    return !is_shown_mount(mount) || !mount.mount_point.starts_with('/');
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
      return answers[i] ? std::optional(size.of(*answers[i])) : std::nullopt;
    });
  }
  each(MetricType::kGauge, "filesystem_readonly", "Filesystem read-only status.",
       [&](std::size_t i) {
         return answers[i] ? std::optional(mounts[i].read_only ? 1.0 : 0.0) : std::nullopt;
       });
  each(MetricType::kGauge, "filesystem_device_error",
       "Whether an error occurred while getting statistics for the given device.",
       [&](std::size_t i) { return std::optional(answers[i] ? 0.0 : 1.0); });
  return CollectResult::done();
}

}  // namespace notch::agent
