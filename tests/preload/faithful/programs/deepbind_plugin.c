/* Opened with RTLD_DEEPBIND: what it calls is libc's own, what its opener calls is whoever stands
 * before libc. Memory and descriptors go from one to the other. Called by: deepbind_program.c. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) char* plugin_copy(char* text) {
  char* const copy = malloc(strlen(text) + 1);
  if (copy != NULL) strcpy(copy, text);
  free(text);
  return copy;
}

__attribute__((visibility("default"))) long plugin_write(int descriptor, const char* text) {
  const long written = write(descriptor, text, strlen(text));
  close(descriptor);
  return written;
}
