#include "agent/segments/directory_census.h"

#include <map>

#include "shm/directory_room.h"
#include "shm/directory_sample.h"

namespace notch::agent {

DirectoryCensus take_census(int directory_fd) {
  DirectoryCensus census;
  shm::DirectorySample sample(directory_fd, kCensusSamples);
  census.entries = sample.entries();
  std::map<std::uint32_t, std::uint64_t> entries_of;  // at most as many as samples
  struct stat status {};
  while (sample.next(status)) {
    const std::uint64_t entries = entries_of[status.st_uid] += sample.stride();
    if (entries <= census.most_entries) continue;
    census.most_entries = entries;
    census.most_uid = status.st_uid;
  }
  return census;
}

std::string census_warning(const DirectoryCensus& census, const std::string& path) {
  if (census.most_entries < shm::kMostEntries) return "";
  return "about " + std::to_string(census.most_entries) + " of the " +
         std::to_string(census.entries) + " entries in " + path + " belong to uid " +
         std::to_string(census.most_uid) + ": from " + std::to_string(shm::kMostEntries) +
         " on no program of that user makes a segment";
}

}  // namespace notch::agent
