#include "copying.h"

#include <string.h>

void elite_pad_row(const elite_pad *p, const int8_t *input, int32_t y,
                   int8_t *output) {
  const int32_t width = p->in_width * p->channels;
  const int32_t from = y - p->pad_top;
  memset(output, p->zero, (size_t)(p->out_width * p->channels));
  if (from < 0 || from >= p->in_height) return;
  memcpy(output + p->pad_left * p->channels,
         input + (from % p->in_rows) * width, (size_t)width);
}

void elite_concatenation_row(const elite_concatenation *p,
                             const int8_t *const *inputs, int8_t *output) {
  for (int32_t x = 0; x < p->pixels; ++x) {
    for (int32_t i = 0; i < p->inputs; ++i) {
      const int32_t channels = p->channels[i];
      memcpy(output, inputs[i] + x * channels, (size_t)channels);
      output += channels;
    }
  }
}
