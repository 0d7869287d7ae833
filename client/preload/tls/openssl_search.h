// The search for an object's OpenSSL among the libraries of the process; openssl.h says by what
// rules. Called by: openssl.cc.
#pragma once

#include "client/preload/tls/openssl.h"

namespace notch::preload {

struct FoundOpenSsl {
  OpenSsl functions;
  std::size_t count;  // how many there are in the process
};

FoundOpenSsl search_openssl(const void* object, const void* caller) noexcept;

// The object that holds an address. Takes no lock.
LoadedObject loaded_object(std::uintptr_t address) noexcept;

// Another number after each time that the loader has added or taken away an object; never 0.
std::uint64_t loader_state() noexcept;

}  // namespace notch::preload
