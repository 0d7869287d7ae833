// The small files of one folder of /sys, kept open from scrape to scrape: to open and close one
// costs more than to read it. Called by: netclass.
//
// Invariants
//   KP1  Files are of the folder that has the path now: of one that went or was renamed none is
//        kept, as its inode is another's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/files/file_descriptor.h"

namespace notch::agent {

class KeptFolder {
 public:
  // To be called each scrape. False if there is no such folder; then there are no files either.
  bool follow(const std::string& path);

  // The file, open for pread(2); `index` is always the same of one name. -1, with errno, if it
  // cannot be opened. Cost: a system call where it is not open yet.
  int file(std::size_t index, const char* name);

 private:
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  FileDescriptor folder_;
  std::vector<FileDescriptor> files_;  // by index
};

}  // namespace notch::agent
