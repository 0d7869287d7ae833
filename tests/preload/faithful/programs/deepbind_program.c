/* Opens a plugin with RTLD_DEEPBIND and trades memory and descriptors with it.
 * Called by: odd_starts_test.py, as deepbind_program PLUGIN. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count != 2) return 2;
  void* const plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (plugin == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 3;
  }
  char* (*copy)(char*) = NULL;
  long (*write_and_close)(int, const char*) = NULL;
  *(void**)&copy = dlsym(plugin, "plugin_copy");
  *(void**)&write_and_close = dlsym(plugin, "plugin_write");
  if (copy == NULL || write_and_close == NULL) return 4;

  size_t total = 0;
  for (int i = 0; i < 1000; ++i) {
    char* text = malloc((size_t)i + 2);
    memset(text, 'a', (size_t)i + 1);
    text[i + 1] = '\0';
    text = copy(text);
    text = realloc(text, strlen(text) + 100);
    total += strlen(text);
    free(text);
  }
  int ends[2];
  for (int i = 0; i < 100; ++i) {
    char buffer[16] = {0};
    if (pipe(ends) != 0 || write_and_close(ends[1], "plugin") != 6) return 5;
    if (read(ends[0], buffer, sizeof buffer) != 6 || close(ends[0]) != 0) return 6;
    total += strlen(buffer);
  }
  printf("%zu, next descriptor %d\n", total, dup(0));
  return dlclose(plugin) == 0 ? 0 : 7;
}
