#include "pooling.h"

#include "fixed_point.h"
#include "table.h"

static inline int32_t at_least(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }

void elite_average_pool_row(const elite_average_pool *p, const int8_t *input,
                            int32_t y, int8_t *output) {
  const int32_t top = y * p->stride_y - p->pad_top;
  const int32_t y_end = at_most(top + p->kernel_height, p->in_height);
  int8_t *to = output;
  for (int32_t x = 0; x < p->out_width; ++x) {
    const int32_t left = x * p->stride_x - p->pad_left;
    const int32_t x_begin = at_least(left, 0);
    const int32_t columns =
        at_most(left + p->kernel_width, p->in_width) - x_begin;
    for (int32_t c = 0; c < p->channels; ++c) {
      int32_t sum = 0, count = 0;
      for (int32_t r = at_least(top, 0); r < y_end; ++r, count += columns) {
        const int8_t *from =
            input + ((r % p->in_rows) * p->in_width + x_begin) * p->channels +
            c;
        for (int32_t k = columns; k > 0; --k, from += p->channels) {
          sum += *from;
        }
      }
      const int32_t half = sum > 0 ? count / 2 : -(count / 2);
      *to++ = (int8_t)((sum + half) / count);
    }
  }
  elite_finish_row(p->table, p->low, p->high, p->out_width * p->channels,
                   output);
}

void elite_mean_map(const elite_mean *p, const int8_t *input, int8_t *output) {
  for (int32_t c = 0; c < p->channels; ++c) {
    const int8_t *from = input + c;
    int32_t sum = -p->pixels * p->input_zero;
    for (int32_t i = p->pixels; i > 0; --i, from += p->channels) sum += *from;
    sum = elite_scale_by_any(sum, p->multiplier, p->shift);
    output[c] = elite_clamp(elite_add(sum, p->output_zero), -128, 127);
  }
  if (p->table) elite_table(p->table, output, p->channels, output);
}
