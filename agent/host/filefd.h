// Open files of the whole host. Called by: collector_table.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/host/host_collector.h"

namespace notch::agent {

struct OpenFiles {
  std::uint64_t allocated = 0;
  std::uint64_t maximum = 0;
};
// Parses /proc/sys/fs/file-nr: three numbers; the second is always zero.
std::optional<OpenFiles> parse_open_files(std::string_view text);

CollectResult collect_filefd(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
