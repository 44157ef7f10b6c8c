#include "elementwise.h"

#include "fixed_point.h"
#include "table.h"

/* The inputs of a sum are given this many bits more before they are scaled. */
#define ELITE_SUM_BITS 20

void elite_sum_row(const elite_sum *p, const int8_t *a, const int8_t *b,
                   int32_t count, int8_t *output) {
  for (int32_t i = 0, u = 0, v = 0; i < count; ++i) {
    const int32_t left =
        elite_scale((a[u] + p->offset_a) * (1 << ELITE_SUM_BITS),
                    p->multiplier_a, p->shift_a);
    const int32_t right =
        elite_scale((b[v] + p->offset_b) * (1 << ELITE_SUM_BITS),
                    p->multiplier_b, p->shift_b);
    const int32_t sum =
        elite_scale(elite_add(left, right), p->multiplier, p->shift);
    output[i] = elite_clamp(elite_add(sum, p->output_zero), p->low, p->high);
    if (++u == p->period_a) u = 0;
    if (++v == p->period_b) v = 0;
  }
  if (p->table) elite_table(p->table, output, count, output);
}

void elite_product_row(const elite_product *p, const int8_t *a,
                       const int8_t *b, int32_t count, int8_t *output) {
  for (int32_t i = 0, u = 0, v = 0; i < count; ++i) {
    const int32_t product =
        elite_scale((a[u] + p->offset_a) * (b[v] + p->offset_b), p->multiplier,
                    p->shift);
    output[i] =
        elite_clamp(elite_add(product, p->output_zero), p->low, p->high);
    if (++u == p->period_a) u = 0;
    if (++v == p->period_b) v = 0;
  }
  if (p->table) elite_table(p->table, output, count, output);
}
