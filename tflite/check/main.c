/* Runs the network and compares its outputs with expected outputs.
 *
 * vectors.bin: inputs and their expected outputs, byte for byte.
 * images.bin, if it exists: pictures with their labels and outputs. Like the
 * pictures of a camera, they go through elite_preprocess.
 *
 * Figures are printed as lines "elite NAME NUMBER". The exit code is 0 if all
 * outputs are as expected.
 */
#include <string.h>

#include "model.h"
#include "platform.h"
#include "preprocess.h"

#define MAGIC UINT32_C(0x54494c45)

static void print_number(const char *name, uint64_t number) {
  char digits[24];
  char *to = digits + sizeof digits;
  *--to = 0;
  *--to = '\n';
  do {
    *--to = (char)('0' + number % 10);
  } while (number /= 10);
  platform_print("elite ");
  platform_print(name);
  platform_print(" ");
  platform_print(to);
}

#ifdef ELITE_PROFILE
static uint64_t spent[ELITE_LAYERS], begun;

void elite_profile_begin(int32_t layer) {
  (void)layer;
  begun = platform_instructions();
}

void elite_profile_end(int32_t layer) {
  spent[layer] += platform_instructions() - begun;
}
#endif

static int check_vectors(void) {
  int8_t expected[ELITE_OUTPUT_BYTES], output[ELITE_OUTPUT_BYTES];
  uint32_t head[2];
  uint64_t instructions = 0;
  uint32_t equal = 0;
  if (!platform_open("vectors.bin") || !platform_read(head, sizeof head) ||
      head[0] != MAGIC) {
    platform_print("vectors.bin: missing or damaged\n");
    return 0;
  }
  for (uint32_t i = 0; i < head[1]; ++i) {
    if (!platform_read(elite_input(), ELITE_INPUT_BYTES) ||
        !platform_read(expected, sizeof expected)) {
      platform_print("vectors.bin: too short\n");
      return 0;
    }
    const uint64_t before = platform_instructions();
    elite_invoke(elite_input(), output);
    instructions = platform_instructions() - before;
    if (memcmp(output, expected, sizeof output) == 0) {
      ++equal;
    } else {
      print_number("different", i);
    }
  }
  print_number("vectors", head[1]);
  print_number("equal", equal);
  print_number("instructions", instructions);
  return equal == head[1];
}

static int check_images(void) {
  int8_t expected[ELITE_OUTPUT_BYTES], output[ELITE_OUTPUT_BYTES];
  uint32_t head[2], about[3]; /* label, height, width */
  uint64_t instructions = 0;
  uint32_t equal = 0, right = 0;
  size_t room;
  if (!platform_open("images.bin")) return 1;
  if (!platform_read(head, sizeof head) || head[0] != MAGIC) {
    platform_print("images.bin: damaged\n");
    return 0;
  }
  uint8_t *const memory = platform_memory(&room);
  for (uint32_t i = 0; i < head[1]; ++i) {
    if (!platform_read(about, sizeof about)) {
      platform_print("images.bin: too short\n");
      return 0;
    }
    const int32_t height = (int32_t)about[1], width = (int32_t)about[2];
    const size_t work = (elite_preprocess_bytes(height, width) + 15) / 16 * 16;
    const size_t bytes = (size_t)height * (size_t)width * ELITE_INPUT_CHANNELS;
    uint8_t *const pixels = memory + work;
    if (room < bytes || room - bytes < work) {
      platform_print("images.bin: its pictures do not fit the memory left\n");
      return 0;
    }
    if (!platform_read(pixels, bytes) ||
        !platform_read(expected, sizeof expected)) {
      platform_print("images.bin: too short\n");
      return 0;
    }
    const uint64_t before = platform_instructions();
    elite_preprocess(pixels, height, width, memory, elite_input());
    instructions = platform_instructions() - before;
    elite_invoke(elite_input(), output);
    uint32_t best = 0;
    for (uint32_t k = 1; k < ELITE_OUTPUT_BYTES; ++k) {
      if (output[k] > output[best]) best = k;
    }
    right += best == about[0];
    equal += memcmp(output, expected, sizeof output) == 0;
    print_number("image", i + 1);
  }
  print_number("images", head[1]);
  print_number("images_equal", equal);
  print_number("images_right", right);
  print_number("preprocess_instructions", instructions);
  return equal == head[1];
}

int main(void) {
#ifdef ELITE_SET_UP /* In TensorFlow Lite Micro's interpreter. */
  if (elite_setup() != 0) {
    platform_print("elite_setup: the library refuses the network\n");
    return 1;
  }
#endif
  int good = check_vectors();
#ifdef ELITE_PROFILE
  for (int32_t i = 0; i < ELITE_LAYERS; ++i) {
    print_number(elite_layer_names[i], spent[i]);
  }
#else
  print_number("stack", platform_stack_bytes());
  good = check_images() && good;
#endif
  return good ? 0 : 1;
}
