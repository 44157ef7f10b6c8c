/* A program of your own around the sources that elite_tf.deploy generates.
 *
 * It reads one frame of a camera from its standard input, rows of pixels of
 * ELITE_INPUT_CHANNELS bytes, and prints the class and its probability. On a
 * board, take_picture() asks the camera instead.
 */
#include <stdio.h>

#include "labels.h"
#include "model.h"
#include "preprocess.h"

enum { HEIGHT = 120, WIDTH = 160, WORK_BYTES = 32 * 1024 };

static uint8_t frame[HEIGHT * WIDTH * ELITE_INPUT_CHANNELS];
static int32_t work[WORK_BYTES / sizeof(int32_t)];
static int8_t output[ELITE_OUTPUT_BYTES];

static int take_picture(void) {
  return fread(frame, 1, sizeof frame, stdin) == sizeof frame;
}

int main(void) {
  if (elite_preprocess_bytes(HEIGHT, WIDTH) > sizeof work) {
    fputs("WORK_BYTES is too small for frames of this size\n", stderr);
    return 1;
  }
  if (!take_picture()) {
    fputs("the frame is incomplete\n", stderr);
    return 1;
  }
  elite_preprocess(frame, HEIGHT, WIDTH, work, elite_input());
  elite_invoke(elite_input(), output);

  int best = 0;
  for (int i = 1; i < ELITE_CLASSES; ++i) {
    if (output[i] > output[best]) best = i;
  }
  const double probability =
      (output[best] - ELITE_OUTPUT_ZERO_POINT) * ELITE_OUTPUT_SCALE;
  printf("%s %.3f\n", elite_labels[best], probability);
  return 0;
}
