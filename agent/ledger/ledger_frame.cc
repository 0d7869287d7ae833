#include "agent/ledger/ledger_frame.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "shm/bounds.h"

namespace notch::agent {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kBootIdOffset = 16;  // in the header
constexpr BrokenRule kTooShort = "shorter than its fields";
constexpr BrokenRule kTooLong = "longer than its fields";

template <class T>
void put(T value, std::string& out) {
  static_assert(std::is_arithmetic_v<T>);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_text(std::string_view text, std::string& out) {
  put(static_cast<std::uint32_t>(text.size()), out);
  out.append(text);
}

void put_segment(const SegmentIdentity& segment, std::string& out) {
  put(segment.inode, out);
  put(segment.birth_ns, out);
  put_text(segment.file_name, out);
}

void put_change(const RowChange& change, std::string& out) {
  put(change.row, out);
  put(static_cast<std::uint32_t>(change.slots.size()), out);
  put(static_cast<std::uint32_t>(change.positive.size()), out);
  put(static_cast<std::uint32_t>(change.negative.size()), out);
  for (const std::uint64_t slot : change.slots) put(slot, out);
  for (const auto* buckets : {&change.positive, &change.negative}) {
    for (const auto& [index, count] : *buckets) {
      put(index, out);
      put(count, out);
    }
  }
}

std::size_t begin_frame(std::string& out) {
  const std::size_t start = out.size();
  out.append(kFrameHeaderBytes, '\0');
  return start;
}

std::uint32_t checksum(const void* bytes, std::size_t size) noexcept {
  return libdeflate_crc32(0, bytes, size);
}

void end_frame(std::size_t start, FrameKind kind, std::string& out) {
  const auto length = static_cast<std::uint32_t>(out.size() - start - kFrameHeaderBytes);
  const auto kind_number = static_cast<std::uint32_t>(kind);
  std::memcpy(out.data() + start + 4, &length, sizeof length);
  std::memcpy(out.data() + start + 8, &kind_number, sizeof kind_number);
  const std::uint32_t crc = checksum(out.data() + start + 4, out.size() - start - 4);
  std::memcpy(out.data() + start, &crc, sizeof crc);
}

// Takes fields from the front. After a short read every later one fails too.
class FieldReader {
 public:
  explicit FieldReader(Bytes bytes) noexcept : rest_(bytes) {}

  template <class T>
  bool take(T& value) noexcept {
    static_assert(std::is_arithmetic_v<T>);
    const Bytes field = take_bytes(sizeof(T));
    if (field.empty()) return false;
    std::memcpy(&value, field.data(), sizeof(T));
    return true;
  }

  bool take_text(std::string_view& text) noexcept {
    std::uint32_t size = 0;
    if (!take(size) || !shm::fits(0, size, rest_.size())) return fail();
    const Bytes field = take_bytes(size);
    text = {reinterpret_cast<const char*>(field.data()), field.size()};
    return true;
  }

  // So that no memory is asked for on the word of a count alone.
  bool holds(std::uint64_t count, std::size_t each_bytes) const noexcept {
    return count <= rest_.size() / each_bytes;
  }

  Bytes rest() const noexcept { return rest_; }
  BrokenRule end() const noexcept { return rest_.empty() ? nullptr : kTooLong; }

 private:
  bool fail() noexcept {
    rest_ = {};
    return false;
  }

  Bytes take_bytes(std::size_t size) noexcept {
    const Bytes field = shm::sub_range(rest_, 0, size);
    rest_ = field.size() == size ? rest_.subspan(size) : Bytes{};
    return field;
  }

  Bytes rest_;
};

bool take_segment(FieldReader& fields, SegmentIdentity& segment) {
  std::string_view name;
  if (!fields.take(segment.inode) || !fields.take(segment.birth_ns) || !fields.take_text(name)) {
    return false;
  }
  segment.file_name = name;
  return true;
}

bool take_buckets(FieldReader& fields, std::uint32_t count,
                  std::vector<std::pair<std::int32_t, std::uint64_t>>& buckets) {
  buckets.resize(count);
  for (auto& [index, amount] : buckets) {
    if (!fields.take(index) || !fields.take(amount)) return false;
  }
  return true;
}

bool take_change(FieldReader& fields, RowChange& change) {
  std::uint32_t slots = 0;
  std::uint32_t positive = 0;
  std::uint32_t negative = 0;
  if (!fields.take(change.row) || !fields.take(slots) || !fields.take(positive) ||
      !fields.take(negative)) {
    return false;
  }
  constexpr std::size_t kBucketBytes = sizeof(std::int32_t) + sizeof(std::uint64_t);
  if (!fields.holds(slots, sizeof(std::uint64_t)) || !fields.holds(positive, kBucketBytes) ||
      !fields.holds(negative, kBucketBytes)) {
    return false;
  }
  change.slots.resize(slots);
  for (std::uint64_t& slot : change.slots) {
    if (!fields.take(slot)) return false;
  }
  return take_buckets(fields, positive, change.positive) &&
         take_buckets(fields, negative, change.negative);
}

template <class Enum>
bool take_enum(FieldReader& fields, Enum last, Enum& value) noexcept {
  std::uint8_t number = 0;
  if (!fields.take(number) || number > static_cast<std::uint8_t>(last)) return false;
  value = static_cast<Enum>(number);
  return true;
}

}  // namespace

const char* header_fault_text(HeaderFault fault) noexcept {
  switch (fault) {
    case HeaderFault::kNone:
      return "none";
    case HeaderFault::kNotALedger:
      return "not a ledger (too short, or its magic differs)";
    case HeaderFault::kOtherByteOrder:
      return "written in the other byte order";
    case HeaderFault::kNewerVersion:
      return "written by a newer version";
    case HeaderFault::kDamaged:
      return "its header's checksum is wrong";
  }
  return "unknown";
}

void encode_header(const BootId& boot, std::string& out) {
  const std::size_t start = out.size();
  out.append(kLedgerMagic);
  put(kLedgerByteOrder, out);
  put(kLedgerVersion, out);
  for (const std::uint8_t byte : boot) put(byte, out);
  put(std::uint32_t{0}, out);
  put(checksum(out.data() + start, out.size() - start), out);
}

void encode_family(std::uint32_t id, const Family& family, std::string& out) {
  const std::size_t start = begin_frame(out);
  put(id, out);
  put(static_cast<std::uint8_t>(family.type), out);
  put(static_cast<std::uint8_t>(family.number), out);
  put(static_cast<std::uint8_t>(family.combine), out);
  put(family.schema, out);
  put(family.zero_threshold, out);
  put_text(family.name, out);
  put_text(family.help, out);
  put_text(family.unit, out);
  put(static_cast<std::uint32_t>(family.bounds.size()), out);
  for (const double bound : family.bounds) put(bound, out);
  put(family.owner_uid, out);
  end_frame(start, FrameKind::kFamily, out);
}

void encode_row(const RowDefinition& row, std::string& out) {
  const std::size_t start = begin_frame(out);
  put(row.row, out);
  put(row.family, out);
  put_text(row.labels, out);
  put(row.owner_uid, out);
  end_frame(start, FrameKind::kRow, out);
}

void encode_total(const RowChange& total, std::uint64_t last_seen_boot_s, std::string& out) {
  const std::size_t start = begin_frame(out);
  put(last_seen_boot_s, out);
  put_change(total, out);
  end_frame(start, FrameKind::kTotal, out);
}

void encode_segment(FrameKind kind, const SegmentIdentity& segment, std::string& out) {
  const std::size_t start = begin_frame(out);
  put_segment(segment, out);
  end_frame(start, kind, out);
}

void encode_snapshot_end(const SnapshotCounts& counts, std::string& out) {
  const std::size_t start = begin_frame(out);
  put(counts.families, out);
  put(counts.rows, out);
  put(counts.awaiting, out);
  end_frame(start, FrameKind::kSnapshotEnd, out);
}

void encode_service(const ServiceRecord& service, std::string& out) {
  const std::size_t start = begin_frame(out);
  put(service.owner_uid, out);
  put(static_cast<std::uint32_t>(service.holds ? 1 : 0), out);
  put_text(service.name, out);
  put(static_cast<std::uint32_t>(service.keys.size()), out);
  for (const LineageKey& key : service.keys) {
    out.append(reinterpret_cast<const char*>(key.data()), key.size());
  }
  end_frame(start, FrameKind::kService, out);
}

void encode_fold(const Fold& fold, std::uint64_t now_boot_s, std::string& out) {
  const std::size_t start = begin_frame(out);
  put(now_boot_s, out);
  put_segment(fold.segment, out);
  put(static_cast<std::uint32_t>(fold.rows.size()), out);
  for (const RowChange& change : fold.rows) put_change(change, out);
  end_frame(start, FrameKind::kFold, out);
}

std::size_t fold_payload_bytes(const Fold& fold) noexcept {
  std::size_t bytes = 32 + fold.segment.file_name.size();
  for (const RowChange& change : fold.rows) {
    bytes += 16 + 8 * change.slots.size() + 12 * (change.positive.size() + change.negative.size());
  }
  return bytes;
}

HeaderFault decode_header(std::span<const std::byte> file, LedgerHeader& header) noexcept {
  if (file.size() < kLedgerHeaderBytes) return HeaderFault::kNotALedger;
  if (std::memcmp(file.data(), kLedgerMagic.data(), kLedgerMagic.size()) != 0) {
    return HeaderFault::kNotALedger;
  }
  FieldReader fields(file.subspan(kLedgerMagic.size()));
  std::uint32_t byte_order = 0;
  LedgerHeader read;
  fields.take(byte_order);
  fields.take(read.version);
  if (byte_order != kLedgerByteOrder) return HeaderFault::kOtherByteOrder;
  for (std::uint8_t& byte : read.boot) fields.take(byte);
  std::uint32_t reserved = 0;
  std::uint32_t crc = 0;
  fields.take(reserved);
  fields.take(crc);
  if (crc != checksum(file.data(), kLedgerHeaderBytes - sizeof crc)) return HeaderFault::kDamaged;
  if (read.version > kLedgerVersion) return HeaderFault::kNewerVersion;
  header = read;
  return HeaderFault::kNone;
}

bool is_damaged_header_of(const BootId& boot, std::span<const std::byte> file) noexcept {
  if (file.size() < kLedgerHeaderBytes) return false;
  std::array<std::byte, kLedgerHeaderBytes> header;
  std::ranges::copy(file.first<kLedgerHeaderBytes>(), header.begin());
  if (std::memcmp(header.data() + kBootIdOffset, boot.data(), boot.size()) == 0) return true;
  std::memcpy(header.data() + kBootIdOffset, boot.data(), boot.size());
  LedgerHeader mended;
  return decode_header(header, mended) == HeaderFault::kNone;
}

std::optional<Frame> first_frame(std::span<const std::byte> rest) noexcept {
  FieldReader fields(rest);
  std::uint32_t crc = 0;
  std::uint32_t length = 0;
  std::uint32_t kind = 0;
  if (!fields.take(crc) || !fields.take(length) || !fields.take(kind)) return std::nullopt;
  if (length > kMaxPayloadBytes) return std::nullopt;
  if (!shm::fits(kFrameHeaderBytes, length, rest.size())) return std::nullopt;
  if (crc != checksum(rest.data() + 4, kFrameHeaderBytes - 4 + length)) return std::nullopt;
  return Frame{static_cast<FrameKind>(kind), rest.subspan(kFrameHeaderBytes, length),
               kFrameHeaderBytes + length};
}

BrokenRule decode_family(std::span<const std::byte> payload, std::uint32_t version,
                         std::uint32_t& id, Family& family) {
  FieldReader fields(payload);
  if (!fields.take(id)) return kTooShort;
  if (!take_enum(fields, MetricType::kUnknown, family.type)) return "its type is unknown";
  if (!take_enum(fields, Number::kFloat, family.number)) return "its number is unknown";
  if (!take_enum(fields, Combine::kEach, family.combine)) return "its combine is unknown";
  if (!fields.take(family.schema) || !fields.take(family.zero_threshold)) return kTooShort;
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  if (!fields.take_text(name) || !fields.take_text(help) || !fields.take_text(unit)) {
    return kTooShort;
  }
  family.name = name;
  family.help = help;
  family.unit = unit;
  std::uint32_t bounds = 0;
  if (!fields.take(bounds) || !fields.holds(bounds, sizeof(double))) return kTooShort;
  family.bounds.resize(bounds);
  for (double& bound : family.bounds) fields.take(bound);
  if (version >= kOwnerVersion && !fields.take(family.owner_uid)) return kTooShort;
  if (const BrokenRule broken = family_fault(family)) return broken;
  return fields.end();
}

BrokenRule decode_row(std::span<const std::byte> payload, std::uint32_t version,
                      RowDefinition& row) noexcept {
  FieldReader fields(payload);
  if (!fields.take(row.row) || !fields.take(row.family) || !fields.take_text(row.labels)) {
    return kTooShort;
  }
  if (version >= kOwnerVersion && !fields.take(row.owner_uid)) return kTooShort;
  return fields.end();
}

BrokenRule decode_total(std::span<const std::byte> payload, RowChange& total,
                        std::uint64_t& last_seen_boot_s) {
  FieldReader fields(payload);
  if (!fields.take(last_seen_boot_s) || !take_change(fields, total)) return kTooShort;
  return fields.end();
}

BrokenRule decode_segment(std::span<const std::byte> payload, SegmentIdentity& segment) {
  FieldReader fields(payload);
  if (!take_segment(fields, segment)) return kTooShort;
  return fields.end();
}

BrokenRule decode_service(std::span<const std::byte> payload, ServiceRecord& service) {
  FieldReader fields(payload);
  std::uint32_t holds = 0;
  std::uint32_t keys = 0;
  std::string_view name;
  if (!fields.take(service.owner_uid) || !fields.take(holds) || !fields.take_text(name) ||
      !fields.take(keys) || !fields.holds(keys, sizeof(LineageKey))) {
    return kTooShort;
  }
  if (holds > 1) return "it neither holds its name nor does not";
  if (name.empty()) return "its service has no name";
  service.holds = holds == 1;
  service.name = name;
  service.keys.resize(keys);
  for (LineageKey& key : service.keys) {
    for (std::uint8_t& byte : key) fields.take(byte);
  }
  return fields.end();
}

BrokenRule decode_snapshot_end(std::span<const std::byte> payload,
                               SnapshotCounts& counts) noexcept {
  FieldReader fields(payload);
  if (!fields.take(counts.families) || !fields.take(counts.rows) || !fields.take(counts.awaiting)) {
    return kTooShort;
  }
  return fields.end();
}

BrokenRule FoldCursor::begin(std::span<const std::byte> payload) {
  FieldReader fields(payload);
  rows_left_ = 0;
  broken_ = nullptr;
  if (!fields.take(now_boot_s_) || !take_segment(fields, segment_) || !fields.take(rows_left_)) {
    broken_ = kTooShort;
  }
  rest_ = fields.rest();
  return broken_;
}

bool FoldCursor::next(RowChange& change) {
  if (broken_ != nullptr) return false;
  if (rows_left_ == 0) {
    if (!rest_.empty()) broken_ = kTooLong;
    return false;
  }
  FieldReader fields(rest_);
  if (!take_change(fields, change)) {
    broken_ = kTooShort;
    return false;
  }
  --rows_left_;
  rest_ = fields.rest();
  return true;
}

}  // namespace notch::agent
