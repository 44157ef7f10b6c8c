/* Checks that the network computes the same on the board as on the computer. */
#ifndef ELITE_SELF_TEST_H
#define ELITE_SELF_TEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Inputs in vectors_data.c, each followed by its expected output. */
extern const int32_t elite_vectors;
extern const int8_t elite_vectors_data[];

/* Sets the network up and runs the vectors. Returns how many outputs differ,
 * or elite_setup's error, which is negative. */
int32_t elite_self_test(void);

#ifdef __cplusplus
}
#endif

#endif
