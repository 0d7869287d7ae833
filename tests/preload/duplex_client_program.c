/* A client of which one thread writes and another reads, as Java's: the answer may be read before the
 * thread that wrote the request has returned from its call.
 * Called by: http_peers_test.py, as duplex_client_program PORT REQUESTS. Exits 0 once all are answered. */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char request[] = "GET /small HTTP/1.1\r\nHost: here\r\n\r\n";
static const char start[] = "HTTP/1.1 200";
static int fd, requests, answered;
static sem_t may_ask;

static void* read_answers(void* unused) {
  static char buffer[65536];
  size_t matched = 0;
  while (answered < requests) {
    const ssize_t size = read(fd, buffer, sizeof buffer);
    if (size <= 0) break;
    for (ssize_t i = 0; i < size; ++i) {
      matched = buffer[i] == start[matched] ? matched + 1 : buffer[i] == start[0];
      if (matched != sizeof start - 1) continue;
      matched = 0;
      ++answered;
      sem_post(&may_ask);
    }
  }
  return unused;
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  requests = atoi(arguments[2]);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)atoi(arguments[1])),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
  pthread_t reader;
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0 ||
      sem_init(&may_ask, 0, 1) != 0 || pthread_create(&reader, NULL, read_answers, NULL) != 0)
    return 2;
  for (int i = 0; i < requests; ++i) {
    sem_wait(&may_ask);
    if (write(fd, request, strlen(request)) < 0) return 1;
  }
  pthread_join(reader, NULL);
  return close(fd) == 0 && answered == requests ? 0 : 1;
}
