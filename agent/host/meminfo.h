// Everything /proc/meminfo tells. Called by: collector_table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/host/host_collector.h"

namespace notch::agent {

// A line's name as metrics spell it (Active(anon): in kB becomes Active_anon_bytes) and its value,
// in bytes if the line says kB.
struct MemoryField {
  std::string name;
  double value = 0;
};

// Lines that are not of the form `name: number [kB]` are left out.
std::vector<MemoryField> parse_meminfo(std::string_view text);

CollectResult collect_meminfo(HostFiles& files, FamilyList& families);

}  // namespace notch::agent
