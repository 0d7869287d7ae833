/* A library whose constructor allocates, before or after the preloaded library's, and whose
 * destructor gives the blocks back. Called by: malloc_test.py, in LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 4 };
static char* blocks[BLOCKS];

__attribute__((constructor)) static void take(void) {
  blocks[0] = malloc(1000);
  blocks[1] = calloc(10, 100);
  blocks[2] = realloc(malloc(10), 1000);
  blocks[3] = memalign(64, 1000);
  for (int i = 0; i < BLOCKS; ++i) {
    if (blocks[i] == NULL) _exit(9);
    memset(blocks[i], 'x', 1000);
  }
}

__attribute__((destructor)) static void give_back(void) {
  for (int i = 0; i < BLOCKS; ++i) {
    if (blocks[i][999] != 'x') _exit(9);
    blocks[i] = realloc(blocks[i], 2000);
    if (blocks[i] == NULL || blocks[i][999] != 'x') _exit(9);
    free(blocks[i]);
  }
}
