#include "self_test.h"

#include <string.h>

#include "model.h"

int32_t elite_self_test(void) {
  static int8_t output[ELITE_OUTPUT_BYTES];
  const int8_t *input = elite_vectors_data;
  const int failed = elite_setup();
  int32_t different = 0;
  if (failed) return failed;
  for (int32_t i = 0; i < elite_vectors; ++i) {
    const int8_t *const expected = input + ELITE_INPUT_BYTES;
    different += elite_invoke(input, output) != 0 ||
                 memcmp(output, expected, ELITE_OUTPUT_BYTES) != 0;
    input = expected + ELITE_OUTPUT_BYTES;
  }
  return different;
}
