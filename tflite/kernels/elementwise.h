/* Sum and product of two int8 maps, number by number. */
#ifndef ELITE_ELEMENTWISE_H
#define ELITE_ELEMENTWISE_H

#include <stdint.h>

typedef struct {
  const int8_t *table;     /* of 256, for every number of the output; or 0 */
  int32_t period_a;        /* numbers of a before it starts again */
  int32_t period_b;        /* numbers of b before it starts again */
  int32_t offset_a, offset_b; /* what is added to the inputs */
  int32_t multiplier_a, shift_a; /* factor of a, see fixed_point.h */
  int32_t multiplier_b, shift_b; /* factor of b */
  int32_t multiplier, shift;     /* factor of the sum */
  int32_t output_zero;           /* the number that means 0 */
  int32_t low, high;             /* limits of the output, if there is no table */
} elite_sum;

typedef struct {
  const int8_t *table;     /* of 256, for every number of the output; or 0 */
  int32_t period_a;        /* numbers of a before it starts again */
  int32_t period_b;        /* numbers of b before it starts again */
  int32_t offset_a, offset_b; /* what is added to the inputs */
  int32_t multiplier, shift;  /* factor of the product, see fixed_point.h */
  int32_t output_zero;        /* the number that means 0 */
  int32_t low, high;          /* limits of the output, if there is no table */
} elite_product;

/* Computes output[i] from a[i] and b[i]. The output may be the memory of a or b
 * if their periods are count or more. */
void elite_sum_row(const elite_sum *p, const int8_t *a, const int8_t *b,
                   int32_t count, int8_t *output);
void elite_product_row(const elite_product *p, const int8_t *a,
                       const int8_t *b, int32_t count, int8_t *output);

#endif
