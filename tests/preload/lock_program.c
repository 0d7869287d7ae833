/* Waits for locks in every way there is, and says on standard output how often for which kind, and
 * for how many nanoseconds at least; then how many threads it started and how many it could not.
 * A wait is known by the other thread's being asleep while the lock is held. Ends with 1 and a line
 * number if a lock does not answer as it should.
 * Called by: lock_test.py, with nothing, or with what to do: all, no_clock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/preload/check.h"

enum { MUTEX, READ, WRITE, KINDS };
static const char* const kKinds[] = {"mutex", "rwlock_read", "rwlock_write"};
static struct { unsigned long waits, least_ns; } waited[KINDS];
static unsigned long threads_started, threads_refused;

static const long kHoldNs = 20 * 1000 * 1000;

static void start(pthread_t* thread, void* (*function)(void*), void* argument) {
  CHECK(pthread_create(thread, NULL, function, argument) == 0);
  threads_started += 1;
}

static void hold_on(void) {
  struct timespec rest = {0, kHoldNs};
  while (nanosleep(&rest, &rest) != 0) {
  }
}

/* Until that thread or process sleeps. */
static void wait_until_asleep(const char* path) {
  for (;;) {
    char text[512] = {0};
    FILE* const file = fopen(path, "r");
    CHECK(file != NULL && fread(text, 1, sizeof(text) - 1, file) > 0);
    fclose(file);
    if (strrchr(text, ')')[2] == 'S') return;
    usleep(500);
  }
}

/* What a thread is to do that will have to wait. */
struct Waiter {
  int (*lock)(void*);
  void* what;
  int expected;
  atomic_int thread;
};

static void* wait_for_lock(void* argument) {
  struct Waiter* const waiter = argument;
  waiter->thread = gettid();
  CHECK(waiter->lock(waiter->what) == waiter->expected);
  return NULL;
}

/* One wait of `kind`, of what is held, until `let_go` lets go. */
static void one_wait(int kind, struct Waiter waiter, int (*let_go)(void*)) {
  pthread_t thread;
  char path[64];
  start(&thread, wait_for_lock, &waiter);
  while (waiter.thread == 0) {
  }
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiter.thread);
  wait_until_asleep(path);
  hold_on();
  if (let_go != NULL) CHECK(let_go(waiter.what) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  waited[kind].waits += 1;
  waited[kind].least_ns += (unsigned long)kHoldNs;
}

static struct timespec from_now(clockid_t clock, long ms) {
  struct timespec at;
  clock_gettime(clock, &at);
  at.tv_sec += ms / 1000;
  at.tv_nsec += ms % 1000 * 1000000;
  if (at.tv_nsec >= 1000000000) at.tv_sec += 1, at.tv_nsec -= 1000000000;
  return at;
}

static const long kLongMs = 60000;
static const long kShortMs = 60; /* more than kHoldNs, which a time that is up must have waited */

static int lock_and_unlock(void* mutex) {
  const int result = pthread_mutex_lock(mutex);
  return result != 0 ? result : pthread_mutex_unlock(mutex);
}
static int timed(void* mutex) {
  const struct timespec until = from_now(CLOCK_REALTIME, kLongMs);
  const int result = pthread_mutex_timedlock(mutex, &until);
  return result != 0 ? result : pthread_mutex_unlock(mutex);
}
static int briefly(void* mutex) {
  const struct timespec until = from_now(CLOCK_REALTIME, kShortMs);
  return pthread_mutex_timedlock(mutex, &until);
}
static int by_clock(void* mutex) {
  const struct timespec until = from_now(CLOCK_MONOTONIC, kLongMs);
  const int result = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
  return result != 0 ? result : pthread_mutex_unlock(mutex);
}
static int unlock(void* mutex) {
  return pthread_mutex_unlock(mutex);
}

static int rw_unlock(void* lock) {
  return pthread_rwlock_unlock(lock);
}
static int read_lock(void* lock) {
  const int result = pthread_rwlock_rdlock(lock);
  return result != 0 ? result : rw_unlock(lock);
}
static int read_timed(void* lock) {
  const struct timespec until = from_now(CLOCK_REALTIME, kLongMs);
  const int result = pthread_rwlock_timedrdlock(lock, &until);
  return result != 0 ? result : rw_unlock(lock);
}
static int read_by_clock(void* lock) {
  const struct timespec until = from_now(CLOCK_MONOTONIC, kLongMs);
  const int result = pthread_rwlock_clockrdlock(lock, CLOCK_MONOTONIC, &until);
  return result != 0 ? result : rw_unlock(lock);
}
static int write_lock(void* lock) {
  const int result = pthread_rwlock_wrlock(lock);
  return result != 0 ? result : rw_unlock(lock);
}
static int write_briefly(void* lock) {
  const struct timespec until = from_now(CLOCK_REALTIME, kShortMs);
  return pthread_rwlock_timedwrlock(lock, &until);
}
static int write_by_clock(void* lock) {
  const struct timespec until = from_now(CLOCK_MONOTONIC, kLongMs);
  const int result = pthread_rwlock_clockwrlock(lock, CLOCK_MONOTONIC, &until);
  return result != 0 ? result : rw_unlock(lock);
}

static pthread_mutex_t new_mutex(int type, int robust, int protocol) {
  pthread_mutex_t mutex;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK(pthread_mutexattr_settype(&attributes, type) == 0);
  CHECK(pthread_mutexattr_setrobust(&attributes, robust) == 0);
  CHECK(pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
  CHECK(pthread_mutex_init(&mutex, &attributes) == 0);
  return mutex;
}

/* Of every kind: many times without a wait, then with one. */
static void mutexes(void) {
  static const int kTypes[] = {PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                               PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP};
  for (int robust = PTHREAD_MUTEX_STALLED; robust <= PTHREAD_MUTEX_ROBUST; ++robust) {
    for (int protocol = PTHREAD_PRIO_NONE; protocol <= PTHREAD_PRIO_INHERIT; ++protocol) {
      for (size_t i = 0; i < sizeof(kTypes) / sizeof(*kTypes); ++i) {
        pthread_mutex_t mutex = new_mutex(kTypes[i], robust, protocol);
        for (int round = 0; round < 1000; ++round) CHECK(lock_and_unlock(&mutex) == 0);
        CHECK(pthread_mutex_lock(&mutex) == 0);
        one_wait(MUTEX, (struct Waiter){lock_and_unlock, &mutex, 0, 0}, unlock);
      }
    }
  }
}

static void mutexes_and_time(void) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  CHECK(timed(&mutex) == 0 && by_clock(&mutex) == 0);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  one_wait(MUTEX, (struct Waiter){timed, &mutex, 0, 0}, unlock);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  one_wait(MUTEX, (struct Waiter){by_clock, &mutex, 0, 0}, unlock);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  one_wait(MUTEX, (struct Waiter){briefly, &mutex, ETIMEDOUT, 0}, NULL);
  CHECK(pthread_mutex_unlock(&mutex) == 0);
  /* A free lock does not look at the time, but at the clock. */
  const struct timespec wrong = {0, -1};
  CHECK(pthread_mutex_timedlock(&mutex, &wrong) == 0 && pthread_mutex_unlock(&mutex) == 0);
  CHECK(pthread_mutex_clocklock(&mutex, CLOCK_PROCESS_CPUTIME_ID, &wrong) == EINVAL);
}

/* What is refused at once is no wait. */
static void refusals(void) {
  pthread_mutex_t checked =
      new_mutex(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
  const struct timespec until = from_now(CLOCK_REALTIME, kLongMs);
  CHECK(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == EDEADLK);
  CHECK(pthread_mutex_timedlock(&checked, &until) == EDEADLK &&
        pthread_mutex_unlock(&checked) == 0);
  pthread_mutex_t nested =
      new_mutex(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE);
  for (int i = 0; i < 10; ++i) CHECK(pthread_mutex_lock(&nested) == 0);
  for (int i = 0; i < 10; ++i) CHECK(pthread_mutex_unlock(&nested) == 0);
  CHECK(pthread_mutex_unlock(&nested) == EPERM);
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  CHECK(pthread_rwlock_wrlock(&lock) == 0);
  CHECK(pthread_rwlock_wrlock(&lock) == EDEADLK && pthread_rwlock_rdlock(&lock) == EDEADLK);
  CHECK(pthread_rwlock_unlock(&lock) == 0);
  const struct timespec wrong = {0, 1000000000};
  CHECK(pthread_rwlock_timedrdlock(&lock, &wrong) == EINVAL);
  CHECK(pthread_rwlock_timedwrlock(&lock, &wrong) == EINVAL);
  CHECK(pthread_rwlock_clockrdlock(&lock, CLOCK_PROCESS_CPUTIME_ID, &until) == EINVAL);
  CHECK(pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &wrong) == EINVAL);
  CHECK(pthread_rwlock_trywrlock(&lock) == 0 && pthread_rwlock_unlock(&lock) == 0);
}

static void* die_with(void* mutex) {
  CHECK(pthread_mutex_lock(mutex) == 0);
  return NULL;
}

static int lock_from_the_dead(void* mutex) {
  return pthread_mutex_lock(mutex);
}

static void* die_while_waited_for(void* argument) {
  struct Waiter* const waiter = argument;
  CHECK(pthread_mutex_lock(waiter->what) == 0);
  waiter->thread = 1;
  while (waiter->thread == 1) usleep(500);
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiter->thread);
  wait_until_asleep(path);
  hold_on();
  return NULL;
}

static void owners_that_die(void) {
  pthread_mutex_t mutex = new_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE);
  pthread_t thread;
  start(&thread, die_with, &mutex);
  pthread_join(thread, NULL);
  CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
  /* The owner dies while we wait. */
  struct Waiter owner = {NULL, &mutex, 0, 0};
  start(&thread, die_while_waited_for, &owner);
  while (owner.thread == 0) usleep(500);
  owner.thread = gettid();
  CHECK(lock_from_the_dead(&mutex) == EOWNERDEAD);
  pthread_join(thread, NULL);
  waited[MUTEX].waits += 1;
  waited[MUTEX].least_ns += (unsigned long)kHoldNs;
  /* Nobody puts it right. */
  CHECK(pthread_mutex_unlock(&mutex) == 0);
  CHECK(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
}

/* Only who may set its own priority may take one; a wait for it is not counted. */
static void ceilings(void) {
  pthread_mutex_t mutex =
      new_mutex(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_PROTECT);
  const int result = pthread_mutex_lock(&mutex);
  CHECK(result == 0 || result == EPERM || result == EINVAL);
  if (result == 0) CHECK(pthread_mutex_unlock(&mutex) == 0);
  printf("ceiling %d\n", result);
}

static void read_write_locks(void) {
  static const int kKindsOfLock[] = {PTHREAD_RWLOCK_PREFER_READER_NP,
                                     PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP};
  for (int i = 0; i < 2; ++i) {
    pthread_rwlock_t lock;
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    CHECK(pthread_rwlockattr_setkind_np(&attributes, kKindsOfLock[i]) == 0);
    CHECK(pthread_rwlock_init(&lock, &attributes) == 0);
    for (int round = 0; round < 1000; ++round)
      CHECK(read_lock(&lock) == 0 && write_lock(&lock) == 0);
    CHECK(pthread_rwlock_rdlock(&lock) == 0 && pthread_rwlock_rdlock(&lock) == 0);
    CHECK(pthread_rwlock_unlock(&lock) == 0);
    one_wait(WRITE, (struct Waiter){write_lock, &lock, 0, 0}, rw_unlock);
    static int (*const kReads[])(void*) = {read_lock, read_timed, read_by_clock};
    for (int way = 0; way < 3; ++way) {
      CHECK(pthread_rwlock_wrlock(&lock) == 0);
      one_wait(READ, (struct Waiter){kReads[way], &lock, 0, 0}, rw_unlock);
    }
    CHECK(pthread_rwlock_wrlock(&lock) == 0);
    one_wait(WRITE, (struct Waiter){write_by_clock, &lock, 0, 0}, rw_unlock);
    CHECK(pthread_rwlock_rdlock(&lock) == 0);
    one_wait(WRITE, (struct Waiter){write_briefly, &lock, ETIMEDOUT, 0}, NULL);
    CHECK(pthread_rwlock_unlock(&lock) == 0);
  }
}

/* Of two processes that have one thread each. */
static void shared_mutex(void) {
  struct {
    pthread_mutex_t mutex;
    atomic_int held;
  }* const shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  CHECK(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_mutex_init(&shared->mutex, &attributes) == 0 &&
        lock_and_unlock(&shared->mutex) == 0);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    char path[64];
    CHECK(pthread_mutex_lock(&shared->mutex) == 0);
    shared->held = 1;
    snprintf(path, sizeof(path), "/proc/%d/stat", parent);
    wait_until_asleep(path);
    hold_on();
    CHECK(pthread_mutex_unlock(&shared->mutex) == 0);
    _exit(0);
  }
  while (shared->held == 0) {
  }
  CHECK(lock_and_unlock(&shared->mutex) == 0);
  int status = 1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  waited[MUTEX].waits += 1;
  waited[MUTEX].least_ns += (unsigned long)kHoldNs;
}

static void* no_start(void* unused) {
  return unused;
}

static void refused_thread(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  CHECK(pthread_attr_setstacksize(&attributes, (size_t)1 << 48) == 0);
  CHECK(pthread_create(&thread, &attributes, no_start, NULL) == EAGAIN);
  threads_refused += 1;
}

static void wait_without_a_clock(void) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  CHECK(prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  one_wait(MUTEX, (struct Waiter){lock_and_unlock, &mutex, 0, 0}, unlock);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "no_clock") == 0) wait_without_a_clock();
  if (argc > 1 && strcmp(argv[1], "all") == 0) {
    shared_mutex();
    mutexes();
    mutexes_and_time();
    refusals();
    owners_that_die();
    ceilings();
    read_write_locks();
    refused_thread();
  }
  for (int kind = 0; kind < KINDS; ++kind)
    printf("%s %lu %lu\n", kKinds[kind], waited[kind].waits, waited[kind].least_ns);
  printf("threads %lu %lu\n", threads_started, threads_refused);
  return 0;
}
