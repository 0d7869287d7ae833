#include "agent/expose/content_negotiation.h"

#include <array>
#include <optional>

#include "agent/expose/header_clauses.h"

namespace notch::agent {
namespace {

constexpr std::array<std::pair<std::string_view, Escaping>, 4> kEscapings{{
    {"allow-utf-8", Escaping::kAllowUtf8},
    {"underscores", Escaping::kUnderscores},
    {"dots", Escaping::kDots},
    {"values", Escaping::kValues},
}};

Escaping escaping_of(const HeaderClause& clause) {
  const std::string* wanted = clause.parameter("escaping");
  if (wanted == nullptr) return Escaping::kUnstated;
  for (const auto& [name, escaping] : kEscapings) {
    if (*wanted == name) return escaping;
  }
  return Escaping::kUnstated;
}

bool parameter_is(const HeaderClause& clause, std::string_view name, std::string_view value) {
  const std::string* found = clause.parameter(name);
  return found != nullptr && *found == value;
}

bool version_is_none_or(const HeaderClause& clause, std::string_view version) {
  const std::string* found = clause.parameter("version");
  return found == nullptr || *found == version;
}

// The format the clause names, if it is one of ours.
std::optional<Format> named_format(const HeaderClause& clause) {
  if (clause.name == "text/plain" && version_is_none_or(clause, "0.0.4")) return Format::kText;
  if (clause.name == "application/openmetrics-text" &&
      (version_is_none_or(clause, "1.0.0") || version_is_none_or(clause, "0.0.1"))) {
    return Format::kOpenMetrics;
  }
  if (clause.name == "application/vnd.google.protobuf" &&
      parameter_is(clause, "proto", "io.prometheus.client.MetricFamily") &&
      parameter_is(clause, "encoding", "delimited")) {
    return Format::kProtobuf;
  }
  return std::nullopt;
}

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<double> gzip;
  std::optional<double> identity;
  std::optional<double> other;
  for (const HeaderClause& clause : split_clauses(accept_encoding)) {
    if (clause.name == "gzip" || clause.name == "x-gzip") gzip = clause.q;
    if (clause.name == "identity") identity = clause.q;
    if (clause.name == "*") other = clause.q;
  }
  const double wanted = gzip.value_or(other.value_or(0));
  return wanted > 0 && wanted >= identity.value_or(0);
}

}  // namespace

Negotiated negotiate(std::string_view accept, std::string_view accept_encoding) {
  Negotiated result;
  result.gzip = accepts_gzip(accept_encoding);
  double best_q = 0;
  double wildcard_q = 0;
  bool names_text = false;
  for (const HeaderClause& clause : split_clauses(accept)) {
    if (clause.name == "*/*" || clause.name == "text/*") {
      if (clause.q > wildcard_q) wildcard_q = clause.q;
      continue;
    }
    const std::optional<Format> format = named_format(clause);
    if (!format) continue;
    names_text = names_text || *format == Format::kText;
    if (clause.q <= best_q) continue;
    best_q = clause.q;
    result.format = *format;
    result.escaping = escaping_of(clause);
  }
  if (!names_text && wildcard_q > best_q) {
    result.format = Format::kText;
    result.escaping = Escaping::kUnstated;
  }
  return result;
}

std::string content_type(Format format, Escaping escaping) {
  std::string type;
  switch (format) {
    case Format::kText:
      type = "text/plain; version=0.0.4; charset=utf-8";
      break;
    case Format::kOpenMetrics:
      type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
      break;
    case Format::kProtobuf:
      type =
          "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
          "encoding=delimited";
      break;
  }
  for (const auto& [name, known] : kEscapings) {
    if (known == escaping) type.append("; escaping=").append(name);
  }
  return type;
}

}  // namespace notch::agent
