/* Fixed-point arithmetic.
 *
 * A real factor is multiplier * 2^(shift - 31), where the multiplier has 31
 * significant bits. The product is rounded twice: once to 32 bits, halves up,
 * and once after the shift to the right, halves away from zero.
 *
 * Sums wrap around in two's complement. They are computed with unsigned numbers,
 * whose overflow is defined.
 */
#ifndef ELITE_FIXED_POINT_H
#define ELITE_FIXED_POINT_H

#include <stdint.h>

#include "dsp.h"

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

/* The same, for a multiplier of 2^30 or more: one instruction, which adds the
 * high word of x * (2 * multiplier - 2^32) to x. */
static inline int32_t elite_high_product_31(int32_t x, int32_t multiplier) {
#if ELITE_DSP
  int32_t product;
  __asm__("smmlar %0, %1, %2, %1"
          : "=r"(product)
          : "r"(x), "r"((int32_t)((uint32_t)multiplier << 1)));
  return product;
#else
  return elite_high_product(x, multiplier);
#endif
}

/* x * multiplier * 2^(shift - 31), shift from -31 to 30, multiplier 2^30 or
 * more. */
static inline int32_t elite_scale(int32_t x, int32_t multiplier,
                                  int32_t shift) {
  if (shift >= 0) {
    return elite_high_product_31((int32_t)((uint32_t)x << shift), multiplier);
  }
  x = elite_high_product_31(x, multiplier);
  /* As elite_shift_right; halving last keeps the sum within 32 bits. */
  return (((x + (x >> 31)) >> ~shift) + 1) >> 1;
}

/* The same for any multiplier that is not negative. */
static inline int32_t elite_scale_by_any(int32_t x, int32_t multiplier,
                                         int32_t shift) {
  if (shift >= 0) {
    return elite_high_product((int32_t)((uint32_t)x << shift), multiplier);
  }
  return elite_shift_right(elite_high_product(x, multiplier), -shift);
}

static inline int8_t elite_clamp(int32_t x, int32_t low, int32_t high) {
  return (int8_t)(x < low ? low : x > high ? high : x);
}

static inline int8_t elite_saturate(int32_t x) {
#if ELITE_DSP
  return (int8_t)__ssat(x, 8);
#else
  return elite_clamp(x, -128, 127);
#endif
}

#endif
