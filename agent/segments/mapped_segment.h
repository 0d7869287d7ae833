// A segment's file, opened and mapped read-only, and what the kernel says about it: who owns it,
// which file it is, whether it has the memory it claims, and whether its writer is gone.
// Called by: collect, which lays a SegmentReader over bytes().
//
// Invariants
//   MP1  Whatever stands under the name, open() neither follows a link nor waits.
//   MP2  bytes() stays mapped, at one address, until destruction or the next open(); a file cut off
//        meanwhile reads as zeros and truncated() says so.
//   MP3  Once try_lock_dead() was true, no other agent can fold this file until destruction.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "agent/files/file_descriptor.h"
#include "agent/segments/segment_identity.h"
#include "agent/segments/truncation_guard.h"
#include "shm/segment_reader.h"

namespace notch::agent {

// Why a file of the directory is not taken for a segment. shm::Fault has the faults of its bytes.
enum class Reject : std::uint8_t {
  kNone = 0,
  kAbsent,      // no such file
  kGone,        // there was one when it was opened, but it has no name any more
  kUnreadable,  // may not be opened, or the kernel would not say what it is
  kNotAFile,    // a link, directory, socket, device or pipe
  kManyLinks,   // has a second name, so that removing the first would not end it
  kTooShort,    // shorter than a segment's header
  kTooLarge,    // longer than MapLimits allows
  kNotMapped,   // no address space, or too many mappings
  kWrongOwner,  // the header's uid is not the file's
  kNotBacked,   // claims more memory than the file has
  kTruncated,   // cut off while it was being read
};

// The rule's name as used in the `reason` label; never null.
const char* reject_name(Reject reject) noexcept;

struct MapLimits {
  std::uint64_t file_bytes = std::uint64_t{1} << 34;  // sparse files: address space, not memory
};

class MappedSegment {
 public:
  MappedSegment() = default;
  MappedSegment(MappedSegment&&) = default;
  MappedSegment& operator=(MappedSegment&&) = default;
  ~MappedSegment() = default;

  // Opens, examines and maps the file `name` of the directory. On kNone all below is in force. Does
  // not throw. Cost: four system calls. REQUIRES: install_truncation_handler() was called.
  Reject open(int directory_fd, const std::string& name, const MapLimits& limits);

  // Checks what the reader's header claims against the kernel's word: uid, and memory (a claim past
  // the file's own blocks would be paid for by the agent, page by page as it reads). To be called
  // after each begin_round(), before cells are read. Cost: none unless the claim has grown or
  // look_again() was called, then one fstat. REQUIRES: `reader` was attached to bytes().
  //
  // The header's uid is the one the writer sees: a writer in a user namespace of its own is
  // rejected.
  Reject check_claims(const shm::SegmentReader& reader);

  // The file's owner may have given its memory back since (punched holes): the next check_claims()
  // asks the kernel again. To be called now and then.
  void look_again() noexcept { backed_bytes_ = 0; }

  // True if the file was cut off under the map since open(). To be called after each round of
  // reading, whose numbers are then not to be used.
  bool truncated() const noexcept { return guard_.truncated(); }

  // True if no process has the file mapped as its segment any more; the lock that proves it is then
  // held until destruction. Cost: one flock, none after the first true.
  bool try_lock_dead() noexcept;

  std::span<const std::byte> bytes() const noexcept;
  const SegmentIdentity& identity() const noexcept { return identity_; }

  int file() const noexcept { return file_.get(); }

  // The same file under another name, by its identity.
  void take_name(const std::string& name) { identity_.file_name = name; }

  // The file's owner and group, as the kernel tells them.
  std::uint32_t owner_uid() const noexcept { return owner_uid_; }

 private:
  Reject examine(const std::string& name, const MapLimits& limits);
  Reject map();

  // Set by open(), constant after. Destroyed in reverse: guard, map, descriptor.
  FileDescriptor file_;
  boost::interprocess::mapped_region region_;
  TruncationGuard guard_;
  SegmentIdentity identity_;
  std::uint64_t file_bytes_ = 0;
  std::uint32_t owner_uid_ = 0;

  // Set by check_claims(): so much was known to have memory at the last look.
  std::uint64_t backed_bytes_ = 0;

  // Set by try_lock_dead().
  bool locked_dead_ = false;
};

}  // namespace notch::agent
