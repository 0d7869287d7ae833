// A regular file of our own in a directory where others may write too: opened without following
// links, written so that a failed write leaves nothing behind.
// Called by: ledger. Not thread-safe.
//
// Invariants
//   OF1  What is open here is a regular file, owned by us, writable by nobody else.
//   OF2  After a failed write_at() at the file's end the file is as long as before, or nothing is
//        written until it has been cut.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace notch::agent {

class OwnedFile {
 public:
  OwnedFile() = default;
  OwnedFile(OwnedFile&& other) noexcept;
  OwnedFile& operator=(OwnedFile&& other) noexcept;
  OwnedFile(const OwnedFile&) = delete;
  OwnedFile& operator=(const OwnedFile&) = delete;
  ~OwnedFile();

  // Both leave the file closed on failure, with the reason in words in `why`. An absent file is no
  // failure to open(): the file is closed and `why` empty.
  static OwnedFile open(int directory_fd, const std::string& name, std::string& why);
  static OwnedFile create(int directory_fd, const std::string& name, std::string& why);

  bool is_open() const noexcept { return fd_ >= 0; }

  // Whether the name leads to this very file. Cost: four system calls.
  bool has_name(int directory_fd, const std::string& name) const noexcept;

  // The length as the kernel tells it; 0 if it cannot be told.
  std::uint64_t size() const noexcept;

  // Writes all of `bytes` at `end`, where the file ends, or nothing: 0, or the errno. Cost: one
  // write(2) unless the disk fills up. A limit on file size raises SIGXFSZ, which the program
  // should ignore to see EFBIG here.
  int write_at_end(std::string_view bytes, std::uint64_t end) noexcept;

  // Makes the file `bytes` long: 0, or the errno.
  int cut(std::uint64_t bytes) noexcept;

  void close() noexcept;

 private:
  friend class MappedFile;

  int fd_ = -1;
  bool end_is_torn_ = false;
};

// Frees `name`, whatever another user put there: removed, or, if it is a directory with something in
// it, renamed to `name`.foreign-<random>, which nobody can take beforehand. 0, or the errno. A
// sticky directory's owner may do both. EBUSY: something is mounted there, which any user may have
// done with FUSE.
int free_name(int directory_fd, const std::string& name);

// The same, but where something is mounted `name` becomes another one, with a random number behind it.
int take_name(int directory_fd, std::string& name);

// In a directory of our own, renames what a stranger (neither us nor root) has put under `name` as
// free_name() does, so that nobody can keep the agent out by it. True if there was such a thing and it
// is aside now.
bool set_stranger_aside(int directory_fd, const std::string& name);

// The file's bytes, mapped to be read once.
class MappedFile {
 public:
  explicit MappedFile(const OwnedFile& file) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  bool ok() const noexcept { return ok_; }  // false: errno says why
  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  bool ok_ = true;
  std::span<const std::byte> bytes_;
};

}  // namespace notch::agent
