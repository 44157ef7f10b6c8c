#include "elementwise.h"

#include "fixed_point.h"
#include "table.h"

/* The inputs of a sum are shifted left by so many bits before scaling. */
#define ELITE_SUM_BITS 20

static inline int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/* The place of the next numbers, and how many there are before one of the
 * inputs starts again. */
typedef struct {
  int32_t at, a, b, count;
} run;

static inline int next(run *r, int32_t count, int32_t period_a,
                       int32_t period_b) {
  r->at += r->count;
  r->a = r->a + r->count == period_a ? 0 : r->a + r->count;
  r->b = r->b + r->count == period_b ? 0 : r->b + r->count;
  r->count = least(count - r->at, least(period_a - r->a, period_b - r->b));
  return r->count > 0;
}

void elite_sum_row(const elite_sum *p, const int8_t *a, const int8_t *b,
                   int32_t count, int8_t *output) {
  const elite_sum q = *p; /* The output could overlap *p. */
  for (run r = {0, 0, 0, 0}; next(&r, count, q.period_a, q.period_b);) {
    const int8_t *u = a + r.a, *v = b + r.b;
    int8_t *to = output + r.at;
    for (int32_t i = r.count; i > 0; --i) {
      const int32_t left =
          elite_scale((*u++ + q.offset_a) * (1 << ELITE_SUM_BITS),
                      q.multiplier_a, q.shift_a);
      const int32_t right =
          elite_scale((*v++ + q.offset_b) * (1 << ELITE_SUM_BITS),
                      q.multiplier_b, q.shift_b);
      const int32_t sum =
          elite_scale(elite_add(left, right), q.multiplier, q.shift);
      *to++ = elite_saturate(elite_add(sum, q.output_zero));
    }
  }
  elite_finish_row(q.table, q.low, q.high, count, output);
}

void elite_product_row(const elite_product *p, const int8_t *a,
                       const int8_t *b, int32_t count, int8_t *output) {
  const elite_product q = *p;
  for (run r = {0, 0, 0, 0}; next(&r, count, q.period_a, q.period_b);) {
    const int8_t *u = a + r.a, *v = b + r.b;
    int8_t *to = output + r.at;
    for (int32_t i = r.count; i > 0; --i) {
      const int32_t product =
          elite_scale((*u++ + q.offset_a) * (*v++ + q.offset_b), q.multiplier,
                      q.shift);
      *to++ = elite_saturate(elite_add(product, q.output_zero));
    }
  }
  elite_finish_row(q.table, q.low, q.high, count, output);
}
