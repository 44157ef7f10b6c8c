/* Functions of one number: tables of all 256 results. */
#ifndef ELITE_TABLE_H
#define ELITE_TABLE_H

#include <stdint.h>

typedef struct {
  const int8_t *table; /* [256] */
} elite_lookup;

void elite_lookup_row(const elite_lookup *p, const int8_t *a, int32_t count,
                      int8_t *output);

/* output[i] = table[input[i] + 128]; the two may be the same memory. */
void elite_table(const int8_t *table, const int8_t *input, int32_t count,
                 int8_t *output);

/* Applies the table, or the limits if table is 0, to a row of the output. */
void elite_finish_row(const int8_t *table, int32_t low, int32_t high,
                      int32_t count, int8_t *output);

#endif
