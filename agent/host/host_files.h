// The texts of /proc and /sys that collectors read. A file of /proc is kept open and read again by
// pread(2), and read once a scrape however many collectors ask for it.
// Called by: the collectors; host_collectors begins a scrape.
//
// Invariants
//   HT1  What proc() gave holds until the next begin_scrape().
//   HT2  No more than kMostKept descriptors are kept; files past that are opened each time.
//   HT3  No text is longer than kMostTextBytes, no line_*() than kMostLineBytes: what is behind is
//        cut off, at a line's end, and counted.
//   HT4  Of a procfs that is mounted elsewhere, as in a container, net/ is the first process's: the
//        host's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/files/file_descriptor.h"
#include "agent/host/host_paths.h"

namespace notch::agent {

class HostFiles {
 public:
  static constexpr std::size_t kMostKept = 64;
  static constexpr std::size_t kMostTextBytes = 4 * 1024 * 1024;
  static constexpr std::size_t kMostLineBytes = 64 * 1024;

  explicit HostFiles(HostPaths paths) : paths_(std::move(paths)) {}

  const HostPaths& paths() const noexcept { return paths_; }

  void begin_scrape() { ++scrape_; }

  // The text of a file below procfs, such as "net/dev"; nothing if it cannot be read, and error()
  // says why. Cost: a pread or two.
  std::optional<std::string_view> proc(const char* name);

  // The text of any small file, without the blanks and line ends behind it. Holds until the next
  // call.
  std::optional<std::string_view> line_of(const std::string& path);
  // The same below an open folder.
  std::optional<std::string_view> line_at(int folder, const char* name);
  // The same of an open file, from its start; nothing of -1.
  std::optional<std::string_view> line_in(int file);
  // A number that stands alone in such a file, whole or with a minus.
  std::optional<double> number_at(int folder, const char* name);
  std::optional<double> number_in(int file);

  // Names in a folder, sorted, without . and ..; none if it cannot be read.
  static std::vector<std::string> names_in(const std::string& path);
  std::string proc_path(std::string_view name) const { return below(paths_.procfs, name); }
  std::string sys_path(std::string_view name) const { return below(paths_.sysfs, name); }
  std::string root_path(std::string_view name) const { return below(paths_.rootfs, name); }

  // The path and the system's words for the last call that returned nothing.
  const std::string& error() const noexcept { return error_; }
  // True if the last call found no such file.
  bool missing() const noexcept { return missing_; }
  // How many texts were cut off, ever.
  std::uint64_t cut_texts() const noexcept { return cut_texts_; }

 private:
  struct Kept {
    FileDescriptor file;
    std::string text;
    std::uint64_t scrape = 0;  // `text` is of this one
    bool readable = false;
    bool missing = false;
  };

  static std::string below(const std::string& root, std::string_view name);
  bool read_kept(const std::string& path, Kept& kept);
  bool read_proc(const char* name, Kept& kept);
  void fail(const std::string& path, int error);

  const HostPaths paths_;
  std::uint64_t scrape_ = 1;
  std::map<std::string, Kept, std::less<>> kept_;
  std::string line_;
  std::uint64_t cut_texts_ = 0;
  std::string error_;
  bool missing_ = false;
};

}  // namespace notch::agent
