// Which OpenSSL a call is meant for. A process can have several: two versions, or a plugin's own.
// Our wrapper stands before all of them, and a wrong one would be the program's death.
//
// The object says it: in the first words of an SSL_CTX and of an SSL, in every version, is the
// address of its method, a constant of the library that made it. So no caller is asked, who may not
// be on the stack any more: a function that ends in the call has left it to its own caller. Only
// where there are several OpenSSLs and an object says nothing does the caller count, by what the
// loader has bound its other references to OpenSSL to; then the order of loading. Whose an object
// is that SSL_new made before our eyes is kept (tls_sessions).
// Called by: the wrappers of tls.cc.
//
// Invariants
//   OL1  An OpenSsl is whole once it is counted, and never changes. [tag: openssl]
//   OL2  What was found is believed of an object that points into that OpenSSL, while the loader's
//        own index has it where it was; else nothing is that was found before the loader last added
//        or took away an object. [tag: openssl-known]
//   OL3  Nobody waits. Only at the first call for an OpenSSL, for an object that says nothing, and
//        before glibc 2.35, which has no such index, the loader's list of objects is waited for
//        (dl_iterate_phdr): at SSL_new and at a call with an object that is not followed. Allocates
//        nothing; errno is left.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace notch::preload {

// An object's entry in the loader's index; all null where there is no such index.
struct LoadedObject {
  const void* link_map;
  const void* unwind_table;
  const void* begin;

  bool operator==(const LoadedObject&) const = default;
};

// An OpenSSL in this process: its functions, null for those it does not have.
struct OpenSsl {
#define NOTCH_TLS(result, name, parameters, ...) result(*name) parameters;
#define NOTCH_TLS_NEW(result, name, parameters, ...) result(*name) parameters;
#define NOTCH_TLS_QUERY(result, name, parameters) result(*name) parameters;
#include "client/preload/tls/tls_wrappers.def"
  std::uintptr_t begin;  // its object's addresses
  std::uintptr_t end;
  LoadedObject loaded;  // it, in the loader's index

  bool has(std::uintptr_t address) const noexcept {
    return address >= begin && address < end;
  }
};

inline constexpr std::size_t kMostOpenSsls = 16;
inline constexpr std::size_t kObjectWords = 8;  // among these is the address of an object's method
using OpenSslId = std::uint8_t;                 // 1 to kMostOpenSsls
inline constexpr OpenSslId kNoOpenSsl = 0;      // none, or none of those that are kept

// `object`: an SSL or an SSL_CTX. If the answer is kNoOpenSsl, `room` has the functions that were
// found, which may be none.
OpenSslId openssl_of_object(const void* object, const void* caller, OpenSsl& room) noexcept;

const OpenSsl& openssl_by_id(OpenSslId id, const OpenSsl& room) noexcept;

}  // namespace notch::preload
