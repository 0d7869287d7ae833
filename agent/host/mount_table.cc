#include "agent/host/mount_table.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "agent/files/proc_text.h"

namespace notch::agent {
namespace {

// The file systems on devices and in memory.
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

// Up to the next blank: a device's name may be empty.
std::string_view take_field(std::string_view& line) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string_view field = line.substr(0, blank);
  line.remove_prefix(std::min(blank + 1, line.size()));
  return field;
}

// A line: two numbers, MAJOR:MINOR, the root within the file system, the mount point, options, a few
// fields more, a hyphen; then the type, the device and the file system's own options.
std::optional<Mount> parse_mount(std::string_view line) {
  take_field(line);
  take_field(line);
  const std::string_view number = take_field(line);
  take_field(line);
  Mount mount;
  mount.mount_point = unescaped(take_field(line));
  const std::string_view options = take_field(line);
  while (!line.empty() && take_field(line) != "-") {
  }
  mount.type = unescaped(take_field(line));
  mount.device = unescaped(take_field(line));
  const std::string_view own_options = take_field(line);
  const std::size_t colon = number.find(':');
  if (own_options.empty() || colon == std::string_view::npos) return std::nullopt;
  mount.major = number.substr(0, colon);
  mount.minor = number.substr(colon + 1);
  mount.read_only = has_option(options, "ro") || has_option(own_options, "ro") ||
                    has_option(own_options, "emergency_ro");
  return mount;
}

}  // namespace

std::vector<Mount> parse_mount_info(std::string_view text) {
  std::vector<Mount> mounts;
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> places;
  for (std::string_view line : ProcLines(text)) {
    const std::optional<Mount> mount = parse_mount(line);
    if (!mount) continue;
    const auto [place, is_new] =
        places.try_emplace({mount->device, mount->mount_point, mount->type}, mounts.size());
    if (is_new) {
      mounts.push_back(*mount);
    } else {
      mounts[place->second] = *mount;
    }
  }
  return mounts;
}

bool is_local_mount(const Mount& mount) {
  return std::ranges::find(kLocalTypes, mount.type) != std::end(kLocalTypes);
}

}  // namespace notch::agent
