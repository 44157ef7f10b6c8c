#include "table.h"

void elite_table(const int8_t *table, const int8_t *input, int32_t count,
                 int8_t *output) {
  const int8_t *zero = table + 128;
  int32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const int8_t a = zero[input[i]], b = zero[input[i + 1]];
    const int8_t c = zero[input[i + 2]], d = zero[input[i + 3]];
    output[i] = a;
    output[i + 1] = b;
    output[i + 2] = c;
    output[i + 3] = d;
  }
  for (; i < count; ++i) output[i] = zero[input[i]];
}

void elite_lookup_row(const elite_lookup *p, const int8_t *a, int32_t count,
                      int8_t *output) {
  elite_table(p->table, a, count, output);
}
