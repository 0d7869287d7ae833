#include "client/examples/otlp/host_lookup.h"

#include <netdb.h>

#include <cstring>
#include <thread>
#include <utility>

namespace otlp_demo {
namespace {

constexpr std::size_t kMaxAddresses = 8;

Addresses resolve(const std::string& host, const std::string& port, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* first = nullptr;
  Addresses found;
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &first) != 0) return found;
  for (const addrinfo* one = first; one != nullptr && found.size() < kMaxAddresses;
       one = one->ai_next) {
    if (one->ai_addrlen > sizeof(sockaddr_storage)) continue;
    SocketAddress address;
    std::memcpy(&address.bytes, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    found.push_back(address);
  }
  ::freeaddrinfo(first);
  return found;
}

}  // namespace

bool HostLookup::find(Addresses& found, Clock::time_point deadline) {
  found = resolve(host_, port_, AI_NUMERICHOST);
  if (!found.empty()) return true;
  if (!under_way_.valid()) {
    std::packaged_task<Addresses()> lookup(
        [host = host_, port = port_] { return resolve(host, port, 0); });
    under_way_ = lookup.get_future();
    std::thread(std::move(lookup)).detach();  // it ends when the resolver does, or with the process
  }
  if (under_way_.wait_until(deadline) != std::future_status::ready) return false;
  found = under_way_.get();
  return true;
}

}  // namespace otlp_demo
