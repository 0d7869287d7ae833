// Recovery from hostile bytes: whatever the file says, it is read within its bounds, and what comes
// of it keeps the ledger's rules and can be written and read again.
// The input is a ledger whose checksums need not be right: they are mended first, or no mutation
// would ever come past them. Called by: libFuzzer, and corpus_replay.
#include <libdeflate.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "agent/ledger/ledger_replay.h"

namespace {

using namespace notch::agent;

void require(bool kept) {
  if (!kept) std::abort();
}

void mend_checksum(std::string& file, std::size_t at, std::size_t begin, std::size_t end) {
  const std::uint32_t crc = libdeflate_crc32(0, file.data() + begin, end - begin);
  std::memcpy(file.data() + at, &crc, sizeof crc);
}

// Header and frames get the checksums, and the last frame the length, that they should have.
void mend(std::string& file) {
  if (file.size() < kLedgerHeaderBytes) return;
  mend_checksum(file, kLedgerHeaderBytes - 4, 0, kLedgerHeaderBytes - 4);
  std::size_t at = kLedgerHeaderBytes;
  while (file.size() - at >= kFrameHeaderBytes) {
    std::uint32_t length = 0;
    std::memcpy(&length, file.data() + at + 4, sizeof length);
    const std::size_t room = file.size() - at - kFrameHeaderBytes;
    if (length > room) {
      length = static_cast<std::uint32_t>(room);
      std::memcpy(file.data() + at + 4, &length, sizeof length);
    }
    const std::size_t end = at + kFrameHeaderBytes + length;
    mend_checksum(file, at, at + 4, end);
    at = end;
  }
}

std::string written_again(const Recovered& recovered, const BootId& boot) {
  std::string file;
  encode_header(boot, file);
  for (std::uint32_t id = 0; id < recovered.families.size(); ++id) {
    require(family_fault(recovered.families[id]) == nullptr);
    encode_family(id, recovered.families[id], file);
  }
  for (std::uint32_t id = 0; id < recovered.rows.size(); ++id) {
    const RecoveredRow& row = recovered.rows[id];
    require(row.family < recovered.families.size() && row.total.row == id);
    require(change_fault(recovered.families[row.family], row.total) == nullptr);
    encode_row({id, row.family, row.labels, row.owner_uid}, file);
    encode_total(row.total, row.last_seen_boot_s, file);
  }
  for (const SegmentIdentity& segment : recovered.folded) {
    encode_segment(FrameKind::kAwaiting, segment, file);
  }
  encode_snapshot_end({recovered.families.size(), recovered.rows.size(), recovered.folded.size()},
                      file);
  return file;
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string file(reinterpret_cast<const char*>(data), size);
  BootId boot{};
  if (size >= kLedgerHeaderBytes) std::memcpy(boot.data(), data + 16, boot.size());
  replay_ledger(as_bytes(file), boot);

  mend(file);
  const Replay replay = replay_ledger(as_bytes(file), boot);
  if (replay.outcome != ReplayOutcome::kRead) return 0;
  require(replay.whole_bytes + replay.recovered.torn_bytes == file.size());
  const std::string again = written_again(replay.recovered, boot);
  const Replay second = replay_ledger(as_bytes(again), boot);
  require(second.outcome == ReplayOutcome::kRead && second.recovered.torn_bytes == 0);
  require(second.recovered.broken_frames == 0);
  require(second.recovered.rows == replay.recovered.rows);
  require(second.recovered.folded.size() == replay.recovered.folded.size());
  return 0;
}
