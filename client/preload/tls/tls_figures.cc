#include "client/preload/tls/tls_figures.h"

#include <cstddef>
#include <string_view>

#include "client/preload/clock.h"
#include "client/preload/definitions.h"
#include "client/preload/handover.h"
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

constexpr std::string_view kReasons[kTlsUnobservedReasons] = {"http2", "sessions", "untimed",
                                                              "no_series"};

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

// A handshake that is handed over.
struct Ended {
  double seconds;
  int version;  // 0: nothing was agreed
  HandshakeError error;
  bool is_server;
};

// As the words tell them apart.
std::uint64_t key_of(const Ended& ended) {
  const bool is_named = !version_text(ended.version).empty();
  return std::uint64_t{1} << 63 | std::uint64_t{ended.is_server} << 62 |
         static_cast<std::uint64_t>(ended.error) << 32 |
         (is_named ? static_cast<std::uint64_t>(ended.version) : 0);
}

void count_ended(const void* what) noexcept {
  const Ended& ended = *static_cast<const Ended*>(what);
  const std::uint64_t key = key_of(ended);
  const notch_series* const known = handshakes.find(key);
  notch_series found = known != nullptr ? *known : notch_series{};
  if (known == nullptr) {
    const Family& family = ended.is_server ? server_handshakes : client_handshakes;
    const notch_series made[1] = {
        family.with_now({version_text(ended.version), error_text(ended.error)})};
    if (made[0].detail != nullptr) handshakes.keep(key, made);
    found = made[0].detail != nullptr ? made[0] : family.overflow_now();
  }
  if (found.detail == nullptr) return count_tls_unobserved(TlsUnobserved::kNoSeries);
  Histogram(found).observe(ended.seconds);
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
  const Ended ended{.seconds = static_cast<double>(now - since_ns) * 1e-9,
                    .version = error == HandshakeError::kNone ? version : 0,
                    .error = error,
                    .is_server = role == HttpRole::kServer};
  const notch_series* const known = handshakes.find(key_of(ended));
  if (known == nullptr) return count_in_turn(count_ended, ended);
  Histogram(*known).observe(ended.seconds);
}

void count_abandoned_handshake(HttpRole role, std::uint64_t since_ns) noexcept {
  count_handshake(role, 0, HandshakeError::kAbandoned, since_ns);
}

void count_tls_unobserved(TlsUnobserved reason) noexcept {
  unobserved[static_cast<std::size_t>(reason)].add();
}

}  // namespace notch::preload
