/* Kernels that compute nothing: padding and concatenation. */
#ifndef ELITE_COPYING_H
#define ELITE_COPYING_H

#include <stdint.h>

typedef struct {
  int32_t in_height, in_width, channels;
  int32_t in_rows; /* rows kept of the input; row y is at y % in_rows */
  int32_t out_width;
  int32_t pad_top, pad_left;
  int32_t zero; /* the number that pads the map */
} elite_pad;

typedef struct {
  const int32_t *channels; /* [inputs] */
  int32_t inputs, pixels;
} elite_concatenation;

/* Computes row y of the output. */
void elite_pad_row(const elite_pad *p, const int8_t *input, int32_t y,
                   int8_t *output);

/* At each pixel of a row, the channels of all inputs in order. */
void elite_concatenation_row(const elite_concatenation *p,
                             const int8_t *const *inputs, int8_t *output);

#endif
