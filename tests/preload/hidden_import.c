/* A library that exports nothing, and so has an empty table of hashed symbols, and asks others for
 * one function. Opened by: real_functions_test. */
int notch_unheard_of(void);

static volatile int wanted;

__attribute__((constructor)) static void begin(void) {
  if (wanted) (void)notch_unheard_of();
}
