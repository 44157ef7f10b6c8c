/* Makes calls of kernels that a file asks for, on a board of 32 bits.
 *
 * calls.bin: networks after each other, each a head of seven words (MAGIC, bytes
 * of constants, calls, bytes of a call in words, where the output is, its bytes,
 * bytes of memory), its constants, its memory with the input in it, the output
 * expected, and the calls. A call is a kernel, its structure as words (pointers
 * first) and the other arguments. Addresses are offsets in the memory, or with
 * the highest bit set in the constants; all ones is no address.
 */
#include <string.h>

#include "convolution.h"
#include "copying.h"
#include "depthwise.h"
#include "elementwise.h"
#include "platform.h"
#include "pooling.h"
#include "softmax.h"
#include "table.h"

#define MAGIC UINT32_C(0x59414c50)
#define MOST (1 << 16)

static _Alignas(16) int8_t memory[MOST], constants[MOST], expected[MOST];

static void *at(uint32_t address) {
  if (address == UINT32_MAX) return 0;
  if (address >> 31) return constants + (address & INT32_MAX);
  return memory + address;
}

/* Which arguments a kernel takes is the order of `kernels.KERNELS`. */
static void call(uint32_t kernel, const uint32_t *s, const uint32_t *args) {
  const int8_t *a = at(args[0]), *b = at(args[1]);
  const int8_t *const inputs[] = {a, b, at(args[2])};
  const int32_t y = (int32_t)args[3], count = (int32_t)args[4];
  int8_t *const output = at(args[5]), *const scratch = at(args[6]);
  const void *const p = s;
  switch (kernel) {
    case 0: elite_convolution_row(p, a, y, output, scratch); break;
    case 1: elite_depthwise_row(p, a, y, output); break;
    case 2: elite_sum_row(p, a, b, count, output); break;
    case 3: elite_product_row(p, a, b, count, output); break;
    case 4: elite_average_pool_row(p, a, y, output); break;
    case 5: elite_mean_map(p, a, output); break;
    case 6: elite_softmax_row(p, a, output); break;
    case 7: elite_lookup_row(p, a, count, output); break;
    case 8: elite_pad_row(p, a, y, output); break;
    case 9: elite_concatenation_row(p, inputs, output); break;
  }
}

static void say(const char *name, uint32_t number) {
  char digits[12];
  char *to = digits + sizeof digits;
  *--to = 0;
  do {
    *--to = (char)('0' + number % 10);
  } while (number /= 10);
  platform_print(name);
  platform_print(to);
  platform_print("\n");
}

int main(void) {
  uint32_t head[7], networks = 0, different = 0, words[64];
  if (!platform_open("calls.bin")) return 2;
  for (; platform_read(head, sizeof head); ++networks) {
    if (head[0] != MAGIC || head[1] > MOST || head[6] > MOST) return 3;
    if (!platform_read(constants, head[1]) ||
        !platform_read(memory, head[6]) || !platform_read(expected, head[5])) {
      return 4;
    }
    for (uint32_t i = 0; i < head[2]; ++i) {
      if (!platform_read(words, head[3] * 4)) return 5;
      const uint32_t kernel = words[0], pointers = words[1];
      for (uint32_t k = 0; k < pointers; ++k) {
        words[9 + k] = (uint32_t)(uintptr_t)at(words[9 + k]);
      }
      call(kernel, words + 9, words + 2);
    }
    if (memcmp(memory + head[4], expected, head[5]) != 0) {
      say("different ", networks);
      ++different;
    }
  }
  say("networks ", networks);
  say("wrong ", different);
  return different != 0;
}
