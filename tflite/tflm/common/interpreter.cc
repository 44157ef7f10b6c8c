/* The functions of model.h, by TensorFlow Lite Micro's interpreter.
 *
 * C++11 without exceptions and RTTI. Compile it with the definitions of the
 * library's build, in particular TF_LITE_STATIC_MEMORY, which changes the
 * library's structures.
 */
#include "model.h"

#ifdef ARDUINO
#include "tflm_library.h" /* Its library holds the following headers. */
#endif

#include <string.h>

#include "model_data.h"
#include "preprocess.h"
#include "resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

alignas(16) uint8_t arena[ELITE_ARENA_BYTES];

/* Null before the network is set up. */
tflite::MicroInterpreter *ready = nullptr;

bool holds(const TfLiteTensor *tensor, size_t bytes) {
  return tensor != nullptr && tensor->type == kTfLiteInt8 &&
         tensor->bytes == bytes;
}

int set_up() {
  static EliteResolver resolver;
  if (!elite_add_operators(resolver)) return ELITE_NO_OPERATOR;
  static tflite::MicroInterpreter interpreter(
      tflite::GetModel(elite_model_data), resolver, arena, sizeof arena);
  if (interpreter.AllocateTensors() != kTfLiteOk) return ELITE_NO_MEMORY;
  if (!holds(interpreter.input(0), ELITE_INPUT_BYTES) ||
      !holds(interpreter.output(0), ELITE_OUTPUT_BYTES)) {
    return ELITE_OTHER_LIBRARY;
  }
  ready = &interpreter;
  return 0;
}

}  // namespace

int elite_setup(void) {
  /* Once: operators cannot be registered again. */
  static int result = 1;
  if (result == 1) result = set_up();
  return result;
}

size_t elite_arena_used(void) {
  return ready == nullptr ? 0 : ready->arena_used_bytes();
}

int8_t *elite_input(void) {
  return ready == nullptr ? nullptr : ready->input(0)->data.int8;
}

int elite_invoke(const int8_t *input, int8_t *output) {
  memset(output, 0, ELITE_OUTPUT_BYTES);
  if (ready == nullptr) return ELITE_NOT_SET_UP;
  int8_t *const place = ready->input(0)->data.int8;
  if (input != place) memcpy(place, input, ELITE_INPUT_BYTES);
  if (ready->Invoke() != kTfLiteOk) return ELITE_FAILED;
  memcpy(output, ready->output(0)->data.int8, ELITE_OUTPUT_BYTES);
  return 0;
}

int32_t elite_classify(const uint8_t *pixels, int32_t height, int32_t width,
                       void *memory) {
  static int8_t output[ELITE_OUTPUT_BYTES];
  if (ready == nullptr) return ELITE_NOT_SET_UP;
  elite_preprocess(pixels, height, width, memory, elite_input());
  const int failed = elite_invoke(elite_input(), output);
  if (failed) return failed;
  int32_t best = 0;
  for (int32_t i = 1; i < ELITE_OUTPUT_BYTES; ++i) {
    if (output[i] > output[best]) best = i;
  }
  return best;
}
