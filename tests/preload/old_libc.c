/* Says that libc is of a version whose tries of read-write locks stall other threads, and ends the
 * program if the library makes one for it. What the program tries itself is passed on.
 * Called by: lock_test.py, preloaded behind the library. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const char* gnu_get_libc_version(void) {
  return "2.28";
}

static int pass_on(const char* name, pthread_rwlock_t* lock, const void* caller) {
  Dl_info owner;
  int (*real)(pthread_rwlock_t*) = NULL;
  if (dladdr(caller, &owner) == 0 || strstr(owner.dli_fname, "libnotch") != NULL) abort();
  *(void**)&real = dlsym(RTLD_NEXT, name);
  return real(lock);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) {
  return pass_on("pthread_rwlock_tryrdlock", lock, __builtin_return_address(0));
}

int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) {
  return pass_on("pthread_rwlock_trywrlock", lock, __builtin_return_address(0));
}
