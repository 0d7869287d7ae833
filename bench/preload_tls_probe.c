/* Messages through OpenSSL over and over, from a client to a server in one thread, as an unmodified
 * program passes them: says, for each batch, the nanoseconds of CPU time of one. Nothing of Notch
 * is in it. Run by: preload_call_bench, with and without the preloaded library that looks into TLS.
 *
 * Usage: preload_tls_probe tls_message|tls_http BATCHES CALLS
 * tls_message: 16 bytes by SSL_write and SSL_read. tls_http: a request and its answer, two of each.
 */
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static SSL *server, *client;

static double cpu_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void certify(SSL_CTX* context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  if (SSL_CTX_use_certificate(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey(context, key) != 1)
    exit(1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

static void connect_both(void) {
  SSL_CTX *server_context = SSL_CTX_new(TLS_server_method()),
          *client_context = SSL_CTX_new(TLS_client_method());
  certify(server_context);
  BIO *to_server = NULL, *to_client = NULL;
  BIO_new_bio_pair(&to_server, 1 << 16, &to_client, 1 << 16);
  server = SSL_new(server_context);
  client = SSL_new(client_context);
  SSL_set_bio(server, to_client, to_client);
  SSL_set_bio(client, to_server, to_server);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
  for (int i = 0; i < 10; ++i) {
    SSL_do_handshake(client);
    SSL_do_handshake(server);
  }
  char byte;
  if (!SSL_is_init_finished(client) || SSL_read(client, &byte, 1) > 0) exit(1); /* the tickets */
}

static void pass(SSL* from, SSL* to, const char* bytes, int size) {
  char buffer[200];
  if (SSL_write(from, bytes, size) != size || SSL_read(to, buffer, sizeof buffer) != size) exit(1);
}

static void pass_message(long calls) {
  for (long i = 0; i < calls; ++i) pass(client, server, "\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10", 16);
}

static void pass_http(long calls) {
  static const char kRequest[] = "GET /items/17 HTTP/1.1\r\nHost: here\r\n\r\n";
  static const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
  for (long i = 0; i < calls; ++i) {
    pass(client, server, kRequest, sizeof kRequest - 1);
    pass(server, client, kAnswer, sizeof kAnswer - 1);
  }
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  void (*const run)(long) = strcmp(argv[1], "tls_http") == 0 ? pass_http : pass_message;
  const long calls = atol(argv[3]);
  connect_both();
  run(calls);
  for (long batch = atol(argv[2]); batch > 0; --batch) {
    const double start = cpu_ns();
    run(calls);
    printf("%.4f\n", (cpu_ns() - start) / (double)calls);
  }
  return 0;
}
