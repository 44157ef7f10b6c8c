/* The library that holds TensorFlow Lite Micro. Arduino finds a library by the
 * header at its top: this one is Arduino_TensorFlowLite's. */
#include <TensorFlowLite.h>
