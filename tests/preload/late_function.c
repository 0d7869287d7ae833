/* A library that brings a function which the process had not at its start, as libpthread did before
 * glibc 2.34. Opened by: real_functions_test. */
__attribute__((visibility("default"))) int notch_late_half(int number);

int notch_late_half(int number) {
  return number / 2;
}
