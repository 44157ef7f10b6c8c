#include <inttypes.h>
#include <stdio.h>

#include "model.h"
#include "self_test.h"

void app_main(void) {
  const int32_t different = elite_self_test();
  if (different < 0) {
    printf("elite error %" PRId32 "\n", different);
    return;
  }
  printf("elite vectors %" PRId32 "\n", elite_vectors);
  printf("elite equal %" PRId32 "\n", elite_vectors - different);
  printf("elite arena %u\n", (unsigned)elite_arena_used());
}
