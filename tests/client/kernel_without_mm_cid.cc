// A kernel before 6.3, as a client linked into the same program sees it: threads have rseq, and no
// concurrency ids. Linked with --wrap=getauxval, which turns the calls of that program's objects to
// here, and those of no shared library.
#include <sys/auxv.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

extern "C" {
// The linker's names, not ours. NOLINTBEGIN(bugprone-reserved-identifier)
unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type) {
  return type == AT_RSEQ_FEATURE_SIZE ? 0 : __real_getauxval(type);
}
// NOLINTEND(bugprone-reserved-identifier)
}
