#include "softmax.h"

#include "fixed_point.h"

/* The sum of the exponentials has 12 bits before the point. */
#define SUM_BITS 12

/* 2^31 / (1 + x / 2^31), for x >= 0: half of 1/d, where d = (1 + x / 2^31) / 2.
 * 1/d is computed by Newton's iteration from 48/17 - 32/17 d. Numbers named _q2
 * have two bits before the point, other numbers none. */
static int32_t reciprocal(int32_t x) {
  const int32_t one_q2 = INT32_C(1) << 29;
  const int32_t divisor = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t quotient_q2 =
      INT32_C(1515870810) + elite_high_product(divisor, INT32_C(-1010580540));
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t error_q2 = one_q2 - elite_high_product(divisor, quotient_q2);
    quotient_q2 += elite_high_product(quotient_q2, error_q2) * 4;
  }
  return quotient_q2 > INT32_MAX / 2 ? INT32_MAX : quotient_q2 * 2;
}

void elite_softmax_row(const elite_softmax *p, const int8_t *input,
                       int8_t *output) {
  int32_t largest = -128;
  for (int32_t i = 0; i < p->count; ++i) {
    if (input[i] > largest) largest = input[i];
  }
  uint32_t sum = 0;
  for (int32_t i = 0; i < p->count; ++i) {
    const int32_t e = p->exponential[largest - input[i]];
    if (e >= 0) sum += (uint32_t)elite_shift_right(e, SUM_BITS);
  }
  /* sum = 2^(31 - zeros) * (1 + fraction). */
  int32_t zeros = 0;
  while (zeros < 31 && !(sum << zeros >> 31)) ++zeros;
  const int32_t scale =
      reciprocal((int32_t)((sum << zeros) - (UINT32_C(1) << 31)));
  /* Above 31 if 512 numbers or more are almost equal. TensorFlow Lite Micro then
   * ends the program. */
  int32_t exponent = SUM_BITS - zeros + 31 - 8;
  if (exponent > 31) exponent = 31;
  for (int32_t i = 0; i < p->count; ++i) {
    const int32_t e = p->exponential[largest - input[i]];
    int32_t y = -128;
    if (e >= 0) {
      y += elite_shift_right(elite_high_product(scale, e), exponent);
    }
    output[i] = elite_clamp(y, -128, 127);
  }
}
