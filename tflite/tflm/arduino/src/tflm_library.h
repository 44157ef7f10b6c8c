/* The library with TensorFlow Lite Micro. Arduino finds a library by a header
 * at its top; this is the one of Arduino_TensorFlowLite. */
#include <TensorFlowLite.h>
