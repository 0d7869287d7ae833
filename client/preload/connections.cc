#include "client/preload/connections.h"

#include <algorithm>

#include "client/preload/clock.h"
#include "client/preload/http_figures.h"
#include "client/preload/modules.h"
#include "client/preload/net_figures.h"
#include "shm/memory_order.h"

namespace notch::preload {

std::uint8_t watches[kMostDescriptors];
__thread std::uint8_t last_endpoint;

namespace {

Connection* record_pages[pages_of(kMostDescriptors)];
Records records;                        // the constructor's
std::uint8_t owners[kMostDescriptors];  // the generation that counts it as open, 0 if none does

template <class Action>
void visit_connection(int fd, Action action) noexcept {
  visit_record(records, static_cast<unsigned>(fd), action);
}

void end_connecting(Visit& visit) noexcept {
  Connection& connection = visit.connection;
  if (connection.connecting_since_us == 0) return;
  const auto now_us = static_cast<std::uint32_t>(visit.now / 1000);
  if (visit.now != 0) observe_connecting((now_us - connection.connecting_since_us) * 1e-6);
  connection.connecting_since_us = 0;
}

void count_open(unsigned index) noexcept {
  const std::uint8_t generation = process_generation();
  if (index >= kMostDescriptors || generation == 0) return;
  if (shm::read_alone(owners[index]) == generation) return;
  shm::write_alone(owners[index], generation);
  open_connections.add();
}

void count_closed(unsigned index) noexcept {
  if (index >= kMostDescriptors) return;
  const std::uint8_t owner = shm::read_alone(owners[index]);
  if (owner == 0) return;
  shm::write_alone(owners[index], std::uint8_t{0});
  if (owner == process_generation()) open_connections.subtract();
}

}  // namespace

void begin_connections() noexcept {
  records = {record_pages, watches, wanted_records(kMostDescriptors)};
  if (records.count != 0) map_record_pages();
  count_generations();
}

void begin_connection(int fd, const ConnectionStart& start) noexcept {
  const auto index = static_cast<unsigned>(fd);
  end_connection(fd);  // of whoever had the number, and was closed by a way we do not see
  if (is_active(kNet)) count_open(index);
  const bool follows = is_active(kHttp) && start.role != HttpRole::kUnknown;
  if (!follows && start.connecting_since_ns == 0) return;
  if (index >= records.count || shm::read_alone(watches[index]) != 0 ||
      !make_room(records, index)) {
    if (follows) count_unobserved(Unobserved::kDescriptor);
    return;
  }
  // Zero is "connected": a start of exactly that time is a microsecond later.
  const auto since_us = static_cast<std::uint32_t>(start.connecting_since_ns / 1000);
  Connection& connection = records.at(index);
  connection = {};
  connection.http.role = start.role;
  connection.http.verdict = follows ? HttpVerdict::kUndecided : HttpVerdict::kNotHttp;
  connection.endpoint = start.endpoint;
  connection.generation = process_generation();
  connection.connecting_since_us =
      start.connecting_since_ns == 0 ? 0 : std::max(since_us, std::uint32_t{1});
  release_record(records, index);
}

void make_room_for_connections() noexcept {
  constexpr unsigned kUsualDescriptors = 1024;
  for (unsigned i = 0; i < kUsualDescriptors && make_room(records, i);) i += kRecordsOfPage;
}

void end_connection(int fd) noexcept {
  count_closed(static_cast<unsigned>(fd));
  if (!is_watched(fd)) return;
  visit_connection(fd, end_record);
}

void end_connections(unsigned first, unsigned last) noexcept {
  for (unsigned i = first; i <= last && i < kMostDescriptors; ++i) {
    if ((shm::read_alone(watches[i]) | shm::read_alone(owners[i])) != 0)
      end_connection(static_cast<int>(i));
  }
}

void doubt_connection(int fd) noexcept {
  if (!is_watched(fd)) return;
  visit_connection(fd, [](Visit& visit) { visit.connection.doubted = 1; });
}

void end_stale_connection(int fd) noexcept {
  const auto index = static_cast<unsigned>(fd);
  if (index >= kMostDescriptors) return;
  if ((shm::read_alone(watches[index]) | shm::read_alone(owners[index])) != 0) end_connection(fd);
}

void end_writing(int fd) noexcept {
  if (!is_watched(fd)) return;
  visit_connection(
      fd, [](Visit& visit) { http_end_out(visit.connection.http, visit.watch, visit.now); });
}

namespace connection_slow {

void pass(int fd, Way way, ssize_t result, const iovec* parts, std::size_t count) noexcept {
  if (result < 0) return;
  visit_connection(fd, [&](Visit& visit) {
    auto left = static_cast<std::size_t>(result);
    if (left != 0) end_connecting(visit);
    last_endpoint = visit.connection.endpoint;
    std::size_t room = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t size = std::min(parts[i].iov_len, left);
      if (size != 0 && way == Way::kIn)
        http_in(visit.connection.http, visit.watch, parts[i].iov_base, size, visit.now);
      if (size != 0 && way == Way::kOut)
        http_out(visit.connection.http, visit.watch, parts[i].iov_base, size, visit.now);
      left -= size;
      room |= parts[i].iov_len;
    }
    const bool at_end = result == 0 && room != 0 && way == Way::kIn;
    if (at_end) http_end_in(visit.connection.http, visit.watch, visit.now);
  });
}

void pass_unseen(int fd, Way way, ssize_t result) noexcept {
  if (result <= 0) return;
  visit_connection(fd, [&](Visit& visit) {
    end_connecting(visit);
    const auto bytes = static_cast<std::uint64_t>(result);
    if (way == Way::kIn) http_body_in(visit.connection.http, visit.watch, bytes, visit.now);
    if (way == Way::kOut) http_body_out(visit.connection.http, visit.watch, bytes, visit.now);
  });
}

}  // namespace connection_slow
}  // namespace notch::preload
