// A ledger in memory, made frame by frame, and what is read from it.
// Called by: tests of the ledger's bytes.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "agent/ledger/ledger_frame.h"
#include "agent/ledger/ledger_replay.h"
#include "tests/agent/ledger/ledger_sample.h"

namespace notch::agent {

inline constexpr BootId kBoot = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class LedgerBytes : public ::testing::Test {
 protected:
  LedgerBytes() { encode_header(kBoot, file_); }

  void be_of_another_boot() {
    BootId other;
    other.fill(77);
    file_.clear();
    encode_header(other, file_);
  }
  // With its checksum.
  void set_version(std::uint32_t version) {
    std::memcpy(file_.data() + 12, &version, sizeof version);
    const std::uint32_t crc = libdeflate_crc32(0, file_.data(), kLedgerHeaderBytes - 4);
    std::memcpy(file_.data() + kLedgerHeaderBytes - 4, &crc, sizeof crc);
  }
  void define_all() {
    for (std::uint32_t id = 0; id < sample::kFamilies; ++id) {
      encode_family(id, sample::families()[id], file_);
      encode_row({id, id, "service=\"a\""}, file_);
    }
  }
  void end_snapshot() { encode_snapshot_end({sample::kFamilies, sample::kFamilies, 0}, file_); }
  void begin_ledger() {
    define_all();
    end_snapshot();
  }
  void fold(std::uint64_t segment, std::vector<RowChange> changes) {
    encode_fold({sample::make_segment(segment), std::move(changes)}, 99, file_);
  }
  void frame(std::uint32_t kind, std::string payload) {
    std::string body(8, '\0');
    const auto size = static_cast<std::uint32_t>(payload.size());
    std::memcpy(body.data(), &size, 4);
    std::memcpy(body.data() + 4, &kind, 4);
    body += payload;
    const std::uint32_t crc = libdeflate_crc32(0, body.data(), body.size());
    file_.append(reinterpret_cast<const char*>(&crc), 4);
    file_ += body;
  }
  // The payload of the last frame made by `encode`, to be spoilt and framed again.
  template <class Encode>
  static std::string payload_of(Encode encode) {
    std::string bytes;
    encode(bytes);
    return bytes.substr(kFrameHeaderBytes);
  }
  static std::string fold_payload(const Fold& fold) {
    return payload_of([&](std::string& out) { encode_fold(fold, 99, out); });
  }
  static std::string family_payload(std::uint32_t id, const Family& family) {
    return payload_of([&](std::string& out) { encode_family(id, family, out); });
  }

  Replay replay() const { return replay_ledger(as_bytes(file_), kBoot); }

  void expect_refused(const std::string& rule) const {
    const Replay result = replay();
    EXPECT_EQ(result.outcome, ReplayOutcome::kRefused);
    EXPECT_THAT(result.message, ::testing::HasSubstr(rule));
    EXPECT_TRUE(result.recovered.rows.empty());
  }
  void expect_left_out(const std::string& rule) const {
    const Replay result = replay();
    EXPECT_EQ(result.outcome, ReplayOutcome::kRead);
    EXPECT_THAT(result.message, ::testing::HasSubstr(rule));
    EXPECT_GE(result.recovered.broken_frames, 1U);
  }
  void expect_torn_from(std::size_t offset) const {
    const Replay result = replay();
    EXPECT_EQ(result.outcome, ReplayOutcome::kRead) << result.message;
    EXPECT_EQ(result.whole_bytes, offset);
    EXPECT_EQ(result.recovered.torn_bytes, file_.size() - offset);
  }

  std::string file_;
};

}  // namespace notch::agent
