/* Includes all headers that a sketch needs. */
#ifndef ELITE_ARDUINO_H
#define ELITE_ARDUINO_H

#include "labels.h"
#include "model.h"
#include "preprocess.h"
#include "self_test.h"

#endif
