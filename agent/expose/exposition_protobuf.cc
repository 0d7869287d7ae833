#include "agent/expose/exposition_protobuf.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <utility>

#include "agent/expose/exemplar_choice.h"
#include "agent/expose/native_spans.h"
#include "agent/family/classic_buckets.h"
#include "agent/family/label_text.h"
#include "agent/family/row_slots.h"
#include "shm/utf8.h"

namespace notch::agent {
namespace {

using protozero::pbf_writer;

namespace family_field {
enum : protozero::pbf_tag_type { kName = 1, kHelp = 2, kType = 3, kMetric = 4, kUnit = 5 };
}
namespace metric_field {
enum : protozero::pbf_tag_type {
  kLabel = 1,
  kGauge = 2,
  kCounter = 3,
  kUntyped = 5,
  kHistogram = 7
};
}
namespace label_field {
enum : protozero::pbf_tag_type { kName = 1, kValue = 2 };
}
namespace scalar_field {  // of Counter, Gauge and Untyped
enum : protozero::pbf_tag_type { kValue = 1, kExemplar = 2, kCreated = 3 };  // kCreated: Counter's
}
namespace histogram_field {
enum : protozero::pbf_tag_type {
  kSampleCount = 1,
  kSampleSum = 2,
  kBucket = 3,
  kSchema = 5,
  kZeroThreshold = 6,
  kZeroCount = 7,
  kNegativeSpan = 9,
  kNegativeDelta = 10,
  kPositiveSpan = 12,
  kPositiveDelta = 13,
  kCreated = 15,
  kExemplars = 16
};
}
namespace bucket_field {
enum : protozero::pbf_tag_type { kCumulativeCount = 1, kUpperBound = 2, kExemplar = 3 };
}
namespace span_field {
enum : protozero::pbf_tag_type { kOffset = 1, kLength = 2 };
}
namespace exemplar_field {
enum : protozero::pbf_tag_type { kLabel = 1, kValue = 2, kTimestamp = 3 };
}
namespace timestamp_field {
enum : protozero::pbf_tag_type { kSeconds = 1, kNanos = 2 };
}

// A family's length is known only behind its last metric, so it gets a varint of full width, to be
// filled in then: 4 x 7 bits and a last byte, which readers take as they take the short form.
constexpr std::size_t kLengthBytes = 5;

void fill_length(char* to, std::uint64_t length) noexcept {
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    const unsigned more = i + 1 < kLengthBytes ? 0x80U : 0U;
    to[i] = static_cast<char>((length & 0x7FU) | more);
    length >>= 7U;
  }
}

std::int32_t type_code(MetricType type) noexcept {
  switch (type) {
    case MetricType::kCounter:
      return 0;
    case MetricType::kGauge:
      return 1;
    case MetricType::kHistogram:
    case MetricType::kNativeHistogram:
      return 4;
    case MetricType::kUnknown:
      break;
  }
  return 3;
}

protozero::pbf_tag_type scalar_tag(MetricType type) noexcept {
  if (type == MetricType::kCounter) return metric_field::kCounter;
  return type == MetricType::kGauge ? metric_field::kGauge : metric_field::kUntyped;
}

// A field's tag and length. REQUIRES: a tag below 16.
class FieldHead {
 public:
  FieldHead(protozero::pbf_tag_type tag, std::size_t length) noexcept {
    bytes_[0] = static_cast<char>(tag << 3U | 2U);
    size_ = 1 + static_cast<std::size_t>(protozero::write_varint(&bytes_[1], length));
  }
  std::size_t size() const noexcept { return size_; }
  protozero::data_view view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<char, 1 + protozero::max_varint_length> bytes_;
  std::size_t size_ = 0;
};

// Its length known beforehand: labels are most of a page, and a nested writer would move each pair
// once more.
void add_label(pbf_writer& parent, std::string_view name, std::string_view value) {
  static_assert(metric_field::kLabel == 1 && exemplar_field::kLabel == 1);
  const FieldHead name_head(label_field::kName, name.size());
  const FieldHead value_head(label_field::kValue, value.size());
  parent.add_bytes_vectored(metric_field::kLabel, name_head.view(),
                            protozero::data_view(name.data(), name.size()), value_head.view(),
                            protozero::data_view(value.data(), value.size()));
}

// False if the text cannot be parsed.
bool add_labels(pbf_writer& metric, std::string_view text) {
  LabelReader labels(text);
  while (labels.next()) add_label(metric, labels.name(), labels.value());
  return !labels.failed();
}

template <std::size_t kBytes>
void add_id_label(pbf_writer& exemplar, std::string_view name,
                  const std::array<std::uint8_t, kBytes>& id) {
  if (id == std::array<std::uint8_t, kBytes>{}) return;
  constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, 2 * kBytes> hex{};
  for (std::size_t i = 0; i < kBytes; ++i) {
    hex[2 * i] = kDigits[id[i] >> 4U];
    hex[2 * i + 1] = kDigits[id[i] & 15U];
  }
  add_label(exemplar, name, {hex.data(), hex.size()});
}

void add_created(pbf_writer& parent, protozero::pbf_tag_type tag, const Row& row) {
  if (row.created_unix_s == 0) return;
  pbf_writer time(parent, tag);
  time.add_int64(timestamp_field::kSeconds, row.created_unix_s);
}

void add_exemplar(pbf_writer& parent, protozero::pbf_tag_type tag, const Exemplar& exemplar) {
  pbf_writer message(parent, tag);
  add_id_label(message, "trace_id", exemplar.trace_id);
  add_id_label(message, "span_id", exemplar.span_id);
  message.add_double(exemplar_field::kValue, exemplar.value);
  if (exemplar.unix_time_ns == 0) return;
  constexpr std::uint64_t kNanos = 1'000'000'000;
  pbf_writer time(message, exemplar_field::kTimestamp);
  time.add_int64(timestamp_field::kSeconds,
                 static_cast<std::int64_t>(exemplar.unix_time_ns / kNanos));
  time.add_int32(timestamp_field::kNanos,
                 static_cast<std::int32_t>(exemplar.unix_time_ns % kNanos));
}

class ProtobufWriter {
 public:
  explicit ProtobufWriter(std::shared_ptr<SpareMemory> spare) : out_(std::move(spare)) {}

  Page write(const Snapshot& snapshot) {
    for (const FamilySnapshot& family : snapshot.families) {
      if (has_output(family)) write_family(family);
    }
    counts_.dropped_exemplars += choice_.misplaced();
    return Page{out_.finish(), counts_};
  }

 private:
  void write_family(const FamilySnapshot& family);
  void write_metadata(const Family& family);
  bool write_row(const FamilySnapshot& family, const Row& row);
  bool write_scalar(const FamilySnapshot& family, const Row& row, pbf_writer& metric);
  bool write_histogram(const FamilySnapshot& family, const Row& row, pbf_writer& metric);
  void write_classic_part(pbf_writer& histogram);
  void write_native_part(const Family& family, const NativeValue& value, pbf_writer& histogram);
  void write_side(NativeBuckets buckets, protozero::pbf_tag_type span_tag,
                  protozero::pbf_tag_type delta_tag, pbf_writer& histogram);

  BodyWriter out_;
  PageCounts counts_;

  // Refilled row by row; kept for their memory.
  std::string message_;
  ClassicBuckets buckets_;
  ExemplarChoice choice_;
  NativeSpans spans_;
};

void ProtobufWriter::write_family(const FamilySnapshot& family) {
  const std::size_t start = out_.position();
  out_.commit(out_.reserve(kLengthBytes) + kLengthBytes);
  write_metadata(*family.family);
  if (family.family->type == MetricType::kHistogram) buckets_.bounds = family.family->bounds;
  for (const Row& row : family.rows) {
    if (is_silent(family, row)) continue;
    message_.clear();
    if (!write_row(family, row)) continue;
    const FieldHead head(family_field::kMetric, message_.size());
    char* to = out_.reserve(head.size() + message_.size());
    std::memcpy(to, head.view().data(), head.size());
    std::memcpy(to + head.size(), message_.data(), message_.size());
    out_.commit(to + head.size() + message_.size());
    ++counts_.rows;
  }
  fill_length(out_.at(start), out_.position() - start - kLengthBytes);
}

void ProtobufWriter::write_metadata(const Family& family) {
  message_.clear();
  pbf_writer writer(message_);
  writer.add_string(family_field::kName, family.name);
  if (!family.help.empty()) writer.add_string(family_field::kHelp, shm::valid_utf8(family.help));
  writer.add_enum(family_field::kType, type_code(family.type));
  if (shows_unit(family)) writer.add_string(family_field::kUnit, family.unit);
  out_.append(message_);
}

// Fills message_ with the row's Metric. False if the row has none.
bool ProtobufWriter::write_row(const FamilySnapshot& family, const Row& row) {
  pbf_writer metric(message_);
  if (!add_labels(metric, row.labels)) {
    ++counts_.dropped_rows;
    return false;
  }
  if (is_histogram(*family.family)) {
    return write_histogram(family, row, metric);
  }
  return write_scalar(family, row, metric);
}

bool ProtobufWriter::write_scalar(const FamilySnapshot& family, const Row& row,
                                  pbf_writer& metric) {
  const std::uint64_t slot = family.slots[row.first_slot];
  const Presence found = presence(*family.family, slot);
  if (found == Presence::kFaulty) ++counts_.dropped_rows;
  if (found != Presence::kPresent) return false;
  pbf_writer scalar(metric, scalar_tag(family.family->type));
  scalar.add_double(scalar_field::kValue, scalar_value(*family.family, slot));
  if (family.family->type == MetricType::kCounter) {
    const Exemplar* exemplar = newest(exemplars_of(family.exemplars, row.first_slot));
    if (exemplar != nullptr) add_exemplar(scalar, scalar_field::kExemplar, *exemplar);
    add_created(scalar, scalar_field::kCreated, row);
  }
  return true;
}

// False if the row counts more than a page can say.
bool ProtobufWriter::write_histogram(const FamilySnapshot& family, const Row& row,
                                     pbf_writer& metric) {
  const bool is_classic = family.family->type == MetricType::kHistogram;
  const bool fits = is_classic
                        ? read_classic(*family.family, family.slots + row.first_slot, buckets_)
                        : derive_classic(*family.family, family.natives[row.detail], buckets_);
  if (!fits) {
    ++counts_.dropped_rows;
    return false;
  }
  pbf_writer histogram(metric, metric_field::kHistogram);
  if (is_classic) {
    choice_.choose_classic(family.exemplars, row.first_slot, buckets_);
    write_classic_part(histogram);
    add_created(histogram, histogram_field::kCreated, row);
    return true;
  }
  const NativeValue& value = family.natives[row.detail];
  // Prometheus before 2.50 takes a native histogram's exemplars from its classic buckets and stores
  // them under one series; and it is shown again what it has. Only the newest is never too old.
  choice_.choose_newest(value.exemplars, buckets_);
  write_classic_part(histogram);
  write_native_part(*family.family, value, histogram);
  add_created(histogram, histogram_field::kCreated, row);
  return true;
}

void ProtobufWriter::write_classic_part(pbf_writer& histogram) {
  histogram.add_uint64(histogram_field::kSampleCount, buckets_.count());
  histogram.add_double(histogram_field::kSampleSum, buckets_.sum);
  for (std::size_t i = 0; i < buckets_.cumulative.size(); ++i) {
    const bool last = i == buckets_.bounds.size();
    pbf_writer bucket(histogram, histogram_field::kBucket);
    bucket.add_uint64(bucket_field::kCumulativeCount, buckets_.cumulative[i]);
    bucket.add_double(bucket_field::kUpperBound,
                      last ? std::numeric_limits<double>::infinity() : buckets_.bounds[i]);
    if (const Exemplar* exemplar = choice_.at(i)) {
      add_exemplar(bucket, bucket_field::kExemplar, *exemplar);
    }
  }
}

void ProtobufWriter::write_native_part(const Family& family, const NativeValue& value,
                                       pbf_writer& histogram) {
  histogram.add_sint32(histogram_field::kSchema, family.schema);
  histogram.add_double(histogram_field::kZeroThreshold, zero_threshold(family));
  histogram.add_uint64(histogram_field::kZeroCount, value.zero_count);
  write_side(plausible(value.negative), histogram_field::kNegativeSpan,
             histogram_field::kNegativeDelta, histogram);
  write_side(plausible(value.positive), histogram_field::kPositiveSpan,
             histogram_field::kPositiveDelta, histogram);
  for (const Exemplar& exemplar : value.exemplars) {
    if (exemplar.unix_time_ns == 0 || !std::isfinite(exemplar.value)) continue;
    add_exemplar(histogram, histogram_field::kExemplars, exemplar);
  }
}

void ProtobufWriter::write_side(NativeBuckets buckets, protozero::pbf_tag_type span_tag,
                                protozero::pbf_tag_type delta_tag, pbf_writer& histogram) {
  if (buckets.empty()) return;
  encode_spans(buckets, spans_);
  for (const NativeSpan& span : spans_.spans) {
    pbf_writer message(histogram, span_tag);
    message.add_sint32(span_field::kOffset, span.offset);
    message.add_uint32(span_field::kLength, span.length);
  }
  histogram.add_packed_sint64(delta_tag, spans_.deltas.begin(), spans_.deltas.end());
}

}  // namespace

Page write_protobuf(const Snapshot& snapshot, std::shared_ptr<SpareMemory> spare) {
  return ProtobufWriter(std::move(spare)).write(snapshot);
}

}  // namespace notch::agent
