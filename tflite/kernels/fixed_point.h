/* Integer arithmetic that stands for real numbers.
 *
 * A real factor is multiplier * 2^(shift - 31), where the multiplier has 31
 * significant bits. The product is rounded twice: once to 32 bits, halves up,
 * and once after the shift to the right, halves away from zero.
 *
 * Sums wrap around as two's complement does, through unsigned numbers, so that
 * nothing here is undefined.
 */
#ifndef ELITE_FIXED_POINT_H
#define ELITE_FIXED_POINT_H

#include <stdint.h>

static inline int32_t elite_add(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* a * b / 2^31. */
static inline int32_t elite_high_product(int32_t a, int32_t b) {
  return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^exponent, exponent from 0 to 31, x above INT32_MIN. */
static inline int32_t elite_shift_right(int32_t x, int32_t exponent) {
  if (exponent == 0) return x;
  /* Halving last keeps the sum within 32 bits. */
  return (((x - (x < 0)) >> (exponent - 1)) + 1) >> 1;
}

/* x * multiplier * 2^(shift - 31), shift from -31 to 30. */
static inline int32_t elite_scale(int32_t x, int32_t multiplier,
                                  int32_t shift) {
  if (shift >= 0) {
    return elite_high_product((int32_t)((uint32_t)x << shift), multiplier);
  }
  return elite_shift_right(elite_high_product(x, multiplier), -shift);
}

static inline int8_t elite_clamp(int32_t x, int32_t low, int32_t high) {
  return (int8_t)(x < low ? low : x > high ? high : x);
}

#endif
