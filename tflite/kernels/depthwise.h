/* Depthwise convolution of int8 maps, one row of the output at a time. */
#ifndef ELITE_DEPTHWISE_H
#define ELITE_DEPTHWISE_H

#include <stdint.h>

#define ELITE_DEPTHWISE_ROWS 16 /* Largest height of a kernel. */

typedef struct {
  const int8_t *weights;     /* [kernel_height][kernel_width][out_channels] */
  const int32_t *bias;       /* [out_channels] */
  const int32_t *multiplier; /* [out_channels], see elite_scale */
  const int8_t *shift;       /* [out_channels] */
  const int8_t *table;       /* of 256, for every number of the output; or 0 */
  int32_t in_height, in_width, in_channels;
  int32_t in_rows; /* rows kept of the input; row y is at y % in_rows */
  int32_t out_width, out_channels; /* a multiple of in_channels */
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  int32_t input_zero, output_zero; /* the numbers that mean 0 */
  int32_t low, high;               /* limits of the output, without a table */
} elite_depthwise;

/* Computes row y of the output. */
void elite_depthwise_row(const elite_depthwise *p, const int8_t *input,
                         int32_t y, int8_t *output);

#endif
