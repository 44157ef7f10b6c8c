/* The functions of the machine that the check program runs on. */
#ifndef ELITE_PLATFORM_H
#define ELITE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Opens a file of the working directory; 0 if there is none. */
int platform_open(const char *name);

/* Reads the next bytes of the open file; 0 if there are fewer. */
int platform_read(void *to, size_t bytes);

void platform_print(const char *text);

/* Memory for pictures, which the program does not use. */
void *platform_memory(size_t *bytes);

/* Instructions executed so far; 0 if they cannot be counted. */
uint64_t platform_instructions(void);

/* The most bytes of stack in use so far; 0 if not known. */
uint32_t platform_stack_bytes(void);

#endif
