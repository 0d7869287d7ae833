#include "client/name_rules.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

#include "client/text_view.h"
#include "shm/layout.h"
#include "shm/utf8.h"

namespace notch::client {
namespace {

bool is_snake_case(std::string_view name) noexcept {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_label_name(std::string_view name) noexcept {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (name.empty() || !letter(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

const char* broken_name_rule(const notch_definition& definition) noexcept {
  const std::string_view name = view(definition.name);
  if (name.empty()) return "a metric needs a name";
  if (name.size() > shm::kMaxNameBytes) return "a metric name has at most 200 bytes";
  if (!is_snake_case(name)) return "a metric name is snake_case: a-z first, then a-z, 0-9 and _";
  if (name.find('_') == std::string_view::npos) {
    return "a metric name starts with a namespace: <namespace>_<name>_<unit>";
  }
  if (name.find("__") != std::string_view::npos || name.back() == '_') {
    return "a metric name has single underscores between its words";
  }
  if (name.starts_with("notch_agent_"))
    return "names that start with notch_agent_ belong to the agent";
  if ((definition.type == NOTCH_COUNTER) != name.ends_with("_total")) {
    return definition.type == NOTCH_COUNTER ? "a counter's name ends in _total"
                                            : "only a counter's name ends in _total";
  }
  for (const std::string_view suffix : {"_count", "_sum", "_bucket", "_created", "_info"}) {
    if (name.ends_with(suffix)) {
      return "a metric name does not end in _count, _sum, _bucket, _created or _info: these belong "
             "to the exposition format";
    }
  }
  return nullptr;
}

const char* broken_unit_rule(const notch_definition& definition) noexcept {
  const std::string_view unit = view(definition.unit);
  if (unit.empty()) return nullptr;
  if (!is_snake_case(unit)) return "a unit is snake_case, such as seconds, bytes or ratio";
  std::string_view name = view(definition.name);
  if (name.ends_with("_total")) name.remove_suffix(6);
  const bool suffixed = name.size() > unit.size() && name.ends_with(unit) &&
                        name[name.size() - unit.size() - 1] == '_';
  return suffixed ? nullptr
                  : "a metric with a unit has a name that ends in _<unit> (before _total)";
}

const char* unit_advice(const notch_definition& definition) noexcept {
  std::string_view name = view(definition.name);
  if (name.ends_with("_total")) name.remove_suffix(6);
  std::string_view last = name;
  last.remove_prefix(name.rfind('_') + 1);  // npos + 1 is 0
  static constexpr std::string_view kNotBase[] = {
      "ns",           "us",      "ms",        "sec",       "nanoseconds", "microseconds",
      "milliseconds", "minutes", "hours",     "days",      "kb",          "mb",
      "gb",           "kib",     "mib",       "gib",       "kilobytes",   "megabytes",
      "gigabytes",    "bits",    "kibibytes", "mebibytes", "gibibytes",   "percent"};
  return std::find(std::begin(kNotBase), std::end(kNotBase), last) == std::end(kNotBase)
             ? nullptr
             : "Prometheus counts in base units, spelt out: seconds, bytes, ratio";
}

const char* label_advice(const notch_definition& definition) noexcept {
  for (std::size_t i = 0; i < definition.label_count; ++i) {
    const std::string_view label = view(definition.label_names[i]);
    if (std::any_of(label.begin(), label.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
      return "label names are snake_case by custom";
  }
  return nullptr;
}

const char* broken_help_rule(const notch_definition& definition) noexcept {
  const std::string_view help = view(definition.help);
  if (help.empty()) return "a metric needs a help text";
  if (help.size() > shm::kMaxHelpBytes) return "a help text has at most 4096 bytes";
  return shm::is_valid_utf8(help) ? nullptr : "a help text is valid UTF-8";
}

const char* broken_label_rule(const notch_definition& definition) noexcept {
  if (definition.label_count > shm::kMaxLabels) return "a metric has at most 16 labels";
  if (definition.label_count != 0 && definition.label_names == nullptr)
    return "label names are missing";
  for (std::size_t i = 0; i < definition.label_count; ++i) {
    const std::string_view label = view(definition.label_names[i]);
    if (label.size() > shm::kMaxNameBytes) return "a label name has at most 200 bytes";
    if (!is_label_name(label)) return "a label name is letters, digits and _, and no digit first";
    if (label.starts_with("__")) return "label names that start with __ are reserved by Prometheus";
    if (label == "le") return "the label le belongs to a histogram's buckets";
    if (label == "quantile") return "the label quantile belongs to summaries";
    if (label == "overflow") return "the label overflow marks the series past a family's limit";
    for (std::size_t j = 0; j < i; ++j) {
      if (view(definition.label_names[j]) == label) return "a label name stands twice";
    }
  }
  return nullptr;
}

const char* broken_bucket_rule(const notch_definition& definition) noexcept {
  if (definition.type == NOTCH_NATIVE_HISTOGRAM) {
    if (definition.schema < -4 || definition.schema > 8)
      return "a native histogram's schema is -4 to 8";
    const double zero = definition.zero_threshold;
    return zero >= 0x1p-1000 && zero <= 0x1p1000 ? nullptr
                                                 : "a zero threshold is from 2^-1000 to 2^1000";
  }
  if (definition.type != NOTCH_HISTOGRAM) return nullptr;
  if (definition.bound_count == 0 || definition.bounds == nullptr)
    return "a histogram needs bounds";
  if (definition.bound_count > shm::kMaxBounds) return "a histogram has at most 256 bounds";
  for (std::size_t i = 0; i < definition.bound_count; ++i) {
    if (!std::isfinite(definition.bounds[i])) return "bounds are finite; +Inf is always there";
    if (i > 0 && !(definition.bounds[i - 1] < definition.bounds[i]))
      return "bounds are strictly increasing";
  }
  return nullptr;
}

const char* broken_type_rule(const notch_definition& definition) noexcept {
  const std::uint32_t number = definition.number;
  const std::uint32_t mode = definition.gauge_mode;
  switch (definition.type) {
    case NOTCH_COUNTER:
      return number == NOTCH_UNSIGNED || number == NOTCH_FLOAT ? nullptr
                                                               : "a counter is unsigned or float";
    case NOTCH_UP_DOWN_COUNTER:
      return number == NOTCH_SIGNED ? nullptr : "an up-down counter is signed";
    case NOTCH_GAUGE:
      if (number != NOTCH_FLOAT) return "a gauge is a float";
      return mode >= NOTCH_GAUGE_SUM && mode <= NOTCH_GAUGE_EACH
                 ? nullptr
                 : "a gauge's mode is sum, min, max, last or each";
    case NOTCH_HISTOGRAM:
    case NOTCH_NATIVE_HISTOGRAM:
      return number == NOTCH_UNSIGNED ? nullptr : "a histogram's buckets are unsigned";
    default:
      return "not a type of metric";
  }
}

}  // namespace

int refuse(notch_error& error, int code, notch_text name, const char* message) noexcept {
  error.code = code;
  char* out = error.message;
  char* const end = error.message + sizeof error.message - 1;
  const auto put = [&](char c) {
    if (out < end) *out++ = c;
  };
  const std::string_view shown = view(name).substr(0, 80);
  put('"');
  for (const char c : shown) put(c >= ' ' && c <= '~' ? c : '?');
  if (name.size > shown.size()) {
    for (int i = 0; i < 3; ++i) put('.');
  }
  put('"');
  put(':');
  put(' ');
  for (; *message != '\0'; ++message) put(*message);
  *out = '\0';
  return code;
}

bool advise(const notch_definition& definition, notch_error& advice) noexcept {
  const char* message = unit_advice(definition);
  if (message == nullptr) message = label_advice(definition);
  if (message != nullptr) refuse(advice, NOTCH_OK, definition.name, message);
  return message != nullptr;
}

int judge_definition(const notch_definition& definition, notch_error& error) noexcept {
  struct Rule {
    int code;
    const char* (*broken)(const notch_definition&) noexcept;
  };
  static constexpr Rule kRules[] = {
      {NOTCH_INVALID_NAME, broken_name_rule},     {NOTCH_INVALID_HELP, broken_help_rule},
      {NOTCH_INVALID_ARGUMENT, broken_type_rule}, {NOTCH_INVALID_UNIT, broken_unit_rule},
      {NOTCH_INVALID_LABEL, broken_label_rule},   {NOTCH_INVALID_BUCKETS, broken_bucket_rule},
  };
  for (const Rule& rule : kRules) {
    if (const char* const message = rule.broken(definition); message != nullptr) {
      return refuse(error, rule.code, definition.name, message);
    }
  }
  error.code = NOTCH_OK;
  error.message[0] = '\0';
  return NOTCH_OK;
}

}  // namespace notch::client
