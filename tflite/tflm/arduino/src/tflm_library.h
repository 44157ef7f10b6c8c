/* The library that holds TensorFlow Lite Micro. Arduino finds a library by its
 * top header; this is the header of Arduino_TensorFlowLite. */
#include <TensorFlowLite.h>
