/* Words of four int8 numbers, for cores with the DSP instructions of Armv7E-M:
 * Cortex-M4, M7, M33, M55. On other cores ELITE_DSP is 0 and the kernels are
 * plain C; the results are the same. */
#ifndef ELITE_DSP_H
#define ELITE_DSP_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#include <arm_acle.h>
#define ELITE_DSP 1

static inline int8x4_t elite_load(const int8_t *p) {
  int8x4_t word;
  memcpy(&word, p, 4); /* One instruction: these cores read unaligned words. */
  return word;
}

/* Numbers 0 and 2 of a word, as two of 16 bits. */
static inline int16x2_t elite_even(int8x4_t word) { return __sxtb16(word); }
static inline int16x2_t elite_even_plus(int16x2_t offset, int8x4_t word) {
  return __sxtab16(offset, word);
}

/* Numbers 1 and 3. The instruction can rotate, its intrinsic cannot. */
static inline int16x2_t elite_odd(int8x4_t word) {
  int16x2_t pair;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
  return pair;
}
static inline int16x2_t elite_odd_plus(int16x2_t offset, int8x4_t word) {
  int16x2_t pair;
  __asm__("sxtab16 %0, %1, %2, ror #8"
          : "=r"(pair)
          : "r"(offset), "r"(word));
  return pair;
}

/* The larger, and the smaller, of each of the four numbers. The first
 * instruction sets the flags by which the second one selects. */
static inline int8x4_t elite_larger(int8x4_t a, int8x4_t b) {
  int8x4_t unused, result;
  __asm__("ssub8 %0, %2, %3\n\tsel %1, %2, %3"
          : "=&r"(unused), "=r"(result)
          : "r"(a), "r"(b));
  return result;
}
static inline int8x4_t elite_smaller(int8x4_t a, int8x4_t b) {
  int8x4_t unused, result;
  __asm__("ssub8 %0, %2, %3\n\tsel %1, %3, %2"
          : "=&r"(unused), "=r"(result)
          : "r"(a), "r"(b));
  return result;
}
#else
#define ELITE_DSP 0
#endif

#endif
