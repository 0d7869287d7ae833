#include "client/preload/tls/tls_figures.h"

#include <cstddef>
#include <string_view>

#include "client/preload/clock.h"
#include "client/preload/definitions.h"
#include "client/preload/label_sets.h"
#include "notch/counter.h"
#include "notch/histogram.h"

namespace notch::preload {
namespace {

// Those of OpenTelemetry's durations of requests, and two below: a handshake on a loopback.
constexpr double kBounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1,
                              0.25,  0.5,    0.75,  1,    2.5,   5,    7.5,   10};
constexpr std::size_t kCells = std::size(kBounds) + 2;
constexpr std::size_t kLabelSets = 8;  // of each side: three versions are many, and the errors

constexpr std::string_view kReasons[kTlsUnobservedReasons] = {"http2", "sessions", "untimed"};

Family server_handshakes;
Family client_handshakes;
LabelSets<32, 1> handshakes;
Counter unobserved[kTlsUnobservedReasons];

std::string_view version_text(int version) {
  switch (version) {
    case 0x0300:
      return "3";  // SSL 3, by tls_protocol_version's rule
    case 0x0301:
      return "1.0";
    case 0x0302:
      return "1.1";
    case 0x0303:
      return "1.2";
    case 0x0304:
      return "1.3";
    default:
      return "";
  }
}

std::string_view error_text(HandshakeError error) {
  switch (error) {
    case HandshakeError::kProtocol:
      return "protocol";
    case HandshakeError::kConnection:
      return "connection";
    case HandshakeError::kAbandoned:
      return "abandoned";
    default:
      return "";
  }
}

Family define_side(std::string_view name, std::string_view help) {
  return define_histogram(name, help, "seconds", {"tls_protocol_version", "error_type"}, kBounds,
                          kLabelSets);
}

notch_series series_of(const Family& family, std::uint64_t key, std::string_view version,
                       HandshakeError error) {
  if (const notch_series* const known = handshakes.find(key)) return *known;
  const notch_series made[1] = {family.with_now({version, error_text(error)})};
  if (made[0].detail == nullptr) return family.overflow_now();
  handshakes.keep(key, made);
  return made[0];
}

}  // namespace

LabelRoom define_tls_figures() noexcept {
  server_handshakes = define_side("tls_server_handshake_duration_seconds",
                                  "Duration of TLS handshakes that the program answered.");
  client_handshakes = define_side("tls_client_handshake_duration_seconds",
                                  "Duration of TLS handshakes that the program began.");
  const Family rest = define_counter("libc_tls_unobserved_total",
                                     "What of TLS was not followed or not timed.", "", {"reason"});
  for (int i = 0; i < kTlsUnobservedReasons; ++i) unobserved[i] = Counter(rest.with({kReasons[i]}));
  return {2 * kLabelSets * kCells, 2 * kLabelSets};
}

void count_handshake(HttpRole role, int version, HandshakeError error,
                     std::uint64_t since_ns) noexcept {
  const std::uint64_t now = now_ns();
  if (since_ns == 0 || now < since_ns) return count_tls_unobserved(TlsUnobserved::kUntimed);
  const bool is_server = role == HttpRole::kServer;
  // A version is of what was agreed.
  const std::string_view text = error == HandshakeError::kNone ? version_text(version) : "";
  const std::uint64_t key = std::uint64_t{1} << 63 | std::uint64_t{is_server} << 62 |
                            static_cast<std::uint64_t>(error) << 32 |
                            (text.empty() ? 0 : static_cast<std::uint64_t>(version));
  Histogram(series_of(is_server ? server_handshakes : client_handshakes, key, text, error))
      .observe(static_cast<double>(now - since_ns) * 1e-9);
}

void count_abandoned_handshake(HttpRole role, std::uint64_t since_ns) noexcept {
  count_handshake(role, 0, HandshakeError::kAbandoned, since_ns);
}

void count_tls_unobserved(TlsUnobserved reason) noexcept {
  unobserved[static_cast<std::size_t>(reason)].add();
}

}  // namespace notch::preload
