/* Notch for C, and for any language that can call C. One include, no C++ run time in the caller.
 *
 * Every handle is a small value: copy it freely, use it from any thread, in signal handlers and in
 * forked children. A refused definition gives a null handle, which is safe to use and counts
 * nothing. Operations cannot fail and leave errno alone; their cost is a call (about 2 ns) more
 * than the C++ client's.
 *
 * Definitions take the registry's lock and are not for signal handlers. The strings given need to
 * live only for the call. See notch/abi.h for the structs, the modes and the error codes, and
 * notch/registry.h for which type of metric to use when.
 *
 * Use:
 *   static const char* const labels[] = {"code"};
 *   const notch_metric metric = {.name = "replies_total", .help = "Replies sent.",
 *                                .labels = labels, .label_count = 1};
 *   const uint32_t replies = notch_counter_family(&metric, NULL);
 *   const char* const values[] = {"200"};
 *   const notch_counter ok = notch_counter_with(replies, values);  // keep it
 *   notch_counter_add(ok, 1); */
#ifndef NOTCH_H
#define NOTCH_H

#include "notch/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct notch_counter {
  uint64_t offset;
} notch_counter;
typedef struct notch_float_counter {
  uint64_t offset;
} notch_float_counter;
typedef struct notch_up_down_counter {
  uint64_t offset;
} notch_up_down_counter;
typedef struct notch_gauge {
  uint64_t offset;
  uint32_t mode;
} notch_gauge;
typedef struct notch_histogram {
  notch_series series;
} notch_histogram;
typedef struct notch_native_histogram {
  notch_series series;
} notch_native_histogram;

/* The names of a metric. `labels` are label_count zero-terminated names; `unit` may be NULL. */
typedef struct notch_metric {
  const char* name;
  const char* help;
  const char* unit;
  const char* const* labels;
  size_t label_count;
  size_t series_limit; /* 0: 2000 */
} notch_metric;

/* Families: define once, keep the id. 0 if refused; *error (may be NULL) then names the rule. */
NOTCH_API uint32_t notch_counter_family(const notch_metric* metric, notch_error* error);
NOTCH_API uint32_t notch_float_counter_family(const notch_metric* metric, notch_error* error);
NOTCH_API uint32_t notch_up_down_counter_family(const notch_metric* metric, notch_error* error);
NOTCH_API uint32_t notch_gauge_family(const notch_metric* metric, enum notch_gauge_mode mode,
                                      notch_error* error);
NOTCH_API uint32_t notch_histogram_family(const notch_metric* metric, const double* bounds,
                                          size_t bound_count, notch_error* error);
/* schema -4..8, 3 if in doubt. zero_threshold 0: the default, 2^-128. */
NOTCH_API uint32_t notch_native_histogram_family(const notch_metric* metric, int schema,
                                                 double zero_threshold, notch_error* error);

/* The series of these label values: zero-terminated, as many as the family has labels, each NULL or
 * "" for no such label; `values` is NULL if the family has none. An id of another type's family
 * gives a null handle. Known ones cost a hash and a compare. Overflow and refusal as in
 * notch/family.h. */
NOTCH_API notch_counter notch_counter_with(uint32_t family, const char* const* values);
NOTCH_API notch_float_counter notch_float_counter_with(uint32_t family, const char* const* values);
NOTCH_API notch_up_down_counter notch_up_down_counter_with(uint32_t family,
                                                           const char* const* values);
NOTCH_API notch_gauge notch_gauge_with(uint32_t family, const char* const* values);
NOTCH_API notch_histogram notch_histogram_with(uint32_t family, const char* const* values);
NOTCH_API notch_native_histogram notch_native_histogram_with(uint32_t family,
                                                             const char* const* values);

/* Adds. A negative or not finite amount is not added but counted as dropped. */
NOTCH_API void notch_counter_add(notch_counter counter, uint64_t amount);
NOTCH_API void notch_float_counter_add(notch_float_counter counter, double amount);
NOTCH_API void notch_up_down_counter_add(notch_up_down_counter counter, int64_t amount);

/* Sets and adds. A value that is not finite is not taken but counted as dropped. */
NOTCH_API void notch_gauge_set(notch_gauge gauge, double value);
NOTCH_API void notch_gauge_add(notch_gauge gauge, double amount);

/* Observes. A value that is not finite is not taken but counted as dropped. */
NOTCH_API void notch_histogram_observe(notch_histogram histogram, double value);
NOTCH_API void notch_native_histogram_observe(notch_native_histogram histogram, double value);

/* The same with an exemplar. */
NOTCH_API void notch_counter_add_exemplar(notch_counter counter, uint64_t amount,
                                          const notch_exemplar* exemplar);
NOTCH_API void notch_histogram_observe_exemplar(notch_histogram histogram, double value,
                                                const notch_exemplar* exemplar);

#ifdef __cplusplus
}
#endif
#endif
