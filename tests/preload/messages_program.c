/* Sends and receives several messages in one call, and by the functions with checked buffers.
 * Called by: net_test.py. Exits 0 if all arrived. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the compiler makes of recv() and recvfrom() when it knows the buffer. */
extern ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
extern ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags,
                              struct sockaddr* from, socklen_t* from_size);

int main(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) != 0) return 2;
  char out[3][10], in[3][20];
  struct iovec from[3], to[3];
  struct mmsghdr messages[3];
  memset(out, 'x', sizeof out);
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < 3; ++i) {
    from[i] = (struct iovec){out[i], sizeof out[i]};
    to[i] = (struct iovec){in[i], sizeof in[i]};
    messages[i].msg_hdr.msg_iov = &from[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  if (sendmmsg(pair[0], messages, 3, 0) != 3) return 1;
  for (int i = 0; i < 3; ++i) messages[i].msg_hdr.msg_iov = &to[i];
  if (recvmmsg(pair[1], messages, 3, 0, NULL) != 3) return 1;
  for (int i = 0; i < 3; ++i) {
    if (messages[i].msg_len != 10 || memcmp(in[i], out[i], 10) != 0) return 1;
    if (sendto(pair[0], out[i], 10, 0, NULL, 0) != 10) return 1;
  }
  if (__recv_chk(pair[1], in[0], 20, sizeof in[0], 0) != 10) return 1;
  if (__recvfrom_chk(pair[1], in[1], 20, sizeof in[1], 0, NULL, NULL) != 10) return 1;
  if (recv(pair[1], in[2], 20, 0) != 10) return 1;
  return memcmp(in[1], out[1], 10) == 0 ? 0 : 1;
}
