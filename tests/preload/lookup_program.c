/* Looks four names up by every function that does: one of /etc/hosts, and what dns_test.py's server
 * knows, does not know, and fails to say. Prints what it got. Called by: dns_test.py. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

static const char* const names[] = {"listed", "there", "missing", "broken"};

static void show(const char* function, const char* name, const struct hostent* entry, int error) {
  char text[64] = "-";
  if (entry != NULL) inet_ntop(entry->h_addrtype, entry->h_addr_list[0], text, sizeof text);
  printf("%s %s %s %d\n", function, name, text, entry != NULL ? 0 : error);
}

int main(void) {
  for (int i = 0; i < 4; ++i) {
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo* found = NULL;
    const int code = getaddrinfo(names[i], "80", &hints, &found);
    printf("getaddrinfo %s %d\n", names[i], code);
    if (code == 0) freeaddrinfo(found);
    show("gethostbyname", names[i], gethostbyname(names[i]), h_errno);
    show("gethostbyname2", names[i], gethostbyname2(names[i], AF_INET), h_errno);
    struct hostent entry, *result = NULL;
    char buffer[4096];
    int error = 0;
    if (gethostbyname_r(names[i], &entry, buffer, 1, &result, &error) != ERANGE) return 1;
    gethostbyname_r(names[i], &entry, buffer, sizeof buffer, &result, &error);
    show("gethostbyname_r", names[i], result, error);
    gethostbyname2_r(names[i], AF_INET, &entry, buffer, sizeof buffer, &result, &error);
    show("gethostbyname2_r", names[i], result, error);
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  char host[256];
  int code = getnameinfo((struct sockaddr*)&address, sizeof address, host, sizeof host, NULL, 0, 0);
  printf("getnameinfo %s %d\n", host, code);
  address.sin_addr.s_addr = htonl(0x0a000001);
  code = getnameinfo((struct sockaddr*)&address, sizeof address, host, sizeof host, NULL, 0,
                     NI_NAMEREQD);
  printf("getnameinfo %d\n", code);
  return 0;
}
