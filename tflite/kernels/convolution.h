/* Convolution of int8 maps, one row of the output at a time. */
#ifndef ELITE_CONVOLUTION_H
#define ELITE_CONVOLUTION_H

#include <stdint.h>

typedef struct {
  const int8_t *weights;     /* [out_channels][kernel_height][kernel_width]
                                [in_channels] */
  const int32_t *bias;       /* [out_channels], less the sum of the weights
                                times input_zero */
  const int32_t *multiplier; /* [out_channels], see elite_scale */
  const int8_t *shift;       /* [out_channels] */
  const int8_t *table;       /* of 256, for every number of the output; or 0 */
  int32_t in_height, in_width, in_channels;
  int32_t in_rows; /* rows kept of the input; row y is at y % in_rows */
  int32_t out_width, out_channels;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  int32_t input_zero, output_zero; /* the numbers that mean 0 */
  int32_t low, high;               /* limits of the output, without a table */
} elite_convolution;

/* Computes row y of the output.
 *
 * columns: 2 * kernel_height * kernel_width * in_channels bytes of scratch
 *   memory; 0 for a 1x1 kernel without padding.
 */
void elite_convolution_row(const elite_convolution *p, const int8_t *input,
                           int32_t y, int8_t *output, int8_t *columns);

#endif
