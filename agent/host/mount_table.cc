#include "agent/host/mount_table.h"

#include <algorithm>
#include <set>

#include "agent/host/fields.h"
#include "agent/proc_text.h"

namespace notch::agent {
namespace {

constexpr std::string_view kHiddenTypes[] = {
    "autofs",     "binfmt_misc", "bpf",       "cgroup",   "cgroup2",   "configfs",
    "debugfs",    "devpts",      "devtmpfs",  "fusectl",  "hugetlbfs", "iso9660",
    "mqueue",     "nsfs",        "overlay",   "proc",     "procfs",    "pstore",
    "rpc_pipefs", "securityfs",  "selinuxfs", "squashfs", "sysfs",     "tracefs"};
// These, and all below them.
constexpr std::string_view kHiddenFolders[] = {"/dev", "/proc", "/run", "/sys", "/mnt", "/media"};
// All below these.
constexpr std::string_view kHiddenParents[] = {"/var/lib/docker/", "/var/lib/containers/storage/"};

// Of devices and memory.
constexpr std::string_view kLocalTypes[] = {"bcachefs", "btrfs", "exfat", "ext2",  "ext3",
                                            "ext4",     "f2fs",  "jfs",   "ntfs3", "ramfs",
                                            "reiserfs", "tmpfs", "vfat",  "xfs",   "zfs"};

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && text.size() - i > 3 && text[i + 1] <= '3' &&
                        is_octal(text[i + 1]) && is_octal(text[i + 2]) && is_octal(text[i + 3]);
    if (!escape) {
      plain += text[i];
      continue;
    }
    plain +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return plain;
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    const std::size_t end = std::min(options.find(','), options.size());
    if (options.substr(0, end) == wanted) return true;
    options.remove_prefix(std::min(end + 1, options.size()));
  }
  return false;
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  std::set<Mount> seen;
  for (std::string_view line : ProcLines(text)) {
    Mount mount;
    mount.device = unescaped(take_word(line));
    mount.mount_point = unescaped(take_word(line));
    mount.type = unescaped(take_word(line));
    const std::string_view options = take_word(line);
    if (options.empty()) continue;
    mount.read_only = has_option(options, "ro");
    if (seen.insert(mount).second) mounts.push_back(std::move(mount));
  }
  return mounts;
}

bool is_local_mount(const Mount& mount) {
  return std::ranges::find(kLocalTypes, mount.type) != std::end(kLocalTypes);
}

bool is_shown_mount(const Mount& mount) {
  if (std::ranges::find(kHiddenTypes, mount.type) != std::end(kHiddenTypes)) return false;
  const std::string_view point = mount.mount_point;
  for (const std::string_view folder : kHiddenFolders) {
    if (!point.starts_with(folder)) continue;
    if (point.size() == folder.size() || point[folder.size()] == '/') return false;
  }
  return std::ranges::none_of(kHiddenParents, [&](std::string_view parent) {
    return point.starts_with(parent) && point.size() > parent.size();
  });
}

}  // namespace notch::agent
