// A directory with segment files whose writers live and die as the test says, and a Collect over
// it. Called by: collect's tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/collect/collect.h"
#include "agent/segments/truncation_guard.h"
#include "tests/agent/tally/fake_segment.h"
#include "tests/scratch_directory.h"
#include "tests/shm/segment_builder.h"

namespace notch::testing {

inline constexpr const char* kShop = "service=\"shop\"";

inline SegmentShape shop_shape() {
  SegmentShape shape;
  shape.service = "shop";
  shape.uid = static_cast<std::uint32_t>(::geteuid());
  return shape;
}

// A segment file held by a lock, as a living process holds it.
class SegmentFile {
 public:
  // With a counter a_total that says `count`.
  SegmentFile(const ScratchDirectory& directory, std::string name, std::uint64_t count)
      : SegmentFile(directory, std::move(name), builder_with(count)) {}

  // Of another user, if `owner` says so.
  SegmentFile(const ScratchDirectory& directory, std::string name, SegmentBuilder builder,
              std::optional<std::uint32_t> owner = {})
      : name_(std::move(name)), path_(directory.path(name_)) {
    directory.write(name_, builder.bytes());
    if (owner) {
      EXPECT_EQ(::chown(path_.c_str(), *owner, *owner), 0);
    }
    lock_ = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(::flock(lock_, LOCK_SH | LOCK_NB), 0);
    values_offset_ = builder.values_offset();
  }
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;
  ~SegmentFile() { die(); }

  static SegmentBuilder builder_with(std::uint64_t count, const std::string& x = "") {
    SegmentBuilder builder(shop_shape());
    builder.new_series(builder.new_family(counter("a_total", {"x"})), {x});
    builder.set_cell(0, builder.first_cell(0), count);
    return builder;
  }

  void die() {
    if (lock_ >= 0) ::close(lock_);
    lock_ = -1;
  }
  void close_in_order() {
    const auto state = static_cast<std::uint32_t>(shm::State::kClosed);
    write_at(offsetof(shm::SegmentHeader, state), &state, sizeof(state));
    die();
  }
  // Column 0's cell.
  void set_cell(std::uint32_t cell, std::uint64_t value) {
    write_at(values_offset_ + std::uint64_t{cell} * shm::kCellBytes, &value, sizeof(value));
  }
  // So many more bytes of the catalogue, which say nothing.
  void publish(std::uint64_t bytes) {
    std::uint64_t used = 0;
    const off_t at = offsetof(shm::SegmentHeader, catalogue_used);
    EXPECT_EQ(::pread(lock_, &used, sizeof(used), at), static_cast<ssize_t>(sizeof(used)));
    used += bytes;
    write_at(static_cast<std::uint64_t>(at), &used, sizeof(used));
  }
  // What the same builder says after it has grown.
  void rewrite(const SegmentBuilder& builder) {
    write_at(0, builder.bytes().data(), builder.bytes().size());
  }
  void count(std::uint64_t value) { set_cell(shm::kFirstFreeCell, value); }
  // Gives the memory behind the header back; the size stays.
  void punch() {
    struct stat status {};
    EXPECT_EQ(::fstat(lock_, &status), 0);
    EXPECT_EQ(
        ::fallocate(lock_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, status.st_size - 4096),
        0);
  }
  void cut(off_t bytes) { EXPECT_EQ(::ftruncate(lock_, bytes), 0); }

  const std::string& name() const { return name_; }

 private:
  void write_at(std::uint64_t offset, const void* bytes, std::size_t size) {
    EXPECT_EQ(::pwrite(lock_, bytes, size, static_cast<off_t>(offset)), static_cast<ssize_t>(size));
  }

  std::string name_;
  std::string path_;
  std::uint64_t values_offset_ = 0;
  int lock_ = -1;
};

class CollectTest : public ::testing::Test {
 protected:
  CollectTest() { EXPECT_TRUE(agent::install_truncation_handler()); }

  // Forgets all the agent knew, as its end does, and starts it anew on what the directory holds.
  void start_agent(const agent::CollectOptions& options = {}) {
    collect_.reset();
    collect_ = std::make_unique<agent::Collect>(options);
    const agent::LedgerResult result = collect_->open(directory_.fd(), now_, recovered_);
    ASSERT_TRUE(result.ok) << result.message;
    std::vector<std::string> names;
    for (const auto& segment : segments_) {
      if (directory_.has(segment->name())) names.push_back(segment->name());
    }
    collect_->add(names, now_);
  }

  SegmentFile& start_process(std::uint64_t count) {
    return start_process(SegmentFile::builder_with(count));
  }
  SegmentFile& start_process(SegmentBuilder builder, std::optional<std::uint32_t> owner = {}) {
    const std::string name = "s" + std::to_string(segments_.size()) + ".notch";
    segments_.push_back(std::make_unique<SegmentFile>(directory_, name, std::move(builder), owner));
    if (collect_ != nullptr) collect_->add(std::vector{name}, now_);
    return *segments_.back();
  }

  void pass(std::uint64_t seconds) {
    now_.unix_s += seconds;
    now_.monotonic_ns += seconds * 1'000'000'000;
    now_.boot_s += seconds;
  }
  // Somebody sets the clock of the host: no time passes.
  void set_clock(std::int64_t seconds) {
    now_.unix_s = static_cast<std::uint64_t>(static_cast<std::int64_t>(now_.unix_s) + seconds);
  }
  void sweep() { collect_->sweep(now_); }
  agent::Snapshot gather() { return collect_->gather(now_); }
  std::optional<std::uint64_t> sum(const std::string& labels = kShop) {
    return slot(gather(), "a_total", labels);
  }
  agent::CollectStats stats() { return collect_->stats(); }

  ScratchDirectory directory_;
  std::vector<std::unique_ptr<SegmentFile>> segments_;
  std::unique_ptr<agent::Collect> collect_;
  agent::Recovered recovered_;
  agent::Moment now_ = {1'000'000'000, 1'000'000'000'000, 2'000};
};

}  // namespace notch::testing
