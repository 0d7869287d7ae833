// The dns module: how long libc took to look names up, and what came of it.
// Called by: the program, in libc's place.
//
// A call that can ask nobody is no lookup: of no name, of a numeric address, or for the number.
// Nor is one that only says that its buffer is too small.
#include <errno.h>
#include <netdb.h>

#include <string_view>

#include "client/preload/clock.h"
#include "client/preload/dns_figures.h"
#include "client/preload/wrapper.h"

namespace notch::preload {
namespace {

void count_lookup(const Moment& start, int code) noexcept {
  const double seconds = seconds_since(start);
  if (seconds >= 0) lookup_durations[lookup_error(code)].observe(seconds);
}

// As getaddrinfo() says it.
int code_of(int host_error) noexcept {
  switch (host_error) {
    case HOST_NOT_FOUND:
      return EAI_NONAME;
    case TRY_AGAIN:
      return EAI_AGAIN;
    case NO_RECOVERY:
      return EAI_FAIL;
    case NO_DATA:
      return EAI_NODATA;
    default:
      return EAI_SYSTEM;
  }
}

bool is_asked_for(const char* name) noexcept {
  if (name == nullptr || name[0] == '\0') return false;
  const std::string_view text = name;
  return text.find(':') == text.npos && text.find_first_not_of("0123456789.") != text.npos;
}

template <class Real>
int find_addresses(Real real, const char* name, const char* service, const addrinfo* hints,
                   addrinfo** found) {
  const bool asks =
      is_asked_for(name) && (hints == nullptr || (hints->ai_flags & AI_NUMERICHOST) == 0);
  const Moment start = asks ? now() : Moment{};
  const int code = real(name, service, hints, found);
  if (asks) count_lookup(start, code);
  return code;
}

template <class Real, class Flags>
int find_name(Real real, const sockaddr* address, socklen_t size, char* host, socklen_t host_size,
              char* service, socklen_t service_size, Flags flags) {
  const bool asks = host != nullptr && host_size != 0 &&
                    (static_cast<unsigned>(flags) & unsigned{NI_NUMERICHOST}) == 0;
  const Moment start = asks ? now() : Moment{};
  const int code = real(address, size, host, host_size, service, service_size, flags);
  if (asks) count_lookup(start, code);
  return code;
}

template <class Real, class... Rest>
hostent* find_host(Real real, const char* name, Rest... rest) {
  const bool asks = is_asked_for(name);
  const Moment start = asks ? now() : Moment{};
  hostent* const found = real(name, rest...);
  if (asks) count_lookup(start, found != nullptr ? 0 : code_of(h_errno));
  return found;
}

template <class Real>
int find_host_into(Real real, const char* name, hostent* entry, char* buffer, size_t size,
                   hostent** found, int* host_error) {
  const bool asks = is_asked_for(name);
  const Moment start = asks ? now() : Moment{};
  const int code = real(name, entry, buffer, size, found, host_error);
  if (asks && code != ERANGE) count_lookup(start, *found != nullptr ? 0 : code_of(*host_error));
  return code;
}

template <class Real>
int find_host_of_family_into(Real real, const char* name, int family, hostent* entry, char* buffer,
                             size_t size, hostent** found, int* host_error) {
  const bool asks = is_asked_for(name);
  const Moment start = asks ? now() : Moment{};
  const int code = real(name, family, entry, buffer, size, found, host_error);
  if (asks && code != ERANGE) count_lookup(start, *found != nullptr ? 0 : code_of(*host_error));
  return code;
}

}  // namespace
}  // namespace notch::preload

#define NOTCH_WRAPPER NOTCH_DEFINE_WRAPPER
#include "client/preload/dns_wrappers.def"
