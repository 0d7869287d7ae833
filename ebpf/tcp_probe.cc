#include "ebpf/tcp_probe.h"

#include <array>

#include "ebpf/counter_rows.h"
#include "ebpf/embedded_object.h"

NOTCH_EMBED_OBJECT(tcp);

namespace notch::ebpf {
namespace {

static_assert(sizeof(tcp_row) % 64 == 0);
static_assert(sizeof(socket_row) % 64 == 0);

constexpr std::array<const char*, NOTCH_TCP_DIRECTIONS> kDirections = {"outbound", "inbound",
                                                                       "unknown"};
constexpr std::array<const char*, NOTCH_SOCKET_FAMILIES> kFamilies = {"inet", "unix", "other"};

KernelFamily counter(const char* name, const char* help) {
  return {name, help, "", FamilyType::kCounter, {}};
}
KernelFamily histogram(const char* name, const char* help) {
  return {name, help, "seconds", FamilyType::kHistogram, {}};
}

void add_connections(const tcp_row& row, std::vector<KernelFamily>& families) {
  KernelFamily connect = histogram("ebpf_tcp_connect_duration_seconds",
                                   "Time from the SYN to the connection, of outbound ones.");
  KernelFamily lifetime = histogram("ebpf_tcp_connection_duration_seconds",
                                    "Time from a TCP connection's establishment to its close.");
  KernelFamily round_trip =
      histogram("ebpf_tcp_round_trip_seconds",
                "Smoothed round-trip time of TCP connections when they closed.");
  KernelFamily opened = counter("ebpf_tcp_connections_total", "TCP connections established.");
  connect.rows.push_back({{}, 0, time_histogram(row.connect)});
  for (std::size_t i = 0; i < 2; ++i) {
    const Labels labels{{"direction", kDirections[i]}};
    lifetime.rows.push_back({labels, 0, time_histogram(row.lifetime[i])});
    round_trip.rows.push_back({labels, 0, time_histogram(row.round_trip[i])});
    opened.rows.push_back({labels, static_cast<double>(row.opened[i]), {}});
  }
  for (KernelFamily* family : {&connect, &lifetime, &round_trip, &opened}) {
    families.push_back(std::move(*family));
  }
}

void add_troubles(const tcp_row& row, std::vector<KernelFamily>& families) {
  KernelFamily failures = counter("ebpf_tcp_connect_failures_total",
                                  "Outbound TCP connections that did not come about.");
  KernelFamily retransmits = counter("ebpf_tcp_retransmits_total", "TCP segments sent again.");
  KernelFamily synacks =
      counter("ebpf_tcp_synack_retransmits_total", "SYN-ACKs sent again, on inbound connections.");
  KernelFamily resets = counter("ebpf_tcp_resets_total", "TCP resets, by who sent them.");
  KernelFamily untracked = counter("ebpf_tcp_connections_untracked_total",
                                   "TCP connections without a lifetime, by why it is not known.");
  failures.rows.push_back({{}, static_cast<double>(row.connect_failures), {}});
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    retransmits.rows.push_back(
        {{{"direction", kDirections[i]}}, static_cast<double>(row.retransmits[i]), {}});
  }
  synacks.rows.push_back({{}, static_cast<double>(row.synack_retransmits), {}});
  resets.rows.push_back({{{"direction", "sent"}}, static_cast<double>(row.resets_sent), {}});
  resets.rows.push_back(
      {{{"direction", "received"}}, static_cast<double>(row.resets_received), {}});
  untracked.rows.push_back({{{"reason", "older"}}, static_cast<double>(row.closed_unknown), {}});
  untracked.rows.push_back({{{"reason", "no_memory"}}, static_cast<double>(row.untracked), {}});
  for (KernelFamily* family : {&failures, &retransmits, &synacks, &resets, &untracked}) {
    families.push_back(std::move(*family));
  }
}

void add_sockets(const ServiceTable& services, const ServiceRows<socket_row>& rows,
                 std::vector<KernelFamily>& families) {
  KernelFamily bytes =
      counter("ebpf_socket_io_bytes_total", "Bytes sent and received through sockets.");
  KernelFamily calls =
      counter("ebpf_socket_io_operations_total", "Successful sends and receives through sockets.");
  rows.for_each(services, [&](const std::string& service, const socket_row& row) {
    for (std::size_t family = 0; family < kFamilies.size(); ++family) {
      const auto add = [&](const char* direction, std::uint64_t moved, std::uint64_t done) {
        if (done == 0) return;
        const Labels labels{
            {"service", service}, {"direction", direction}, {"family", kFamilies[family]}};
        bytes.rows.push_back({labels, static_cast<double>(moved), {}});
        calls.rows.push_back({labels, static_cast<double>(done), {}});
      };
      add("transmit", row.sent_bytes[family], row.sent_calls[family]);
      add("receive", row.received_bytes[family], row.received_calls[family]);
    }
  });
  families.push_back(std::move(bytes));
  families.push_back(std::move(calls));
}

}  // namespace

Outcome TcpProbe::start(const ServiceTable& services) {
  const Outcome outcome = load(services, false);
  if (outcome.refusal != Refusal::kRefused) return outcome;
  const Outcome second = load(services, true);
  return second.ok() ? second : outcome;
}

Outcome TcpProbe::load(const ServiceTable& services, bool keeps_by_address) {
  const Outcome outcome = object_.open("tcp", tcp_object(), {"inet_sock_set_state"});
  if (!outcome.ok()) return outcome;
  object_.set_entries("connections", possible_processors());
  object_.set_entries("rows", possible_processors() * std::size_t{NOTCH_SERVICE_SLOTS});
  object_.share_map("service_slots", services.object());
  object_.leave_out_map(keeps_by_address ? "records" : "records_by_address");
  object_.set_constants(tcp_constants{keeps_by_address, 0});
  return object_.run();
}

void TcpProbe::add_families(const ServiceTable& services, std::vector<KernelFamily>& families) {
  const tcp_row row = sum_rows(object_.values<tcp_row>("connections"), 0, 1);
  add_connections(row, families);
  add_troubles(row, families);
  // Since Linux 6.3; without the hook there is no row.
  if (object_.has_program("sock_send_length")) {
    add_sockets(services, rows_, families);
  }
}

}  // namespace notch::ebpf
