/* Means of int8 maps: over windows, and over the whole map. */
#ifndef ELITE_POOLING_H
#define ELITE_POOLING_H

#include <stdint.h>

typedef struct {
  const int8_t *table; /* of 256, for every number of the output; or 0 */
  int32_t in_height, in_width, channels;
  int32_t in_rows; /* rows kept of the input; row y is at y % in_rows */
  int32_t out_width;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t pad_top, pad_left;
  int32_t low, high; /* limits of the output, without a table */
} elite_average_pool;

typedef struct {
  const int8_t *table;       /* of 256, for every number of the output; or 0 */
  int32_t pixels, channels;
  int32_t input_zero, output_zero; /* the numbers that mean 0 */
  int32_t multiplier, shift;       /* see fixed_point.h; the division by the
                                      number of pixels is part of it */
} elite_mean;

/* Computes row y of the output: the means of the pixels in the window that lie
 * inside the map, halves away from zero. */
void elite_average_pool_row(const elite_average_pool *p, const int8_t *input,
                            int32_t y, int8_t *output);

/* The mean of every channel over all pixels. */
void elite_mean_map(const elite_mean *p, const int8_t *input, int8_t *output);

#endif
