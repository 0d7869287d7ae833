/* A static program of no library but libc, which no preloaded library sees: sends BYTES to a port
 * of the loopback, once. Called by: truth_test.py, as a child of kernel_load: static_sender PORT
 * BYTES. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)atoi(argv[1]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  size_t bytes = (size_t)atol(argv[2]);
  char* buffer = calloc(1, bytes);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) return 3;
  return write(fd, buffer, bytes) == (ssize_t)bytes ? 0 : 4;
}
