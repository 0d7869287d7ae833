#include "client/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/lineage.h"
#include "shm/default_directory.h"
#include "shm/utf8.h"

namespace notch::client {
namespace {

const char* value_of(const char* name) noexcept {
  const char* const value = getenv(name);
  return value != nullptr && value[0] != '\0' ? value : nullptr;
}

bool is_on(const char* name) noexcept {
  const char* const value = value_of(name);
  return value != nullptr && strcmp(value, "0") != 0;
}

}  // namespace

void choose_directory(Settings& settings) noexcept {
  if (!settings.usual_directory) return;
  strcpy(settings.directory, shm::default_directory(shm::DefaultUse::kJoin));
}

void read_settings(Settings& settings) noexcept {
  settings = Settings{};
  settings.debug = is_on("NOTCH_DEBUG");
  const char* const directory = value_of("NOTCH_DIR");
  settings.usual_directory = directory == nullptr;
  choose_directory(settings);
  settings.disabled = is_on("NOTCH_DISABLED");
  if (directory != nullptr && strlen(directory) < sizeof settings.directory) {
    strcpy(settings.directory, directory);
  } else if (directory != nullptr) {
    settings.system_errno = settings.disabled ? 0 : ENAMETOOLONG;
    settings.disabled = true;
  }
  const char* service = value_of("NOTCH_SERVICE");
  if (service == nullptr) service = value_of("OTEL_SERVICE_NAME");
  if (service == nullptr) service = program_invocation_short_name;
  // Cut at a character's edge; what is not UTF-8 becomes U+FFFD.
  const std::size_t length = shm::make_valid_utf8({service, strlen(service)}, settings.service,
                                                  sizeof settings.service - 1);
  settings.service[length] = '\0';
  find_lineage_key(secure_getenv(kLineageVariable), settings.lineage_key);
}

}  // namespace notch::client
