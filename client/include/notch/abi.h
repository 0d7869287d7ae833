/* The C ABI between the headers and libnotch: what inline code in a program may touch of the
 * library. Plain C, so that notch.h, the C++ headers and bindings share one declaration.
 *
 * Rules of this ABI, version 1
 *   ABI1  A struct never changes; a field that is needed later gets a new struct and a new symbol.
 *   ABI2  Every exported symbol starts with notch_ and has the symbol version NOTCH_1.
 *   ABI3  No function here throws, and none changes errno.
 *
 * Use, from a binding to another language (programs in C: notch.h):
 *   notch_definition definition = {.name = {"jobs_total", 10}, .help = {"Jobs done.", 10},
 *                                  .type = NOTCH_COUNTER, .number = NOTCH_UNSIGNED};
 *   notch_error error;
 *   const uint32_t family = notch_v1_define(&definition, &error);
 *   const notch_series jobs = notch_v1_series(family, NULL, 0);
 *   notch_v1_add_integer(jobs.offset, 1); */
#ifndef NOTCH_ABI_H
#define NOTCH_ABI_H

#include <stddef.h>
#include <stdint.h>

#define NOTCH_ABI_VERSION 1

#if defined(__GNUC__)
#define NOTCH_API __attribute__((visibility("default")))
#else
#define NOTCH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes with a length; need not end in zero. */
typedef struct notch_text {
  const char* data;
  size_t size;
} notch_text;

enum notch_type {
  NOTCH_COUNTER = 1,
  NOTCH_UP_DOWN_COUNTER = 2,
  NOTCH_GAUGE = 3,
  NOTCH_HISTOGRAM = 4,
  NOTCH_NATIVE_HISTOGRAM = 5
};

enum notch_number { NOTCH_UNSIGNED = 1, NOTCH_FLOAT = 2, NOTCH_SIGNED = 3 };

/* How the agent makes one value of the gauges of several processes. */
enum notch_gauge_mode {
  NOTCH_GAUGE_NONE = 0,
  NOTCH_GAUGE_SUM = 1,  /* of all living processes that set it */
  NOTCH_GAUGE_MIN = 2,  /* of the same */
  NOTCH_GAUGE_MAX = 3,  /* of the same */
  NOTCH_GAUGE_LAST = 4, /* the one set last, by a living or a dead process */
  NOTCH_GAUGE_EACH = 5  /* one series a process, told apart by the label pid */
};

enum notch_code {
  NOTCH_OK = 0,
  NOTCH_INVALID_NAME = 1,
  NOTCH_INVALID_LABEL = 2,
  NOTCH_INVALID_HELP = 3,
  NOTCH_INVALID_UNIT = 4,
  NOTCH_INVALID_BUCKETS = 5,
  NOTCH_CONFLICT = 6, /* the name is defined already, with another type, unit, buckets or labels */
  NOTCH_NO_SPACE = 7, /* no room in the segment for another definition */
  NOTCH_INVALID_ARGUMENT = 8
};

typedef struct notch_error {
  int code;          /* enum notch_code */
  char message[252]; /* names the metric and the rule; empty if code is NOTCH_OK */
} notch_error;

/* All there is to say of a family. Zero-initialise, then fill what applies. */
typedef struct notch_definition {
  notch_text name;
  notch_text help;
  notch_text unit; /* may be empty; else the name ends in it (before _total) */
  const notch_text* label_names;
  size_t label_count;
  uint32_t type;       /* enum notch_type */
  uint32_t number;     /* enum notch_number */
  uint32_t gauge_mode; /* enum notch_gauge_mode */
  int32_t schema;      /* native histograms: -4..8 */
  double zero_threshold;
  const double* bounds; /* classic histograms */
  size_t bound_count;
  size_t series_limit;   /* label sets, 0: 2000; what comes after goes to one overflow series */
  uint32_t quiet_labels; /* 0, or by how many labels zeros are grouped: shm/FORMAT.md */
} notch_definition;

/* Where a series' numbers are: the byte offset of its first cell in a column, and what else its
 * type needs. {0, NULL} is the null handle: additions to it are harmless and counted as dropped. */
typedef struct notch_series {
  uint64_t offset;
  const void* detail;
} notch_series;

typedef struct notch_exemplar {
  uint8_t trace_id[16];
  uint8_t span_id[8];
} notch_exemplar;

/* How this process stands with the agent. */
typedef struct notch_health {
  int attached;     /* 1: in a segment the agent can read; 0: in private memory, lost at exit */
  int rseq;         /* 1: adds go to the column of the running CPU; 0: all to column 0 */
  int on_disk;      /* 1: the directory is not on tmpfs; a store may block on write-back */
  int system_errno; /* why not attached, as errno; 0 if attached, disabled or not yet tried */
  uint64_t dropped; /* numbers and series not taken, over all reasons */
  char path[256];   /* of the segment; empty if not attached */
} notch_health;

/* Read by the inline adds. Points at zeros until the first definition. */
typedef struct notch_hot {
  void** columns;        /* by concurrency id, null if none; [NOTCH_SHARED_COLUMN] is column 0 */
  ptrdiff_t rseq_offset; /* of the thread's struct rseq, from the thread pointer */
} notch_hot;

#define NOTCH_SHARED_COLUMN 8192

NOTCH_API extern notch_hot notch_v1_hot;

/* Defines a family, or finds the same definition again. Returns its id, 0 if refused (then *error,
 * if given, says why). Thread-safe; takes a lock; may allocate address space; not for signal
 * handlers. */
NOTCH_API uint32_t notch_v1_define(const notch_definition* definition, notch_error* error);

/* The series of these label values, made if new. A known one: a hash and a compare, no lock, safe
 * in a signal handler. A new one: takes a lock; no system call while committed space lasts. */
NOTCH_API notch_series notch_v1_series(uint32_t family, const notch_text* values, size_t count);

/* Called by the inline adds when there is no column to add to, and for operations that are not inline. */
NOTCH_API void notch_v1_add_integer(uint64_t offset, uint64_t amount);
NOTCH_API void notch_v1_add_float(uint64_t offset, double amount);
NOTCH_API void notch_v1_set_gauge(uint64_t offset, double value, int mode);
NOTCH_API void notch_v1_add_gauge(uint64_t offset, double amount, int mode);
NOTCH_API void notch_v1_drop_not_finite(void);
NOTCH_API void notch_v1_drop_negative(void);
NOTCH_API uint64_t notch_v1_native_cell(const void* detail, int32_t index, int negative);
NOTCH_API void notch_v1_exemplar(uint64_t offset, double value, const notch_exemplar* exemplar);

/* Commits memory for this many more cells and label sets now, so that no system call is made for
 * them later. Returns 0, or -1 if there is not enough. With `seal`, Notch makes no system call in
 * this process from here on: what would need one goes to column 0 or the overflow series. For
 * sandboxes. */
NOTCH_API int notch_v1_reserve(size_t cells, size_t label_sets, int seal);

NOTCH_API void notch_v1_health(notch_health* health);

#ifdef __cplusplus
}
#endif
#endif
