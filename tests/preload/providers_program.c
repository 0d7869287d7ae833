/* Opens plugins that each have an OpenSSL of their own, and answers a request on each: taking
   turns, closing one and opening the other where it was, again and again. Exit status 0 if each
   reached its own. Called by: tls_test.py, as providers_program ROUNDS FLAG PLUGIN...; FLAG: local,
   deep. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plugin {
  void* library;
  void* (*context)(void);
  void (*close_context)(void*);
  void* (*open)(void*);
  int (*read)(void*, void*, int);
  int (*write)(void*, const void*, int);
  long (*send_file)(void*, unsigned long);
  void (*close)(void*);
  void* ssl;
};

static void* symbol(void* library, const char* name) {
  void* found = dlsym(library, name);
  if (found == NULL) exit(2);
  return found;
}

static struct plugin open_plugin(const char* path, int flags) {
  struct plugin plugin = {.library = dlopen(path, RTLD_LAZY | flags)};
  if (plugin.library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
  }
  *(void**)&plugin.context = symbol(plugin.library, "plugin_context");
  *(void**)&plugin.close_context = symbol(plugin.library, "plugin_close_context");
  *(void**)&plugin.open = symbol(plugin.library, "plugin_open");
  *(void**)&plugin.read = symbol(plugin.library, "plugin_read");
  *(void**)&plugin.write = symbol(plugin.library, "plugin_write");
  *(void**)&plugin.send_file = symbol(plugin.library, "plugin_send_file");
  *(void**)&plugin.close = symbol(plugin.library, "plugin_close");
  void* context = plugin.context();
  plugin.ssl = plugin.open(context);
  plugin.close_context(context);
  return plugin;
}

static void answer(struct plugin* plugin) {
  static const char kHead[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
  char request[100];
  if (plugin->read(plugin->ssl, request, sizeof request) <= 0) exit(3);
  if (plugin->write(plugin->ssl, kHead, sizeof kHead - 1) != sizeof kHead - 1) exit(3);
  if (plugin->send_file(plugin->ssl, 100) != 100) exit(3);
}

int main(int count, char** arguments) {
  const int flags = strcmp(arguments[2], "deep") == 0 ? RTLD_DEEPBIND : RTLD_LOCAL;
  for (int round = 0; round < atoi(arguments[1]); ++round) {
    struct plugin plugins[8];
    const int plugin_count = count - 3;
    for (int i = 0; i < plugin_count; ++i)
      plugins[i] = open_plugin(arguments[3 + (i + round) % plugin_count], flags);
    for (int i = 0; i < plugin_count; ++i) answer(&plugins[i]);
    for (int i = 0; i < plugin_count; ++i) {
      plugins[i].close(plugins[i].ssl);
      dlclose(plugins[i].library);
    }
  }
  /* One at a time: the second is where the first was. */
  for (int i = 3; i < count; ++i) {
    struct plugin plugin = open_plugin(arguments[i], flags);
    answer(&plugin);
    plugin.close(plugin.ssl);
    dlclose(plugin.library);
  }
  return 0;
}
