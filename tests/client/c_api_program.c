/* Uses every function of notch.h, as a C program would, and leaves errno as it was.
 * Called by: c_api_test, which reads what was counted. Exit 1 and a line say what went wrong. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "notch.h"

#define REQUIRE(condition)                                          \
  do {                                                              \
    if (!(condition)) {                                             \
      printf("line %d: does not hold: %s\n", __LINE__, #condition); \
      return 1;                                                     \
    }                                                               \
  } while (0)

static const char* const kLabels[] = {"method", "code"};
static const char* const kValues[] = {"GET", "200"};
static const double kBounds[] = {1, 2};

static notch_metric metric(const char* name) {
  notch_metric result = {0};
  result.name = name;
  result.help = "Of a program in C.";
  return result;
}

static int count_whole_things(const notch_exemplar* exemplar) {
  notch_error error;
  notch_metric labelled = metric("test_c_whole_total");
  labelled.labels = kLabels;
  labelled.label_count = 2;
  labelled.series_limit = 10;
  const uint32_t family = notch_counter_family(&labelled, &error);
  REQUIRE(family != 0 && error.code == NOTCH_OK && error.message[0] == '\0');
  REQUIRE(notch_counter_family(&labelled, NULL) == family);
  const notch_counter whole = notch_counter_with(family, kValues);
  notch_counter_add(whole, 40);
  notch_counter_add_exemplar(whole, 2, exemplar);
  REQUIRE(notch_counter_with(family, kValues).offset == whole.offset);

  const notch_metric real = metric("test_c_real_total");
  const notch_float_counter reals =
      notch_float_counter_with(notch_float_counter_family(&real, &error), NULL);
  notch_float_counter_add(reals, 0.5);
  notch_float_counter_add(reals, -1);
  const notch_metric up = metric("test_c_up_down");
  const notch_up_down_counter up_down =
      notch_up_down_counter_with(notch_up_down_counter_family(&up, &error), NULL);
  notch_up_down_counter_add(up_down, 5);
  notch_up_down_counter_add(up_down, -2);
  return 0;
}

static int observe_things(const notch_exemplar* exemplar) {
  notch_error error;
  const notch_metric level = metric("test_c_level");
  const notch_gauge gauge =
      notch_gauge_with(notch_gauge_family(&level, NOTCH_GAUGE_LAST, &error), NULL);
  notch_gauge_set(gauge, 3);
  notch_gauge_add(gauge, 4);
  const notch_metric classic = metric("test_c_classic");
  const notch_histogram histogram =
      notch_histogram_with(notch_histogram_family(&classic, kBounds, 2, &error), NULL);
  notch_histogram_observe(histogram, 1);
  notch_histogram_observe_exemplar(histogram, 5, exemplar);
  notch_histogram_observe_exemplar(histogram, 5, NULL);
  const notch_metric native = metric("test_c_native");
  const notch_native_histogram natives =
      notch_native_histogram_with(notch_native_histogram_family(&native, 3, 0, &error), NULL);
  notch_native_histogram_observe(natives, 1);
  notch_native_histogram_observe(natives, (double)NAN);
  return 0;
}

static int be_refused(void) {
  notch_error error;
  const notch_metric wrong = metric("Wrong");
  REQUIRE(notch_counter_family(&wrong, &error) == 0);
  REQUIRE(error.code == NOTCH_INVALID_NAME && strstr(error.message, "\"Wrong\"") == error.message);
  REQUIRE(notch_gauge_family(NULL, NOTCH_GAUGE_SUM, &error) == 0);
  REQUIRE(error.code == NOTCH_INVALID_ARGUMENT);
  const notch_metric nothing = {0};
  REQUIRE(notch_up_down_counter_family(&nothing, &error) == 0);
  REQUIRE(notch_histogram_family(&wrong, NULL, 3, NULL) == 0);
  REQUIRE(notch_native_histogram_family(&wrong, 99, 0, NULL) == 0);
  REQUIRE(notch_float_counter_family(&wrong, NULL) == 0);
  notch_counter_add(notch_counter_with(0, NULL), 1);
  notch_float_counter_add(notch_float_counter_with(0, NULL), 0.25);
  notch_up_down_counter_add(notch_up_down_counter_with(77, NULL), 1);
  notch_gauge_set(notch_gauge_with(0, kValues), 9);
  notch_histogram_observe(notch_histogram_with(0, NULL), 1);
  notch_native_histogram_observe(notch_native_histogram_with(0, NULL), 1);
  return 0;
}

/* Ids and values that do not fit the call give null handles, which touch nobody's cells. */
static int confuse_families(void) {
  notch_metric labelled = metric("test_c_whole_total");
  labelled.labels = kLabels;
  labelled.label_count = 2;
  const uint32_t counter = notch_counter_family(&labelled, NULL);
  const notch_metric classic = metric("test_c_classic");
  const uint32_t histogram = notch_histogram_family(&classic, kBounds, 2, NULL);
  REQUIRE(counter != 0 && histogram != 0);
  REQUIRE(notch_counter_with(counter, NULL).offset == 0);
  REQUIRE(notch_float_counter_with(counter, kValues).offset == 0);
  REQUIRE(notch_up_down_counter_with(counter, kValues).offset == 0);
  REQUIRE(notch_gauge_with(counter, kValues).offset == 0);
  REQUIRE(notch_counter_with(histogram, NULL).offset == 0);
  REQUIRE(notch_histogram_with(counter, kValues).series.detail == NULL);
  REQUIRE(notch_native_histogram_with(histogram, NULL).series.detail == NULL);
  return 0;
}

int main(void) {
  notch_exemplar exemplar = {{1}, {2}};
  errno = 4321;
  if (count_whole_things(&exemplar) != 0) return 1;
  if (observe_things(&exemplar) != 0) return 1;
  if (be_refused() != 0) return 1;
  if (confuse_families() != 0) return 1;
  REQUIRE(notch_v1_reserve(10, 10, 0) == 0);
  notch_health health;
  notch_v1_health(&health);
  REQUIRE(health.attached == 1 && health.system_errno == 0 && health.path[0] == '/');
  REQUIRE(errno == 4321);
  return 0;
}
