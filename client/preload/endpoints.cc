#include "client/preload/endpoints.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

#include "shm/memory_order.h"

namespace notch::preload {
namespace {

constexpr std::size_t kTextBytes = sizeof(sockaddr_un::sun_path) + 8;
constexpr std::uint32_t kBeingFilled = 1;

// The address, then the port.
struct Text {
  char bytes[kTextBytes];
  std::uint8_t address_size = 0;
  std::uint8_t port_size = 0;

  void put(char byte) noexcept {
    if (address_size + port_size < kTextBytes) bytes[address_size + port_size++] = byte;
  }
  void put(unsigned number, unsigned base) noexcept {
    if (number >= base) put(number / base, base);
    put("0123456789abcdef"[number % base]);
  }
  void end_address() noexcept {
    address_size = port_size;
    port_size = 0;
  }
};

struct Entry {
  std::uint32_t whole;  // 0: free, 1: being filled, 2: whole [tag: endpoint]
  Text text;
};

constinit Entry entries[kMostEndpoints]{};

void put_ipv4(Text& text, const unsigned char* bytes) noexcept {
  for (int i = 0; i < 4; ++i) {
    if (i != 0) text.put('.');
    text.put(bytes[i], 10);
  }
}

// RFC 5952: the longest run of zero groups, if of two or more, is "::".
void put_ipv6(Text& text, const unsigned char* bytes) noexcept {
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(bytes, kMapped, sizeof kMapped) == 0) return put_ipv4(text, bytes + 12);
  const auto group = [&](int i) {
    return static_cast<unsigned>(bytes[2 * i] << 8 | bytes[2 * i + 1]);
  };
  int run_start = 8;
  int run_length = 1;
  for (int i = 0; i < 8; ++i) {
    int length = 0;
    while (i + length < 8 && group(i + length) == 0) ++length;
    if (length <= run_length) continue;
    run_start = i;
    run_length = length;
  }
  for (int i = 0; i < 8; ++i) {
    if (i == run_start) {
      text.put(':');
      text.put(':');
      i += run_length - 1;
      continue;
    }
    if (i != 0 && i != run_start + run_length) text.put(':');
    text.put(group(i), 16);
  }
}

void put_path(Text& text, const sockaddr_un& address, std::size_t size) noexcept {
  const bool is_abstract = size != 0 && address.sun_path[0] == '\0';
  if (is_abstract) text.put('@');
  for (std::size_t i = is_abstract ? 1 : 0; i < size && address.sun_path[i] != '\0'; ++i) {
    text.put(address.sun_path[i]);
  }
}

// False if it is no address that HTTP is spoken to.
bool write_text(Text& text, const sockaddr* address, socklen_t size) noexcept {
  std::uint16_t port = 0;
  if (size >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    sockaddr_in internet;
    std::memcpy(&internet, address, sizeof internet);
    put_ipv4(text, reinterpret_cast<const unsigned char*>(&internet.sin_addr));
    port = internet.sin_port;
  } else if (size >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    sockaddr_in6 internet;
    std::memcpy(&internet, address, sizeof internet);
    put_ipv6(text, internet.sin6_addr.s6_addr);
    port = internet.sin6_port;
  } else if (size > offsetof(sockaddr_un, sun_path) && address->sa_family == AF_UNIX) {
    sockaddr_un path{};
    std::memcpy(&path, address, size < sizeof path ? size : sizeof path);
    put_path(text, path,
             (size < sizeof path ? size : sizeof path) - offsetof(sockaddr_un, sun_path));
  } else {
    return false;
  }
  text.end_address();
  if (address->sa_family != AF_UNIX) text.put(ntohs(port), 10);
  return true;
}

bool is_same(const Text& one, const Text& other) noexcept {
  return one.address_size == other.address_size && one.port_size == other.port_size &&
         std::memcmp(one.bytes, other.bytes, std::size_t{one.address_size} + one.port_size) == 0;
}

EndpointId keep(const Text& text) noexcept {
  for (std::size_t i = 0; i < kMostEndpoints; ++i) {
    Entry& entry = entries[i];
    const std::uint32_t whole = shm::observe(entry.whole);  // [tag: endpoint]
    if (whole == 2 && is_same(entry.text, text)) return static_cast<EndpointId>(i + 1);
    if (whole != 0) continue;
    // [tag: endpoint] who takes a free entry fills it; nothing is read on the strength of this.
    if (!shm::exchange_if(entry.whole, std::uint32_t{0}, kBeingFilled)) continue;
    entry.text = text;
    // [tag: endpoint] Publishes the text; else another thread could compare with a text that is
    // written in part.
    shm::publish(entry.whole, std::uint32_t{2});
    return static_cast<EndpointId>(i + 1);
  }
  return kEndpointUnknown;
}

}  // namespace

EndpointId endpoint_of(const sockaddr* address, socklen_t size) noexcept {
  Text text;
  if (address == nullptr || size < sizeof address->sa_family || !write_text(text, address, size))
    return kEndpointUnknown;
  return keep(text);
}

EndpointId endpoint_of_name(const char* name) noexcept {
  Text text;
  for (; *name != '\0'; ++name) text.put(*name);
  text.end_address();
  return keep(text);
}

EndpointText endpoint_text(EndpointId endpoint) noexcept {
  if (endpoint == kEndpointUnknown || endpoint > kMostEndpoints) return {};
  const Text& text = entries[endpoint - 1].text;
  return {{text.bytes, text.address_size}, {text.bytes + text.address_size, text.port_size}};
}

}  // namespace notch::preload
