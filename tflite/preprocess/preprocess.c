#include "preprocess.h"

#include "model.h"

#if ELITE_INPUT_HEIGHT != ELITE_INPUT_WIDTH
#error "pictures are cropped to squares: the network's input must be square"
#endif

#define SIZE ELITE_INPUT_HEIGHT
#define CHANNELS ELITE_INPUT_CHANNELS

/* Weights are multiples of 2^-22: sums of 8-bit pixels fit into 32 bits, with
 * the overshoot of the weights. */
#define WEIGHT_BITS 22

/* The filter reaches two pixels to either side, pixels of the coarser grid. */
#define REACH 2.0

/* The pixels of the picture for a pixel of the output: count, from first on. */
typedef struct {
  int32_t first, count;
} span;

static double cubic(double x) {
  const double a = -0.5;
  if (x < 0.0) x = -x;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

static double support(int32_t side) {
  return side > SIZE ? REACH * ((double)side / SIZE) : REACH;
}

/* The most pixels for a pixel of the output. */
static int32_t taps(int32_t side) {
  const double reach = support(side);
  const int32_t whole = (int32_t)reach;
  return 2 * (whole < reach ? whole + 1 : whole) + 1;
}

/* The pixels for pixel x of the output, of a row of side pixels. */
static span pixels_of(int32_t side, int32_t x) {
  const double reach = support(side);
  const double centre = (x + 0.5) * ((double)side / SIZE);
  const double from = centre - reach + 0.5, to = centre + reach + 0.5;
  span s;
  s.first = from < 0.0 ? 0 : (int32_t)from;
  s.count = (to > side ? side : (int32_t)to) - s.first;
  return s;
}

/* Their weights. Computed twice, first for the sum: this needs no memory for
 * numbers in double precision. */
static span weights_of(int32_t side, int32_t x, int32_t *weights) {
  const span s = pixels_of(side, x);
  const double scale = (double)side / SIZE;
  const double narrower = 1.0 / (scale < 1.0 ? 1.0 : scale);
  const double centre = (x + 0.5) * scale;
  double sum = 0.0;
  for (int32_t i = 0; i < s.count; ++i) {
    sum += cubic((i + s.first - centre + 0.5) * narrower);
  }
  for (int32_t i = 0; i < s.count; ++i) {
    double w = cubic((i + s.first - centre + 0.5) * narrower);
    if (sum != 0.0) w /= sum;
    w *= INT32_C(1) << WEIGHT_BITS;
    weights[i] = (int32_t)(w < 0.0 ? w - 0.5 : w + 0.5);
  }
  return s;
}

/* The side of the central square of a picture that is used: its shorter side
 * or ELITE_CROP_EIGHTHS / 8 of it, to the nearest pixel. */
static int32_t side_of(int32_t height, int32_t width) {
  const int64_t side = height < width ? height : width;
  const int64_t taken = (side * ELITE_CROP_EIGHTHS + 4) / 8;
  return taken < 1 ? 1 : (int32_t)taken;
}

/* Whether a picture is used without resizing. */
static int fits(int32_t height, int32_t width) {
  return height == SIZE && width == SIZE && ELITE_CROP_EIGHTHS == 8;
}

static uint8_t to_pixel(int32_t sum) {
  const int32_t pixel = sum >> WEIGHT_BITS;
  return (uint8_t)(pixel < 0 ? 0 : pixel > 255 ? 255 : pixel);
}

size_t elite_preprocess_bytes(int32_t height, int32_t width) {
  const int32_t side = side_of(height, width);
  if (fits(height, width)) return 0;
  const size_t weights = (size_t)(SIZE + 1) * (size_t)taps(side);
  const size_t rows = (size_t)taps(side) * SIZE * CHANNELS;
  return weights * sizeof(int32_t) + SIZE * sizeof(span) + rows;
}

/* A row of the picture, resized to the width of the output. */
static void resize_row(const uint8_t *from, int32_t most, const span *spans,
                       const int32_t *weights, uint8_t *to) {
  for (int32_t x = 0; x < SIZE; ++x, weights += most) {
    for (int32_t c = 0; c < CHANNELS; ++c) {
      const uint8_t *pixel = from + spans[x].first * CHANNELS + c;
      int32_t sum = INT32_C(1) << (WEIGHT_BITS - 1);
      for (int32_t i = 0; i < spans[x].count; ++i, pixel += CHANNELS) {
        sum += *pixel * weights[i];
      }
      *to++ = to_pixel(sum);
    }
  }
}

static void resize(const uint8_t *from, int32_t step, int32_t side,
                   void *memory, int8_t *input) {
  const int32_t most = taps(side), row_bytes = SIZE * CHANNELS;
  int32_t *const across = memory;
  int32_t *const down = across + SIZE * most;
  span *const spans = (span *)(void *)(down + most);
  uint8_t *const rows = (uint8_t *)(spans + SIZE); /* a ring: the latest */
  for (int32_t x = 0; x < SIZE; ++x) {
    spans[x] = weights_of(side, x, across + x * most);
  }
  int32_t done = 0;
  for (int32_t y = 0; y < SIZE; ++y) {
    const span s = weights_of(side, y, down);
    if (done < s.first) done = s.first;
    for (; done < s.first + s.count; ++done) {
      resize_row(from + (size_t)done * (size_t)step, most, spans, across,
                 rows + done % most * row_bytes);
    }
    for (int32_t i = 0; i < row_bytes; ++i) {
      int32_t sum = INT32_C(1) << (WEIGHT_BITS - 1);
      for (int32_t k = 0; k < s.count; ++k) {
        sum += rows[(s.first + k) % most * row_bytes + i] * down[k];
      }
      *input++ = elite_input_codes[to_pixel(sum)];
    }
  }
}

void elite_preprocess(const uint8_t *pixels, int32_t height, int32_t width,
                      void *memory, int8_t *input) {
  if (fits(height, width)) {
    for (int32_t i = 0; i < ELITE_INPUT_BYTES; ++i) {
      input[i] = elite_input_codes[pixels[i]];
    }
    return;
  }
  const int32_t side = side_of(height, width);
  const int32_t top = (height - side) / 2, left = (width - side) / 2;
  const int32_t step = width * CHANNELS;
  resize(pixels + top * step + left * CHANNELS, step, side, memory, input);
}
