/* A library that is opened with RTLD_DEEPBIND and writes: its calls go past the preloaded library.
 * Called by: company_test.py, through ctypes. */
#include <unistd.h>

__attribute__((visibility("default"))) long late_write(int fd, const void* buffer,
                                                       unsigned long size);

long late_write(int fd, const void* buffer, unsigned long size) {
  return write(fd, buffer, size);
}
