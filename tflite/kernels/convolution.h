/* Convolution of int8 maps, one row of the output at a time. */
#ifndef ELITE_CONVOLUTION_H
#define ELITE_CONVOLUTION_H

#include <stdint.h>

typedef struct {
  const int8_t *weights;     /* [out_channels][kernel_height][kernel_width]
                                [in_channels] */
  const int32_t *bias;       /* [out_channels], minus the sum of the weights
                                times input_zero */
  const int32_t *multiplier; /* [out_channels], see elite_scale */
  const int8_t *shift;       /* [out_channels] */
  const int8_t *table;       /* [256], applied to the output; or 0 */
  int32_t in_height, in_width, in_channels;
  int32_t in_rows; /* input rows in memory; row y is at y % in_rows */
  int32_t out_width, out_channels;
  int32_t kernel_height, kernel_width;
  int32_t stride_y, stride_x;
  int32_t dilation_y, dilation_x;
  int32_t pad_top, pad_left;
  int32_t input_zero, output_zero; /* zero points */
  int32_t low, high;               /* limits of the output if no table */
} elite_convolution;

/* Computes row y of the output.
 *
 * columns: 2 * kernel_height * kernel_width * in_channels bytes to work in; 0
 *   for a kernel of one pixel without padding.
 */
void elite_convolution_row(const elite_convolution *p, const int8_t *input,
                           int32_t y, int8_t *output, int8_t *columns);

#endif
