// The settings from the environment: NOTCH_DIR, NOTCH_SERVICE, NOTCH_DISABLED, NOTCH_DEBUG, NOTCH_LINEAGE. Read once, when
// the first segment is made, and copied: a program may change its environment later.
// Called by: process.
#pragma once

#include <cstdint>

#include "shm/layout.h"

namespace notch::client {

struct Settings {
  char directory[192];
  bool usual_directory;  // none was given
  bool disabled;         // by NOTCH_DISABLED, or for the reason in system_errno
  char service[shm::kServiceBytes];
  bool debug;
  std::uint8_t lineage_key[shm::kLineageKeyBytes];
  int system_errno;  // ENAMETOOLONG: a directory was given that is too long to be one
};

// NOTCH_DIR, else the default directory. NOTCH_SERVICE, else OTEL_SERVICE_NAME, else the program's
// name. NOTCH_DISABLED and NOTCH_DEBUG are on if set to anything but "" and "0". NOTCH_LINEAGE is
// ignored in a program that gained privileges when it was executed: the user who executed it must not
// choose the service it belongs to.
void read_settings(Settings& settings) noexcept;

// Looks again for the directory where none was given: the agent may have made it since.
void choose_directory(Settings& settings) noexcept;

}  // namespace notch::client
