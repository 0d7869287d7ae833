/* Allocates in every way there is, and says on standard output what it did, one line for each
 * function: calls granted, bytes asked for by them, calls refused. Ends with 1 and a line number if
 * the allocator or errno is not what it should be.
 * Called by: malloc_test.py, with the parts to do: all, sizes, moves, pages, hold; and with errno
 * first, if success must leave errno alone, as it does in glibc's allocator and not in every other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/preload/check.h"

enum { MALLOC, CALLOC, REALLOC, ALIGNED, WAYS };
static const char* const kWays[] = {"malloc", "calloc", "realloc", "aligned"};
static struct { atomic_ulong calls, bytes, refused; } asked[WAYS];
static atomic_ulong frees;
static int keeps_errno;

static void check_errno(void) {
  CHECK(!keeps_errno || errno == ERANGE);
}

static void* granted(int way, void* block, size_t bytes) {
  CHECK(block != NULL);
  check_errno();
  memset(block, 0x5a, bytes);
  asked[way].calls += 1;
  asked[way].bytes += bytes;
  return block;
}

static void refused(int way, const void* block) {
  CHECK(block == NULL && (!keeps_errno || errno == ENOMEM));
  errno = ERANGE;
  asked[way].refused += 1;
}

static void give_back(void* block) {
  free(block);
  check_errno();
  if (block != NULL) frees += 1;
}

static void sizes(void) {
  static const size_t kSizes[] = {0, 1, 16, 17, 32, 33, 4096, 32U << 20, (32U << 20) + 1};
  for (size_t i = 0; i < sizeof(kSizes) / sizeof(*kSizes); ++i)
    give_back(granted(MALLOC, malloc(kSizes[i]), kSizes[i]));
  give_back(NULL);
}

static void zeroes(void) {
  unsigned char* const block = calloc(100, 30);
  for (int i = 0; i < 3000; ++i) CHECK(block[i] == 0);
  give_back(granted(CALLOC, block, 3000));
  give_back(granted(CALLOC, calloc(0, 8), 0));
}

static void moves(void) {
  void* block = granted(REALLOC, realloc(NULL, 10), 10);
  for (size_t bytes = 20; bytes < 1000000; bytes *= 2)
    block = granted(REALLOC, realloc(block, bytes), bytes);
  block = granted(REALLOC, realloc(block, 5), 5);
  block = granted(REALLOC, reallocarray(block, 7, 11), 77); /* libc's calls realloc */
  give_back(block);
}

static void alignments(void) {
  for (size_t alignment = 16; alignment <= 65536; alignment *= 4) {
    void* block = NULL;
    CHECK(posix_memalign(&block, alignment, 100) == 0);
    CHECK((uintptr_t)block % alignment == 0);
    give_back(granted(ALIGNED, block, 100));
    block = aligned_alloc(alignment, alignment * 2);
    CHECK((uintptr_t)block % alignment == 0);
    give_back(granted(ALIGNED, block, alignment * 2));
    block = memalign(alignment, 50);
    CHECK((uintptr_t)block % alignment == 0);
    give_back(granted(ALIGNED, block, 50));
  }
  give_back(granted(ALIGNED, valloc(300), 300));
}

/* Not every allocator has it, and libc's block is none that another could free. */
static void pages(void) {
  give_back(granted(ALIGNED, pvalloc(300), 300));
}

static void refusals(void) {
  volatile size_t most = (size_t)PTRDIFF_MAX;
  volatile size_t half = (size_t)1 << 32;
  refused(MALLOC, malloc(most));
  refused(CALLOC, calloc(half, half));
  refused(CALLOC, calloc(most, 3));
  void* const kept = granted(REALLOC, realloc(NULL, 50), 50);
  refused(REALLOC, realloc(kept, most));
  CHECK(((unsigned char*)kept)[49] == 0x5a);
  give_back(kept);
  refused(ALIGNED, memalign(64, most));
  void* untouched = &untouched;
  CHECK(posix_memalign(&untouched, 64, most) == ENOMEM && untouched == &untouched);
  CHECK(posix_memalign(&untouched, 3, 10) == EINVAL && untouched == &untouched);
  errno = ERANGE;
  asked[ALIGNED].refused += 2;
}

static void handle(int signal) {
  give_back(granted(MALLOC, malloc(24), 24));
  (void)signal;
}

static void* share(void* unused) {
  errno = ERANGE;
  for (size_t i = 0; i < 20000; ++i) {
    void* const block = granted(MALLOC, malloc(i % 500), i % 500);
    if (i % 64 == 0) raise(SIGUSR1);
    give_back(block);
  }
  return unused;
}

static void threads_and_handlers(void) {
  signal(SIGUSR1, handle);
  pthread_t threads[8];
  for (int i = 0; i < 8; ++i) CHECK(pthread_create(&threads[i], NULL, share, NULL) == 0);
  for (int i = 0; i < 8; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
}

/* It never does what would be worth a segment, and ends in order. */
static void child(void) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  errno = ERANGE;
  if (pid == 0) {
    for (int i = 0; i < 100; ++i) give_back(granted(MALLOC, malloc(1000), 1000));
    _exit(0);
  }
  int status = 1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  asked[MALLOC].calls += 100;
  asked[MALLOC].bytes += 100000;
  frees += 100;
}

/* dprintf() has a block of its own, and frees it when the line is out already. */
static void say_and_wait(const char* word, size_t usable) {
  char line[64];
  const int length = snprintf(line, sizeof(line), "%s %zu\n", word, usable);
  CHECK(write(1, line, (size_t)length) == length && read(0, line, 1) == 1);
}

/* Says how much the allocator gave, before, while and after it is held, and waits each time. */
static void hold(void) {
  enum { BLOCKS = 1000 };
  static void* blocks[BLOCKS];
  say_and_wait("nothing", 0);
  size_t usable = 0;
  for (size_t i = 0; i < BLOCKS; ++i) {
    blocks[i] = i % 3 == 0 ? malloc(i) : i % 3 == 1 ? calloc(i, 3) : memalign(64, i);
    if (i % 5 == 0) blocks[i] = realloc(blocks[i], 10 * i + 1);
    if (i % 7 == 0) free(malloc(i));
    if (i % 11 == 0) CHECK(realloc(blocks[i], PTRDIFF_MAX) == NULL);
  }
  free(blocks[0]);
  CHECK(posix_memalign(&blocks[0], 64, 3000000) == 0);
  for (size_t i = 0; i < BLOCKS; ++i) usable += malloc_usable_size(blocks[i]);
  say_and_wait("everything", usable);
  for (size_t i = 0; i < BLOCKS; ++i) free(blocks[i]);
  say_and_wait("nothing", 0);
}

int main(int argc, char** argv) {
  errno = ERANGE;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "errno") == 0) keeps_errno = 1;
    const int all = strcmp(argv[i], "all") == 0;
    if (strcmp(argv[i], "pages") == 0) pages();
    if (strcmp(argv[i], "hold") == 0) hold();
    if (all || strcmp(argv[i], "sizes") == 0) sizes();
    if (all || strcmp(argv[i], "moves") == 0) moves();
    if (!all) continue;
    zeroes();
    alignments();
    refusals();
    threads_and_handlers();
    child();
  }
  for (int way = 0; way < WAYS; ++way)
    dprintf(1, "%s %lu %lu %lu\n", kWays[way], asked[way].calls, asked[way].bytes,
            asked[way].refused);
  dprintf(1, "free %lu 0 0\n", frees);
  return 0;
}
