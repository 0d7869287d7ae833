// The ledger file's bytes: its header and its checksummed frames, made from values and read back
// into values. LEDGER.md says the same in words. Read bytes are hostile: nothing outside the given
// span is read, and no count is believed beyond the bytes that are there.
// Called by: ledger (writes), ledger_replay (reads), tests.
//
// Invariants
//   LF1  first_frame() returns a frame only if all its bytes are there and its checksum is right.
//   LF2  decode_*() take exactly what encode_*() make: a payload with a byte too many is refused.
//   LF3  Memory used by decoding is at most proportional to the payload's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/ledger/boot_id.h"
#include "agent/ledger/ledger_values.h"

namespace notch::agent {

inline constexpr std::string_view kLedgerMagic = "NOTCHLDG";
inline constexpr std::uint32_t kLedgerByteOrder = 0x01020304;
inline constexpr std::uint32_t kLedgerVersion = 2;
inline constexpr std::uint32_t kOwnerVersion = 2;  // from here on families and rows name theirs
inline constexpr std::size_t kLedgerHeaderBytes = 40;
inline constexpr std::size_t kFrameHeaderBytes = 12;
inline constexpr std::uint32_t kMaxPayloadBytes = 1U << 30;

// Never renumbered. An unknown kind needs a new version.
enum class FrameKind : std::uint32_t {
  kFamily = 1,       // defines the next family id
  kRow = 2,          // defines the next row id
  kTotal = 3,        // snapshot only: what a row held when the ledger was compacted
  kAwaiting = 4,     // snapshot only: a segment folded before, whose file may still be there
  kSnapshotEnd = 5,  // the snapshot is whole; folds follow
  kFold = 6,         // what a dead segment held
  kRemoved = 7,      // a folded segment's file is gone
  kService = 8,      // a service and whose it is
};

enum class HeaderFault : std::uint8_t {
  kNone,
  kNotALedger,      // too short, or another magic
  kOtherByteOrder,  // of a machine of the other byte order
  kNewerVersion,    // a version this reader does not know
  kDamaged,         // its checksum is wrong
};

// The rule in words, for messages; never null.
const char* header_fault_text(HeaderFault fault) noexcept;

struct Frame {
  FrameKind kind{};  // may be none of the named ones
  std::span<const std::byte> payload;
  std::size_t bytes = 0;  // with its header: where the next frame begins
};

struct RowDefinition {
  std::uint32_t row = 0;
  std::uint32_t family = 0;
  std::string_view labels;  // into the payload
  std::uint32_t owner_uid = kUnknownOwner;
};

struct SnapshotCounts {
  std::uint64_t families = 0;
  std::uint64_t rows = 0;
  std::uint64_t awaiting = 0;

  bool operator==(const SnapshotCounts&) const = default;
};

// The rule a payload breaks, in words that end a sentence, or nullptr.
using BrokenRule = const char*;

// All encode_*() append one header or one whole frame to `out`.
// REQUIRES: the payload stays within kMaxPayloadBytes.
void encode_header(const BootId& boot, std::string& out);
void encode_family(std::uint32_t id, const Family& family, std::string& out);
void encode_row(const RowDefinition& row, std::string& out);
void encode_total(const RowChange& total, std::uint64_t last_seen_boot_s, std::string& out);
void encode_segment(FrameKind kind, const SegmentIdentity& segment, std::string& out);
void encode_snapshot_end(const SnapshotCounts& counts, std::string& out);
void encode_service(const ServiceRecord& service, std::string& out);
void encode_fold(const Fold& fold, std::uint64_t now_boot_s, std::string& out);

// The payload encode_fold() would make, in bytes.
std::size_t fold_payload_bytes(const Fold& fold) noexcept;

struct LedgerHeader {
  std::uint32_t version = kLedgerVersion;
  BootId boot{};
};

// Reads the header at the start of `file`; `header` is set on kNone only.
HeaderFault decode_header(std::span<const std::byte> file, LedgerHeader& header) noexcept;

// True if the header is damaged, but was that of a ledger of `boot`: it bears that id, or its
// checksum is right once the id stands in it. Sixteen random bytes are there by no chance.
bool is_damaged_header_of(const BootId& boot, std::span<const std::byte> file) noexcept;

// The frame at the start of `rest`, or nothing if no whole one is there: the torn end.
std::optional<Frame> first_frame(std::span<const std::byte> rest) noexcept;

// Reads a frame of a file of this `version`.
BrokenRule decode_family(std::span<const std::byte> payload, std::uint32_t version,
                         std::uint32_t& id, Family& family);
BrokenRule decode_row(std::span<const std::byte> payload, std::uint32_t version,
                      RowDefinition& row) noexcept;
BrokenRule decode_total(std::span<const std::byte> payload, RowChange& total,
                        std::uint64_t& last_seen_boot_s);
BrokenRule decode_segment(std::span<const std::byte> payload, SegmentIdentity& segment);
BrokenRule decode_service(std::span<const std::byte> payload, ServiceRecord& service);
BrokenRule decode_snapshot_end(std::span<const std::byte> payload, SnapshotCounts& counts) noexcept;

// Walks a fold's rows without holding more than one of them.
class FoldCursor {
 public:
  // Reads what stands before the rows.
  BrokenRule begin(std::span<const std::byte> payload);

  // True: `change` is the next row (its memory is used again). False: there is none left, or a
  // rule was broken, which broken() names.
  bool next(RowChange& change);

  const SegmentIdentity& segment() const noexcept { return segment_; }
  std::uint64_t now_boot_s() const noexcept { return now_boot_s_; }
  BrokenRule broken() const noexcept { return broken_; }

 private:
  // Set by begin().
  SegmentIdentity segment_;
  std::uint64_t now_boot_s_ = 0;

  // Moved on by next().
  std::span<const std::byte> rest_;
  std::uint32_t rows_left_ = 0;
  BrokenRule broken_ = nullptr;
};

}  // namespace notch::agent
