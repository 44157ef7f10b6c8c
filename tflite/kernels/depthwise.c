#include "depthwise.h"

#include "dsp.h"
#include "fixed_point.h"
#include "table.h"

/* The input pixels and the weights of one pixel of the output. */
typedef struct {
  const int8_t *row[ELITE_DEPTHWISE_ROWS]; /* at the first column */
  const int8_t *weights;                   /* at the first row and column */
  int32_t rows, columns;                   /* inside the map */
  int32_t row_step, column_step;           /* from weight to weight */
  int32_t input_step;                      /* from column to column */
} window;

static inline int8_t finish(const elite_depthwise *p, int32_t channel,
                            int32_t sum) {
  const int32_t scaled =
      elite_scale(sum, p->multiplier[channel], p->shift[channel]);
  return elite_saturate(elite_add(scaled, p->output_zero));
}

#if ELITE_DSP

/* Channels c to c + 3, if every input channel has one output channel. */
static inline void four_channels(const elite_depthwise *p, const window *w,
                                 int32_t c, int8_t *output) {
  const int32_t zero = -p->input_zero;
  const int16x2_t offset = (int16x2_t)((zero & 0xffff) | (zero * 65536));
  int32_t s0 = p->bias[c], s1 = p->bias[c + 1];
  int32_t s2 = p->bias[c + 2], s3 = p->bias[c + 3];
  const int8_t *weights = w->weights + c;
  for (int32_t ky = 0; ky < w->rows; ++ky, weights += w->row_step) {
    const int8_t *x = w->row[ky] + c;
    const int8_t *v = weights;
    for (int32_t kx = w->columns; kx > 0; --kx) {
      const int8x4_t a = elite_load(x), b = elite_load(v);
      const int16x2_t a0 = elite_even_plus(offset, a);
      const int16x2_t a1 = elite_odd_plus(offset, a);
      const int16x2_t b0 = elite_even(b);
      const int16x2_t b1 = elite_odd(b);
      s0 = __smlabb(a0, b0, s0);
      s1 = __smlabb(a1, b1, s1);
      s2 = __smlatt(a0, b0, s2);
      s3 = __smlatt(a1, b1, s3);
      x += w->input_step;
      v += w->column_step;
    }
  }
  output[c] = finish(p, c, s0);
  output[c + 1] = finish(p, c + 1, s1);
  output[c + 2] = finish(p, c + 2, s2);
  output[c + 3] = finish(p, c + 3, s3);
}

#else

static inline void four_channels(const elite_depthwise *p, const window *w,
                                 int32_t c, int8_t *output) {
  int32_t sum[4] = {p->bias[c], p->bias[c + 1], p->bias[c + 2],
                    p->bias[c + 3]};
  const int8_t *weights = w->weights + c;
  for (int32_t ky = 0; ky < w->rows; ++ky, weights += w->row_step) {
    const int8_t *x = w->row[ky] + c;
    const int8_t *v = weights;
    for (int32_t kx = w->columns; kx > 0; --kx) {
      for (int32_t i = 0; i < 4; ++i) {
        sum[i] = elite_add(sum[i], (x[i] - p->input_zero) * v[i]);
      }
      x += w->input_step;
      v += w->column_step;
    }
  }
  for (int32_t i = 0; i < 4; ++i) output[c + i] = finish(p, c + i, sum[i]);
}

#endif

static inline void one_channel(const elite_depthwise *p, const window *w,
                               int32_t in, int32_t out, int8_t *output) {
  int32_t sum = p->bias[out];
  const int8_t *weights = w->weights + out;
  for (int32_t ky = 0; ky < w->rows; ++ky, weights += w->row_step) {
    const int8_t *x = w->row[ky] + in;
    const int8_t *v = weights;
    for (int32_t kx = w->columns; kx > 0; --kx) {
      sum = elite_add(sum, (*x - p->input_zero) * *v);
      x += w->input_step;
      v += w->column_step;
    }
  }
  output[out] = finish(p, out, sum);
}

/* The first k, from 0, at which from + k * dilation is 0 or more. */
static inline int32_t first_inside(int32_t from, int32_t dilation) {
  return from >= 0 ? 0 : (-from + dilation - 1) / dilation;
}

/* How many k, from 0 to count - 1, have from + k * dilation below size. */
static inline int32_t inside(int32_t from, int32_t dilation, int32_t count,
                             int32_t size) {
  if (from >= size) return 0;
  const int32_t fit = (size - from + dilation - 1) / dilation;
  return fit < count ? fit : count;
}

void elite_depthwise_row(const elite_depthwise *p, const int8_t *input,
                         int32_t y, int8_t *output) {
  const int32_t channels = p->in_channels, out_channels = p->out_channels;
  const int32_t top = y * p->stride_y - p->pad_top;
  const int32_t ky = first_inside(top, p->dilation_y);
  const int32_t ky_end =
      inside(top, p->dilation_y, p->kernel_height, p->in_height);
  const int8_t *rows[ELITE_DEPTHWISE_ROWS];
  for (int32_t k = ky; k < ky_end; ++k) {
    rows[k] = input + ((top + k * p->dilation_y) % p->in_rows) * p->in_width *
                          channels;
  }
  window w;
  w.row_step = p->kernel_width * out_channels;
  w.column_step = out_channels;
  w.input_step = p->dilation_x * channels;
  int8_t *to = output;
  for (int32_t x = 0; x < p->out_width; ++x, to += out_channels) {
    const int32_t left = x * p->stride_x - p->pad_left;
    const int32_t kx = first_inside(left, p->dilation_x);
    const int32_t kx_end =
        inside(left, p->dilation_x, p->kernel_width, p->in_width);
    w.columns = kx_end > kx ? kx_end - kx : 0;
    w.weights = p->weights;
    w.rows = w.columns > 0 && ky_end > ky ? ky_end - ky : 0;
    if (w.rows > 0) w.weights += (ky * p->kernel_width + kx) * out_channels;
    for (int32_t k = 0; k < w.rows; ++k) {
      w.row[k] = rows[ky + k] + (left + kx * p->dilation_x) * channels;
    }
    int32_t c = 0;
    if (out_channels == channels) {
      for (; c + 4 <= channels; c += 4) four_channels(p, &w, c, to);
      for (; c < channels; ++c) one_channel(p, &w, c, c, to);
    } else {
      const int32_t each = out_channels / channels;
      for (; c < out_channels; ++c) one_channel(p, &w, c / each, c, to);
    }
  }
  elite_finish_row(p->table, p->low, p->high, p->out_width * out_channels,
                   output);
}
