/* A client and a server in one thread over memory BIOs, and all that a program can see of OpenSSL
   after each call: the result, SSL_get_error, errno, the error queue, the state. The output is the
   same with and without the library. Called by: tls_test.py, as tls_program WHAT; WHAT: trace,
   fork, sandbox, strict, cancel, many. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static SSL_CTX *server_context, *client_context;
static SSL *server, *client;

static void show(const char* what, const SSL* ssl, long result) {
  const int saved_errno = errno;
  printf("%s: %ld, errno %d, state %d, shutdown %d", what, result, saved_errno,
         SSL_is_init_finished(ssl), SSL_get_shutdown(ssl));
  if (result <= 0) printf(", error %d", SSL_get_error(ssl, (int)result));
  for (unsigned long code; (code = ERR_get_error()) != 0;)
    printf(", queue %s", ERR_reason_error_string(code));
  printf("\n");
  errno = saved_errno;
}

/* With an entry in the queue and an errno from before. */
#define CALL(ssl, call)                               \
  do {                                                \
    ERR_clear_error();                                \
    ERR_put_error(ERR_LIB_USER, 0, 100, __FILE__, 1); \
    errno = 77;                                       \
    const long result_of_call = (long)(call);         \
    show(#call, ssl, result_of_call);                 \
  } while (0)

static void open_pair(void) {
  BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(to_server, -1);
  BIO_set_mem_eof_return(to_client, -1);
  BIO_up_ref(to_server);
  BIO_up_ref(to_client);
  server = SSL_new(server_context);
  client = SSL_new(client_context);
  SSL_set_bio(server, to_server, to_client);
  SSL_set_bio(client, to_client, to_server);
  SSL_set_accept_state(server);
  SSL_set_connect_state(client);
}

static void close_pair(void) {
  SSL_free(client);
  SSL_free(server);
}

static void shake_hands(void) {
  for (int i = 0; i < 10 && !(SSL_is_init_finished(client) && SSL_is_init_finished(server)); ++i) {
    SSL_do_handshake(client);
    SSL_do_handshake(server);
  }
  ERR_clear_error();
}

static const char kRequest[] = "GET /traced HTTP/1.1\r\n\r\n";
static const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void exchange(void) {
  char buffer[500];
  if (SSL_write(client, kRequest, sizeof kRequest - 1) != sizeof kRequest - 1) exit(3);
  if (SSL_read(server, buffer, sizeof buffer) != sizeof kRequest - 1) exit(4);
  if (SSL_write(server, kAnswer, sizeof kAnswer - 1) != sizeof kAnswer - 1) exit(5);
  if (SSL_read(client, buffer, sizeof buffer) != sizeof kAnswer - 1) exit(6);
}

static void trace_a_connection(void) {
  char buffer[500];
  size_t moved = 0;
  open_pair();
  CALL(server, SSL_read(server, buffer, sizeof buffer)); /* WANT_READ, in the handshake */
  CALL(client, SSL_write(client, kRequest, sizeof kRequest - 1));
  CALL(client, SSL_write(client, kRequest, sizeof kRequest - 1)); /* again */
  CALL(server, SSL_accept(server));
  CALL(client, SSL_connect(client));
  CALL(server, SSL_do_handshake(server));
  CALL(client, SSL_do_handshake(client)); /* it is over */
  CALL(client, SSL_write_ex(client, kRequest, 10, &moved));
  CALL(server, SSL_peek(server, buffer, sizeof buffer));
  CALL(server, SSL_read(server, buffer, 4));
  CALL(server, SSL_read_ex(server, buffer, sizeof buffer, &moved));
  CALL(server, SSL_read_ex(server, buffer, sizeof buffer, &moved)); /* nothing there */
  CALL(client, SSL_write(client, kRequest + 10, sizeof kRequest - 11));
  CALL(server, SSL_read(server, buffer, sizeof buffer));
  CALL(server, SSL_write(server, kAnswer, sizeof kAnswer - 1));
  CALL(client, SSL_read(client, buffer, sizeof buffer));
  CALL(client, SSL_read(client, buffer, 0));
  if (SSL_version(client) == TLS1_2_VERSION) {
    CALL(client, SSL_renegotiate(client));
    CALL(client, SSL_do_handshake(client));
    CALL(server, SSL_read(server, buffer, sizeof buffer));
    CALL(client, SSL_read(client, buffer, sizeof buffer));
    CALL(server, SSL_read(server, buffer, sizeof buffer));
    CALL(client, SSL_read(client, buffer, sizeof buffer));
  }
  CALL(server, SSL_up_ref(server));
  SSL_free(server);
  CALL(client, SSL_write(client, kRequest, sizeof kRequest - 1));
  CALL(server, SSL_read(server, buffer, sizeof buffer));
  CALL(server, SSL_shutdown(server)); /* without an answer */
  CALL(client, SSL_read(client, buffer, sizeof buffer));
  CALL(client, SSL_shutdown(client));
  CALL(server, SSL_shutdown(server));
  CALL(server, SSL_clear(server));
  CALL(server, SSL_read(server, buffer, sizeof buffer));
  close_pair();
  SSL_free(NULL);
}

/* Garbage where a handshake should be. */
static void trace_a_failure(void) {
  open_pair();
  BIO_write(SSL_get_rbio(server), "GET / HTTP/1.1\r\n\r\n", 18);
  CALL(server, SSL_do_handshake(server));
  CALL(server, SSL_do_handshake(server));
  close_pair();
}

/* A session is resumed, and its first request comes before the handshake is over. */
static void trace_early_data(void) {
  char buffer[500];
  size_t moved = 0;
  open_pair();
  shake_hands();
  exchange();
  SSL_SESSION* session =
      SSL_SESSION_dup(SSL_get0_session(client)); /* that of a connection cut off is no good */
  close_pair();
  open_pair();
  SSL_set_session(client, session);
  CALL(client, SSL_write_early_data(client, kRequest, sizeof kRequest - 1, &moved));
  CALL(server, SSL_read_early_data(server, buffer, sizeof buffer, &moved));
  printf("early data accepted: %d, moved %zu\n", SSL_get_early_data_status(server), moved);
  CALL(client, SSL_do_handshake(client));
  CALL(server, SSL_read_early_data(server, buffer, sizeof buffer, &moved));
  CALL(server, SSL_do_handshake(server));
  CALL(server, SSL_write(server, kAnswer, sizeof kAnswer - 1));
  CALL(client, SSL_read(client, buffer, sizeof buffer));
  SSL_SESSION_free(session);
  close_pair();
}

/* A child goes on with its parent's idle connection, the parent with another. */
static void fork_with_a_connection(void) {
  open_pair();
  shake_hands();
  exchange();
  const pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 3; ++i) exchange();
    close_pair();
    exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) exit(7);
  close_pair();
}

/* Nothing is allowed but what OpenSSL's memory takes, and to end. */
static void exchange_in_a_sandbox(void) {
  static const int kAllowed[] = {SYS_write, SYS_exit_group, SYS_brk,
                                 SYS_mmap,  SYS_munmap,     SYS_futex};
  struct sock_filter code[20] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  unsigned size = 1;
  for (size_t i = 0; i < sizeof kAllowed / sizeof *kAllowed; ++i) {
    code[size++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kAllowed[i], 0, 1);
    code[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  code[size++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  struct sock_fprog program = {(unsigned short)size, code};
  open_pair();
  shake_hands();
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    exit(77);
  for (int i = 0; i < 25; ++i) exchange();
  close_pair();
}

/* SECCOMP_MODE_STRICT: OpenSSL goes on in the memory it has had before, and no clock may be read. */
static void exchange_in_strict_mode(void) {
  open_pair();
  shake_hands();
  for (int i = 0; i < 25; ++i) exchange();
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) exit(77);
  for (int i = 0; i < 25; ++i) exchange();
  syscall(SYS_exit, 0);
}

static void* accept_for_ever(void* ssl) {
  SSL_accept(ssl);
  return NULL;
}

static void* read_for_ever(void* ssl) {
  char byte;
  SSL_read(ssl, &byte, 1);
  return NULL;
}

/* The thread ends where OpenSSL reads the socket, with our caller's frames and ours on its stack. */
static void cancel(void* (*blocked)(void*), SSL* ssl, int fd) {
  pthread_t thread;
  void* result = NULL;
  SSL_set0_rbio(ssl, BIO_new_socket(fd, BIO_NOCLOSE));
  if (pthread_create(&thread, NULL, blocked, ssl) != 0 || pthread_cancel(thread) != 0 ||
      pthread_join(thread, &result) != 0 || result != PTHREAD_CANCELED)
    exit(9);
}

static void cancel_within_calls(void) {
  int quiet[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) != 0) exit(10);
  open_pair();
  cancel(accept_for_ever, server, quiet[0]);
  close_pair();
  open_pair();
  shake_hands();
  exchange();
  cancel(read_for_ever, server, quiet[0]);
  close_pair();
  open_pair();
  shake_hands();
  exchange();
  close_pair();
}

/* Addresses are used again. */
static void many_connections(int count) {
  for (int i = 0; i < count; ++i) {
    open_pair();
    shake_hands();
    exchange();
    if (i % 2) {
      char buffer[100];
      if (SSL_write(client, kRequest, sizeof kRequest - 1) <= 0 ||
          SSL_read(server, buffer, sizeof buffer) <= 0)
        exit(8);
    }
    close_pair(); /* of the odd ones with a request under way */
  }
}

int main(int count, char** arguments) {
  const char* const what = count > 1 ? arguments[1] : "trace";
  server_context = SSL_CTX_new(TLS_server_method());
  client_context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_use_certificate_file(server_context, "certificate.pem", SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(server_context, "key.pem", SSL_FILETYPE_PEM) != 1)
    return 2;
  SSL_CTX_set_max_early_data(server_context, 1000);
  SSL_CTX_set_options(server_context, SSL_OP_NO_ANTI_REPLAY | SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  if (strcmp(what, "fork") == 0) fork_with_a_connection();
  if (strcmp(what, "sandbox") == 0) exchange_in_a_sandbox();
  if (strcmp(what, "strict") == 0) exchange_in_strict_mode();
  if (strcmp(what, "cancel") == 0) cancel_within_calls();
  if (strcmp(what, "many") == 0) many_connections(500);
  if (strcmp(what, "trace") != 0) return 0;
  trace_a_connection();
  trace_a_failure();
  trace_early_data();
  SSL_CTX_set_max_proto_version(client_context, TLS1_2_VERSION);
  trace_a_connection();
  return 0;
}
