/* A library that uses an OpenSSL of its own. Where the compiler makes jumps of the calls that end
   its functions, the caller that a called function finds on the stack is whoever called these.
   Called by: providers_program.c. */
void* SSL_CTX_new(void);
void SSL_CTX_free(void*);
void* SSL_new(void*);
void SSL_free(void*);
int SSL_read(void*, void*, int);
int SSL_write(void*, const void*, int);
long SSL_sendfile(void*, int, long, unsigned long, int);

void* plugin_context(void) {
  return SSL_CTX_new();
}

void plugin_close_context(void* context) {
  SSL_CTX_free(context);
}

void* plugin_open(void* context) {
  return SSL_new(context);
}

int plugin_read(void* ssl, void* buffer, int size) {
  return SSL_read(ssl, buffer, size);
}

int plugin_write(void* ssl, const void* bytes, int size) {
  return SSL_write(ssl, bytes, size);
}

long plugin_send_file(void* ssl, unsigned long size) {
  return SSL_sendfile(ssl, 0, 0, size, 0);
}

void plugin_close(void* ssl) {
  SSL_free(ssl);
}
