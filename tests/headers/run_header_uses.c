/* Runs every use that the public headers show, in C and in C++: they run through, attached or not. Called by: ctest. */
void run_uses_c(void);
void run_uses_cc(void);

int main(void) {
  run_uses_c();
  run_uses_cc();
  return 0;
}
