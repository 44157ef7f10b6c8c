#ifndef STUB_INTERPRETER_H
#define STUB_INTERPRETER_H

#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tflite {

class MicroInterpreter {
 public:
  MicroInterpreter(const Model *model, const MicroOpResolver &resolver,
                   uint8_t *arena, size_t arena_bytes);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor *input(size_t index);
  TfLiteTensor *output(size_t index);
  size_t arena_used_bytes() const;

 private:
  const Model *model_;
  const MicroOpResolver &resolver_;
  uint8_t *arena_;
  size_t arena_bytes_;
  TfLiteTensor input_, output_;
};

}  // namespace tflite

#endif
