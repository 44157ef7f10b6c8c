/* Softmax of int8 numbers. */
#ifndef ELITE_SOFTMAX_H
#define ELITE_SOFTMAX_H

#include <stdint.h>

typedef struct {
  const int32_t *exponential; /* [256]: exp(-d * scale) * 2^31 for the distance
                                 d to the largest number; -1 if it counts as 0:
                                 the output is then -128 */
  int32_t count;
} elite_softmax;

void elite_softmax_row(const elite_softmax *p, const int8_t *input,
                       int8_t *output);

#endif
