#include "shm/open_to_all.h"

#include <string.h>
#include <sys/stat.h>

#include <cstddef>

namespace notch::shm {

bool is_open_to_all(const char* directory) noexcept {
  constexpr unsigned kMake = S_IWOTH | S_IXOTH;
  char path[256];
  const std::size_t length = strlen(directory);
  struct stat status {};
  if (length >= sizeof path || stat(directory, &status) != 0 || (status.st_mode & kMake) != kMake)
    return false;
  strcpy(path, directory);
  for (std::size_t i = length; i-- > 1;) {
    if (path[i] != '/') continue;
    path[i] = '\0';
    if (stat(path, &status) != 0 || (status.st_mode & S_IXOTH) == 0) return false;
  }
  return true;
}

}  // namespace notch::shm
