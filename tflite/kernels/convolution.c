#include "convolution.h"

#include <string.h>

#include "dsp.h"
#include "fixed_point.h"
#include "table.h"

/* Adds to sum[] the dot products of 1 or 2 columns of numbers with the weights
 * of 2 consecutive channels: sum[2 * column + channel]. */
static inline void dot_2x2(const int8_t *a, const int8_t *b, const int8_t *w,
                           int32_t depth, int32_t sum[4]);
static inline void dot_1x2(const int8_t *a, const int8_t *w, int32_t depth,
                           int32_t sum[2]);

#if ELITE_DSP

/* Both factors are split into even and odd numbers: the order does not change
 * the sum. */
static inline void dot_2x2(const int8_t *a, const int8_t *b, const int8_t *w,
                           int32_t depth, int32_t sum[4]) {
  const int8_t *const end = a + (depth & ~3);
  const int8_t *v = w + depth;
  int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
  while (a < end) {
    const int8x4_t x = elite_load(a), y = elite_load(b);
    const int16x2_t x0 = elite_even(x), x1 = elite_odd(x), y0 = elite_even(y), y1 = elite_odd(y);
    int8x4_t word = elite_load(w);
    int16x2_t w0 = elite_even(word), w1 = elite_odd(word);
    s0 = __smlad(x0, w0, s0);
    s0 = __smlad(x1, w1, s0);
    s2 = __smlad(y0, w0, s2);
    s2 = __smlad(y1, w1, s2);
    word = elite_load(v);
    w0 = elite_even(word);
    w1 = elite_odd(word);
    s1 = __smlad(x0, w0, s1);
    s1 = __smlad(x1, w1, s1);
    s3 = __smlad(y0, w0, s3);
    s3 = __smlad(y1, w1, s3);
    a += 4;
    b += 4;
    w += 4;
    v += 4;
  }
  for (int32_t left = depth & 3; left > 0; --left, ++a, ++b, ++w, ++v) {
    s0 = elite_add(s0, *a * *w);
    s1 = elite_add(s1, *a * *v);
    s2 = elite_add(s2, *b * *w);
    s3 = elite_add(s3, *b * *v);
  }
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}

static inline void dot_1x2(const int8_t *a, const int8_t *w, int32_t depth,
                           int32_t sum[2]) {
  const int8_t *const end = a + (depth & ~3);
  const int8_t *v = w + depth;
  int32_t s0 = sum[0], s1 = sum[1];
  while (a < end) {
    const int8x4_t x = elite_load(a), w0 = elite_load(w), w1 = elite_load(v);
    s0 = __smlad(elite_even(x), elite_even(w0), s0);
    s0 = __smlad(elite_odd(x), elite_odd(w0), s0);
    s1 = __smlad(elite_even(x), elite_even(w1), s1);
    s1 = __smlad(elite_odd(x), elite_odd(w1), s1);
    a += 4;
    w += 4;
    v += 4;
  }
  for (int32_t left = depth & 3; left > 0; --left, ++a, ++w, ++v) {
    s0 = elite_add(s0, *a * *w);
    s1 = elite_add(s1, *a * *v);
  }
  sum[0] = s0;
  sum[1] = s1;
}

#else

static inline void dot_2x2(const int8_t *a, const int8_t *b, const int8_t *w,
                           int32_t depth, int32_t sum[4]) {
  const int8_t *v = w + depth;
  int32_t s0 = sum[0], s1 = sum[1], s2 = sum[2], s3 = sum[3];
  for (int32_t i = 0; i < depth; ++i) {
    s0 = elite_add(s0, a[i] * w[i]);
    s1 = elite_add(s1, a[i] * v[i]);
    s2 = elite_add(s2, b[i] * w[i]);
    s3 = elite_add(s3, b[i] * v[i]);
  }
  sum[0] = s0;
  sum[1] = s1;
  sum[2] = s2;
  sum[3] = s3;
}

static inline void dot_1x2(const int8_t *a, const int8_t *w, int32_t depth,
                           int32_t sum[2]) {
  const int8_t *v = w + depth;
  for (int32_t i = 0; i < depth; ++i) {
    sum[0] = elite_add(sum[0], a[i] * w[i]);
    sum[1] = elite_add(sum[1], a[i] * v[i]);
  }
}

#endif

static inline int8_t finish(const elite_convolution *p, int32_t channel,
                            int32_t sum) {
  const int32_t scaled =
      elite_scale(sum, p->multiplier[channel], p->shift[channel]);
  return elite_saturate(elite_add(scaled, p->output_zero));
}

/* All channels of two pixels, whose inputs are the columns a and b. */
static void two_pixels(const elite_convolution *p, int32_t depth,
                       const int8_t *a, const int8_t *b, int8_t *output) {
  const int32_t channels = p->out_channels;
  const int8_t *weights = p->weights;
  int8_t *const next = output + channels;
  int32_t c = 0;
  for (; c + 2 <= channels; c += 2, weights += 2 * depth) {
    const int32_t u = p->bias[c], v = p->bias[c + 1];
    int32_t sum[4] = {u, v, u, v};
    dot_2x2(a, b, weights, depth, sum);
    output[c] = finish(p, c, sum[0]);
    output[c + 1] = finish(p, c + 1, sum[1]);
    next[c] = finish(p, c, sum[2]);
    next[c + 1] = finish(p, c + 1, sum[3]);
  }
  if (c < channels) {
    int32_t u = p->bias[c], v = p->bias[c];
    for (int32_t i = 0; i < depth; ++i) {
      u = elite_add(u, a[i] * weights[i]);
      v = elite_add(v, b[i] * weights[i]);
    }
    output[c] = finish(p, c, u);
    next[c] = finish(p, c, v);
  }
}

/* All channels of one pixel. */
static void one_pixel(const elite_convolution *p, int32_t depth,
                      const int8_t *a, int8_t *output) {
  const int32_t channels = p->out_channels;
  const int8_t *weights = p->weights;
  int32_t c = 0;
  for (; c + 2 <= channels; c += 2, weights += 2 * depth) {
    int32_t sum[2] = {p->bias[c], p->bias[c + 1]};
    dot_1x2(a, weights, depth, sum);
    output[c] = finish(p, c, sum[0]);
    output[c + 1] = finish(p, c + 1, sum[1]);
  }
  if (c < channels) {
    int32_t u = p->bias[c];
    for (int32_t i = 0; i < depth; ++i) u = elite_add(u, a[i] * weights[i]);
    output[c] = finish(p, c, u);
  }
}

/* Copies the input pixels of the kernel at one output pixel, with the zeros of
 * the padding. */
static const int8_t *gather(const elite_convolution *p, const int8_t *input,
                            int32_t y, int32_t x, int8_t *column) {
  const int32_t channels = p->in_channels;
  const int32_t width = p->kernel_width * channels;
  const int32_t left = x * p->stride_x - p->pad_left;
  int8_t *to = column;
  for (int32_t ky = 0; ky < p->kernel_height; ++ky, to += width) {
    const int32_t from = y * p->stride_y - p->pad_top + ky * p->dilation_y;
    if (from < 0 || from >= p->in_height) {
      memset(to, p->input_zero, (size_t)width);
      continue;
    }
    const int8_t *const row =
        input + (from % p->in_rows) * p->in_width * channels;
    if (p->dilation_x == 1 && left >= 0 &&
        left + p->kernel_width <= p->in_width) {
      memcpy(to, row + left * channels, (size_t)width);
      continue;
    }
    for (int32_t kx = 0; kx < p->kernel_width; ++kx) {
      const int32_t at = left + kx * p->dilation_x;
      if (at < 0 || at >= p->in_width) {
        memset(to + kx * channels, p->input_zero, (size_t)channels);
      } else {
        memcpy(to + kx * channels, row + at * channels, (size_t)channels);
      }
    }
  }
  return column;
}

void elite_convolution_row(const elite_convolution *p, const int8_t *input,
                           int32_t y, int8_t *output, int8_t *columns) {
  const int32_t depth = p->kernel_height * p->kernel_width * p->in_channels;
  const int32_t width = p->out_width, channels = p->out_channels;
  int8_t *to = output;
  int32_t x = 0;
  if (columns == 0) { /* A 1x1 kernel reads the input in place. */
    const int32_t step = p->stride_x * p->in_channels;
    const int8_t *from = input + (y * p->stride_y % p->in_rows) * p->in_width *
                                     p->in_channels;
    for (; x + 2 <= width; x += 2, from += 2 * step, to += 2 * channels) {
      two_pixels(p, depth, from, from + step, to);
    }
    if (x < width) one_pixel(p, depth, from, to);
  } else {
    for (; x + 2 <= width; x += 2, to += 2 * channels) {
      const int8_t *const a = gather(p, input, y, x, columns);
      const int8_t *const b = gather(p, input, y, x + 1, columns + depth);
      two_pixels(p, depth, a, b, to);
    }
    if (x < width) {
      one_pixel(p, depth, gather(p, input, y, x, columns), to);
    }
  }
  elite_finish_row(p->table, p->low, p->high, width * channels, output);
}
