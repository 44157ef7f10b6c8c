/* Functions of one number: a table of all 256. */
#ifndef ELITE_TABLE_H
#define ELITE_TABLE_H

#include <stdint.h>

typedef struct {
  const int8_t *table; /* of 256 */
} elite_lookup;

void elite_lookup_row(const elite_lookup *p, const int8_t *a, int32_t count,
                      int8_t *output);

/* output[i] = table[input[i] + 128]; the two may be the same memory. */
void elite_table(const int8_t *table, const int8_t *input, int32_t count,
                 int8_t *output);

/* The last step of a row: looks up a table, or applies limits without one. */
void elite_finish_row(const int8_t *table, int32_t low, int32_t high,
                      int32_t count, int8_t *output);

#endif
