// Prints lines on standard error if NOTCH_DEBUG asks for them.
// Called by: process and birth on the way to a segment, registry, series_index, the preloaded
// library.
//
// Invariants
//   DL1  No heap, no lock, errno as it was; nothing at all in a sealed process.
#pragma once

namespace notch::client {

// As the environment says it. REQUIRES: the registry's lock is held.
void set_debugging(bool on) noexcept;

// NOTCH_DEBUG is set.
bool debugging() noexcept;

// Writes a line to standard error if NOTCH_DEBUG is set. Parts are joined. May block as write()
// may.
void debug_line(const char* a, const char* b = "", const char* c = "", const char* d = "") noexcept;

}  // namespace notch::client
