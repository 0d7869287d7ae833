#include "agent/expose/exposition_text.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "agent/expose/exemplar_choice.h"
#include "agent/expose/number_text.h"
#include "agent/family/classic_buckets.h"
#include "agent/family/row_slots.h"
#include "agent/family/sample_names.h"
#include "shm/utf8.h"

namespace notch::agent {
namespace {

enum class Dialect : std::uint8_t { kPrometheus, kOpenMetrics };

constexpr std::size_t kTraceIdBytes = 32;
constexpr std::size_t kSpanIdBytes = 16;
static_assert(sizeof "trace_id" - 1 + kTraceIdBytes + sizeof "span_id" - 1 + kSpanIdBytes <= 128,
              "OpenMetrics allows an exemplar's labels 128 characters");

// Room for what may follow the labels in a line: `,le="bound"} value # {exemplar} value time\n`.
constexpr std::size_t kLineTailBytes = 256;

char* put(char* to, std::string_view text) noexcept {
  std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

template <std::size_t kBytes>
char* put_hex_label(char* to, std::string_view name, const std::array<std::uint8_t, kBytes>& id) {
  constexpr char kDigits[] = "0123456789abcdef";
  to = put(put(to, name), "=\"");
  for (const std::uint8_t byte : id) {
    *to++ = kDigits[byte >> 4U];
    *to++ = kDigits[byte & 15U];
  }
  *to++ = '"';
  return to;
}

char* put_exemplar(char* to, const Exemplar& exemplar) noexcept {
  const bool traced = exemplar.trace_id != decltype(exemplar.trace_id){};
  const bool spanned = exemplar.span_id != decltype(exemplar.span_id){};
  to = put(to, " # {");
  if (traced) to = put_hex_label(to, "trace_id", exemplar.trace_id);
  if (traced && spanned) *to++ = ',';
  if (spanned) to = put_hex_label(to, "span_id", exemplar.span_id);
  to = put_double(put(to, "} "), exemplar.value);
  if (exemplar.unix_time_ns == 0) return to;
  *to++ = ' ';
  return put_seconds(to, exemplar.unix_time_ns);
}

std::string escaped_help(std::string_view help, Dialect dialect) {
  std::string text;
  for (const char c : shm::valid_utf8(help)) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || (c == '"' && dialect == Dialect::kOpenMetrics)) text += '\\';
    text += c;
  }
  return text;
}

std::string_view type_name(const Family& family, Dialect dialect) noexcept {
  const std::string_view unknown = dialect == Dialect::kOpenMetrics ? "unknown" : "untyped";
  switch (family.type) {
    case MetricType::kCounter:
      return dialect == Dialect::kOpenMetrics && lacks_total(family) ? unknown : "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
    case MetricType::kNativeHistogram:
      return "histogram";
    case MetricType::kUnknown:
      break;
  }
  return unknown;
}

char* put_scalar(char* to, const Family& family, std::uint64_t slot) noexcept {
  switch (family.number) {
    case Number::kUnsigned:
      return put_u64(to, slot);
    case Number::kSigned:
      return put_i64(to, static_cast<std::int64_t>(slot));
    case Number::kFloat:
      break;
  }
  return put_double(to, scalar_value(family, slot));
}

class TextWriter {
 public:
  TextWriter(Dialect dialect, std::shared_ptr<SpareMemory> spare)
      : dialect_(dialect), out_(std::move(spare)) {}

  Page write(const Snapshot& snapshot) {
    for (const FamilySnapshot& family : snapshot.families) {
      if (has_output(family)) write_family(family);
    }
    if (dialect_ == Dialect::kOpenMetrics) out_.append("# EOF\n");
    counts_.dropped_exemplars = choice_.misplaced();
    return Page{out_.finish(), counts_};
  }

 private:
  void write_family(const FamilySnapshot& family);
  void write_metadata(const Family& family);
  void write_scalars(const FamilySnapshot& family);
  void write_histograms(const FamilySnapshot& family);
  void write_buckets(std::string_view labels);
  void write_sum_and_count(std::string_view labels);
  void render_bounds();
  bool may_show_sum() const noexcept;
  char* open_line(std::string_view name_open, std::string_view labels);

  const Dialect dialect_;
  BodyWriter out_;
  PageCounts counts_;

  // Set anew for each family: `name{`, or with a histogram's endings.
  std::string scalar_open_;
  std::string bucket_open_;
  std::string sum_open_;
  std::string count_open_;

  // Set anew for each histogram row; `le_texts_` for each family where its bounds are fixed.
  ClassicBuckets buckets_;
  std::vector<std::string> le_texts_;  // `le="0.5"} `, the last one +Inf's
  ExemplarChoice choice_;
};

void TextWriter::write_family(const FamilySnapshot& family) {
  write_metadata(*family.family);
  const std::string& name = family.family->name;
  if (is_histogram(*family.family)) {
    bucket_open_ = name + "_bucket{";
    sum_open_ = name + "_sum{";
    count_open_ = name + "_count{";
    write_histograms(family);
  } else {
    scalar_open_ = name + "{";
    write_scalars(family);
  }
}

void TextWriter::write_metadata(const Family& family) {
  const bool openmetrics = dialect_ == Dialect::kOpenMetrics;
  const std::string name(openmetrics ? base_name(family) : std::string_view(family.name));
  const std::string type = "# TYPE " + name + " " + std::string(type_name(family, dialect_)) + "\n";
  const std::string help =
      family.help.empty() ? ""
                          : "# HELP " + name + " " + escaped_help(family.help, dialect_) + "\n";
  if (!openmetrics) {
    out_.append(help);
    out_.append(type);
    return;
  }
  out_.append(type);
  if (shows_unit(family)) out_.append("# UNIT " + name + " " + family.unit + "\n");
  out_.append(help);
}

// Starts a line up to the labels' end, and leaves room for any tail. `name_open` ends in {, which
// goes with the labels: a line without any has none.
inline char* TextWriter::open_line(std::string_view name_open, std::string_view labels) {
  char* to = out_.reserve(name_open.size() + labels.size() + kLineTailBytes);
  to = put(to, name_open);
  if (labels.empty()) {
    to[-1] = ' ';
    return to;
  }
  return put(put(to, labels), "} ");
}

void TextWriter::write_scalars(const FamilySnapshot& family) {
  const bool shows_exemplars = dialect_ == Dialect::kOpenMetrics && !family.exemplars.empty() &&
                               family.family->type == MetricType::kCounter &&
                               !lacks_total(*family.family);
  const bool always_present = family.family->number == Number::kUnsigned;
  for (const Row& row : family.rows) {
    const std::uint64_t slot = family.slots[row.first_slot];
    if (is_silent(family, row)) continue;
    if (!always_present) {
      const Presence found = presence(*family.family, slot);
      if (found == Presence::kFaulty) ++counts_.dropped_rows;
      if (found != Presence::kPresent) continue;
    }
    char* to = put_scalar(open_line(scalar_open_, row.labels), *family.family, slot);
    if (shows_exemplars) {
      const Exemplar* exemplar = newest(exemplars_of(family.exemplars, row.first_slot));
      if (exemplar != nullptr) to = put_exemplar(to, *exemplar);
    }
    *to++ = '\n';
    out_.commit(to);
    ++counts_.rows;
  }
}

void TextWriter::write_histograms(const FamilySnapshot& family) {
  const bool native = family.family->type == MetricType::kNativeHistogram;
  if (!native) {
    buckets_.bounds = family.family->bounds;
    render_bounds();
  }
  for (const Row& row : family.rows) {
    if (is_silent(family, row)) continue;
    if (native) {
      const NativeValue& value = family.natives[row.detail];
      if (!derive_classic(*family.family, value, buckets_)) {
        ++counts_.dropped_rows;
        continue;
      }
      render_bounds();
      choice_.choose_native(value.exemplars, buckets_);
    } else {
      if (!read_classic(*family.family, family.slots + row.first_slot, buckets_)) {
        ++counts_.dropped_rows;
        continue;
      }
      choice_.choose_classic(family.exemplars, row.first_slot, buckets_);
    }
    write_buckets(row.labels);
    write_sum_and_count(row.labels);
    ++counts_.rows;
  }
}

void TextWriter::render_bounds() {
  le_texts_.resize(buckets_.bounds.size() + 1);
  char number[kMaxNumberBytes];
  for (std::size_t i = 0; i < buckets_.bounds.size(); ++i) {
    const char* end = dialect_ == Dialect::kOpenMetrics
                          ? put_openmetrics_bound(number, buckets_.bounds[i])
                          : put_text_bound(number, buckets_.bounds[i]);
    le_texts_[i].assign("le=\"").append(static_cast<const char*>(number), end).append("\"} ");
  }
  le_texts_.back() = "le=\"+Inf\"} ";
}

void TextWriter::write_buckets(std::string_view labels) {
  for (std::size_t i = 0; i < le_texts_.size(); ++i) {
    char* to = out_.reserve(bucket_open_.size() + labels.size() + kLineTailBytes);
    to = put(to, bucket_open_);
    if (!labels.empty()) {
      to = put(to, labels);
      *to++ = ',';
    }
    to = put_u64(put(to, le_texts_[i]), buckets_.cumulative[i]);
    const Exemplar* exemplar = dialect_ == Dialect::kOpenMetrics ? choice_.at(i) : nullptr;
    if (exemplar != nullptr) to = put_exemplar(to, *exemplar);
    *to++ = '\n';
    out_.commit(to);
  }
}

bool TextWriter::may_show_sum() const noexcept {
  if (dialect_ == Dialect::kPrometheus) return true;
  const bool negative_bound = !buckets_.bounds.empty() && buckets_.bounds.front() < 0;
  return !negative_bound && buckets_.sum >= 0;
}

void TextWriter::write_sum_and_count(std::string_view labels) {
  if (!may_show_sum()) return;
  char* to = put_double(open_line(sum_open_, labels), buckets_.sum);
  *to++ = '\n';
  out_.commit(to);
  to = put_u64(open_line(count_open_, labels), buckets_.count());
  *to++ = '\n';
  out_.commit(to);
}

}  // namespace

Page write_text(const Snapshot& snapshot, std::shared_ptr<SpareMemory> spare) {
  return TextWriter(Dialect::kPrometheus, std::move(spare)).write(snapshot);
}

Page write_openmetrics(const Snapshot& snapshot, std::shared_ptr<SpareMemory> spare) {
  return TextWriter(Dialect::kOpenMetrics, std::move(spare)).write(snapshot);
}

}  // namespace notch::agent
