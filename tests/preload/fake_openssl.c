/* A library that calls itself OpenSSL, in two builds: each knows its own objects, and aborts at
   another's. Called by: openssl_plugin.c, and through it by providers_program.c. */
#include <stdlib.h>
#include <string.h>

struct object {
  int owner;
  const void* method;
  int answered;
  char rest[100];
};

static const int kMethod = OWNER;
static struct object context_of_ours = {.owner = OWNER};

static const void* method(void) {
  return METHOD ? &kMethod : NULL;
}

void* SSL_CTX_new(void) {
  struct object* made = calloc(1, sizeof *made);
  *made = context_of_ours;
  made->method = method();
  return made;
}

static struct object* ours(void* ssl) {
  struct object* object = ssl;
  if (object->owner != OWNER) abort();
  return object;
}

void SSL_CTX_free(void* context) {
  free(ours(context));
}

void* SSL_new(void* context) {
  struct object* made = calloc(1, sizeof *made);
  made->owner = ours(context)->owner;
  made->method = method();
  return made;
}

void SSL_free(void* ssl) {
  free(ours(ssl));
}

int SSL_is_server(void* ssl) {
  return ours(ssl) != NULL;
}

int SSL_is_init_finished(void* ssl) {
  return ours(ssl) != NULL;
}

int SSL_read(void* ssl, void* buffer, int size) {
  static const char kRequest[] = "GET /owner-" OWNER_TEXT " HTTP/1.1\r\n\r\n";
  if (ours(ssl)->answered++ || size < (int)sizeof kRequest) return 0;
  memcpy(buffer, kRequest, sizeof kRequest - 1);
  return sizeof kRequest - 1;
}

int SSL_write(void* ssl, const void* bytes, int size) {
  (void)bytes;
  return ours(ssl) != NULL ? size : 0;
}

long SSL_sendfile(void* ssl, int fd, long offset, unsigned long size, int flags) {
  (void)fd, (void)offset, (void)flags;
  return ours(ssl) != NULL ? (long)size : -1;
}
