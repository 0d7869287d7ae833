// A configuration-sized file: its content, and a stamp that tells whether it has changed since.
// Called by: web_security, tls_context.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace notch::agent {

inline constexpr std::size_t kSmallFileMaxBytes = 1024 * 1024;

struct SmallFile {
  std::string content;
  std::string message;  // empty, or why there is no content, naming the file
};

SmallFile read_small_file(const std::string& path);

// Two equal stamps mean the same content, for files that are replaced by rename or written at least
// a clock tick apart. A file that cannot be seen has the stamp of zeros.
struct FileStamp {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

// Cost: one stat(2).
FileStamp stamp_of(const std::string& path) noexcept;

}  // namespace notch::agent
