#include "table.h"

#include "dsp.h"
#include "fixed_point.h"

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

void elite_finish_row(const int8_t *table, int32_t low, int32_t high,
                      int32_t count, int8_t *output) {
  if (table) {
    elite_table(table, output, count, output);
    return;
  }
  if (low <= -128 && high >= 127) return;
  int32_t i = 0;
#if ELITE_DSP
  const int8x4_t floor = (int8x4_t)((uint32_t)(low & 0xff) * 0x01010101u);
  const int8x4_t roof = (int8x4_t)((uint32_t)(high & 0xff) * 0x01010101u);
  for (; i + 4 <= count; i += 4) {
    int8x4_t word = elite_load(output + i);
    word = elite_larger(word, floor);
    word = elite_smaller(word, roof);
    memcpy(output + i, &word, 4);
  }
#endif
  for (; i < count; ++i) output[i] = elite_clamp(output[i], low, high);
}
