// What every scraper checks of a page, or refuses it whole for: written from the formats'
// documents, not from the writers. The first rule that is broken ends the process.
// Called by: page_fuzz.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <protozero/pbf_reader.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shm/utf8.h"

namespace notch::testing {

inline void require(bool kept, const char* rule, std::string_view where = {}) {
  if (kept) return;
  std::fprintf(stderr, "%s: %s\n", rule, std::string(where).c_str());
  std::abort();
}

// A line of a text page that is no comment.
struct Sample {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string value;
  std::string exemplar;
};

class SampleReader {
 public:
  explicit SampleReader(std::string_view line) : line_(line), rest_(line) {}

  Sample read() {
    Sample sample;
    sample.name = name();
    if (take("{")) {
      do {
        std::string label = name();
        require(take("=\""), "a label without a value", line_);
        sample.labels.emplace_back(std::move(label), quoted());
      } while (take(","));
      require(take("}"), "labels without an end", line_);
    }
    require(take(" "), "no value", line_);
    const std::size_t end = rest_.find(" # ");
    sample.value = rest_.substr(0, end);
    require(!sample.value.empty() && sample.value.find(' ') == std::string::npos, "odd value",
            line_);
    if (end != std::string_view::npos) sample.exemplar = rest_.substr(end + 3);
    return sample;
  }

 private:
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  std::string name() {
    std::size_t end = 0;
    while (end < rest_.size() && (std::isalnum(static_cast<unsigned char>(rest_[end])) != 0 ||
                                  rest_[end] == '_' || rest_[end] == ':')) {
      ++end;
    }
    require(end > 0 && std::isdigit(static_cast<unsigned char>(rest_[0])) == 0, "a name", line_);
    std::string found(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return found;
  }
  std::string quoted() {
    std::string text;
    while (!take("\"")) {
      require(!rest_.empty(), "a label value without an end", line_);
      if (rest_[0] == '\\') {
        rest_.remove_prefix(1);
        require(
            !rest_.empty() && std::string_view("\\\"n").find(rest_[0]) != std::string_view::npos,
            "an escape", line_);
      }
      text += rest_[0];
      rest_.remove_prefix(1);
    }
    return text;
  }

  std::string_view line_;
  std::string_view rest_;
};

class TextPageRules {
 public:
  explicit TextPageRules(bool openmetrics) : openmetrics_(openmetrics) {}

  void check(std::string_view page) {
    require(shm::is_valid_utf8(page), "UTF-8");
    require(page.empty() || page.back() == '\n', "the last line has no end");
    while (!page.empty()) {
      const std::size_t end = page.find('\n');
      line(page.substr(0, end));
      page.remove_prefix(end + 1);
    }
    require(!openmetrics_ || ended_, "no # EOF");
    for (const auto& [series, count] : counts_) {
      const auto found = histograms_.find(series);
      require(found != histograms_.end() && found->second.second == count, "count and +Inf",
              series);
    }
    for (const auto& [series, last] : histograms_) {
      require(last.first == std::numeric_limits<double>::infinity(), "no +Inf", series);
    }
  }

 private:
  void line(std::string_view text) {
    require(!ended_, "behind # EOF", text);
    if (openmetrics_ && text == "# EOF") {
      ended_ = true;
    } else if (text.starts_with("# TYPE ")) {
      text.remove_prefix(7);
      family_ = text.substr(0, text.find(' '));
      type_ = text.substr(text.find(' ') + 1);
      require(types_.insert(family_).second, "two TYPEs", family_);
    } else if (!text.starts_with("# ")) {
      sample(text);
    }
  }

  void sample(std::string_view text) {
    const Sample found = SampleReader(text).read();
    require(found.name.starts_with(family_), "a sample of no family", text);
    const std::string_view end = std::string_view(found.name).substr(family_.size());
    std::set<std::string> names;
    std::string series = family_;
    double bound = 0;
    for (const auto& [name, value] : found.labels) {
      require(names.insert(name).second, "a label twice", text);
      if (name == "le") {
        bound = std::strtod(value.c_str(), nullptr);
      } else {
        series += "," + name + "=" + value;
      }
    }
    require(series_.insert(std::string(text.substr(0, text.rfind("} ") + 1)) + found.name).second ||
                !found.exemplar.empty(),
            "a series twice", text);
    require(found.exemplar.empty() || (openmetrics_ && (end == "_bucket" || end == "_total")),
            "an exemplar where none may be", text);
    const std::uint64_t count = std::strtoull(found.value.c_str(), nullptr, 10);
    if (type_ == "histogram" && end == "_bucket") {
      const auto [last, is_new] = histograms_.try_emplace(series, bound, count);
      require(is_new || (bound > last->second.first && count >= last->second.second), "buckets",
              text);
      last->second = {bound, count};
    } else if (type_ == "histogram" && end == "_count") {
      counts_[series] = count;
    } else {
      require(type_ != "histogram" || end == "_sum", "a histogram's sample", text);
      require(type_ != "counter" || found.value[0] != '-', "a counter below zero", text);
    }
  }

  const bool openmetrics_;
  bool ended_ = false;
  std::string family_;
  std::string type_;
  std::set<std::string> types_;
  std::set<std::string> series_;
  std::map<std::string, std::pair<double, std::uint64_t>> histograms_;  // the last bucket
  std::map<std::string, std::uint64_t> counts_;
};

// One side of a native histogram, as receivers expand it. Returns what it counts.
inline std::uint64_t check_side(const std::vector<std::pair<std::int32_t, std::uint32_t>>& spans,
                                const std::vector<std::int64_t>& deltas) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    require(i == 0 || spans[i].first >= 0, "a span that goes back");
    length += spans[i].second;
  }
  require(length == deltas.size(), "spans and deltas");
  std::uint64_t counted = 0;
  std::int64_t bucket = 0;
  for (const std::int64_t delta : deltas) {
    require(!__builtin_add_overflow(bucket, delta, &bucket) && bucket >= 0, "a negative bucket");
    require(!__builtin_add_overflow(counted, static_cast<std::uint64_t>(bucket), &counted),
            "wraps");
  }
  return counted;
}

inline void check_protobuf_histogram(protozero::pbf_reader histogram) {
  std::uint64_t count = 0;
  std::uint64_t zero = 0;
  std::uint64_t last = 0;
  double last_bound = -std::numeric_limits<double>::infinity();
  bool is_native = false;
  std::vector<std::pair<std::int32_t, std::uint32_t>> spans[2];
  std::vector<std::int64_t> deltas[2];
  while (histogram.next()) {
    const auto tag = histogram.tag();
    if (tag == 1) {
      count = histogram.get_uint64();
    } else if (tag == 3) {
      protozero::pbf_reader bucket = histogram.get_message();
      std::uint64_t cumulative = 0;
      double bound = 0;
      while (bucket.next()) {
        if (bucket.tag() == 1) {
          cumulative = bucket.get_uint64();
        } else if (bucket.tag() == 2) {
          bound = bucket.get_double();
        } else {
          bucket.skip();
        }
      }
      require(cumulative >= last && bound > last_bound, "classic buckets in protobuf");
      last = cumulative;
      last_bound = bound;
    } else if (tag == 5) {
      is_native = true;
      const std::int32_t schema = histogram.get_sint32();
      require(schema >= -4 && schema <= 8, "schema");
    } else if (tag == 7) {
      zero = histogram.get_uint64();
    } else if (tag == 9 || tag == 12) {
      protozero::pbf_reader span = histogram.get_message();
      std::pair<std::int32_t, std::uint32_t> read;
      while (span.next()) {
        if (span.tag() == 1) {
          read.first = span.get_sint32();
        } else {
          read.second = span.get_uint32();
        }
      }
      spans[tag == 9 ? 0 : 1].push_back(read);
    } else if (tag == 10 || tag == 13) {
      for (const std::int64_t delta : histogram.get_packed_sint64()) {
        deltas[tag == 10 ? 0 : 1].push_back(delta);
      }
    } else {
      histogram.skip();
    }
  }
  require(last == count && last_bound == std::numeric_limits<double>::infinity(), "count and +Inf");
  const std::uint64_t sides = check_side(spans[0], deltas[0]) + check_side(spans[1], deltas[1]);
  require(!is_native || sides + zero == count, "the count is not that of the buckets");
  require(count <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}, "the count's range");
}

inline std::string check_protobuf_metric(protozero::pbf_reader metric) {
  std::string labels;
  std::set<std::string> names;
  while (metric.next()) {
    if (metric.tag() == 1) {
      protozero::pbf_reader label = metric.get_message();
      std::string part[2];
      while (label.next()) {
        std::string& read = part[label.tag() == 1 ? 0 : 1];
        read = label.get_string();
      }
      require(shm::is_valid_utf8(part[1]), "UTF-8 of a label");
      require(names.insert(part[0]).second, "a label twice", part[0]);
      labels += part[0] + "=" + std::to_string(part[1].size()) + part[1] + ",";
    } else if (metric.tag() == 7) {
      check_protobuf_histogram(metric.get_message());
    } else {
      metric.skip();
    }
  }
  return labels;
}

inline void check_protobuf_page(std::string_view page) {
  std::set<std::string> families;
  const char* at = page.data();
  const char* const end = at + page.size();
  while (at != end) {
    const std::uint64_t length = protozero::decode_varint(&at, end);
    require(length <= static_cast<std::uint64_t>(end - at), "a family's length");
    protozero::pbf_reader family(at, length);
    at += length;
    std::set<std::string> rows;
    while (family.next()) {
      if (family.tag() == 1) {
        require(families.insert(family.get_string()).second, "a family twice");
      } else if (family.tag() == 2) {
        require(shm::is_valid_utf8(family.get_string()), "UTF-8 of HELP");
      } else if (family.tag() == 4) {
        require(rows.insert(check_protobuf_metric(family.get_message())).second, "a row twice");
      } else {
        family.skip();
      }
    }
  }
}

}  // namespace notch::testing
