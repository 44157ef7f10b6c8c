/* The names of TensorFlow Lite Micro that the generated sources use, and no
 * more: a library to build them against where the real one is not at hand. */
#ifndef STUB_COMMON_H
#define STUB_COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifndef TF_LITE_STATIC_MEMORY
#error "sources must be compiled with TF_LITE_STATIC_MEMORY"
#endif

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
enum TfLiteType { kTfLiteFloat32 = 1, kTfLiteInt8 = 9 };

union TfLitePtrUnion {
  float *f;
  int8_t *int8;
};

struct TfLiteTensor {
  TfLitePtrUnion data;
  size_t bytes;
  TfLiteType type;
};

#endif
