#include <stdio.h>

#include "model.h"
#include "pico/stdlib.h"
#include "self_test.h"

int main(void) {
  stdio_init_all();
  const int32_t different = elite_self_test();
  /* Printed repeatedly: the terminal may be opened late. */
  for (;; sleep_ms(2000)) {
    if (different < 0) {
      printf("elite error %d\n", (int)different);
      continue;
    }
    printf("elite vectors %d\n", (int)elite_vectors);
    printf("elite equal %d\n", (int)(elite_vectors - different));
    printf("elite arena %u\n", (unsigned)elite_arena_used());
  }
}
