/* What the check asks of the machine that it runs on. */
#ifndef ELITE_PLATFORM_H
#define ELITE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Opens a file of the folder that the check is run in; 0 if there is none. */
int platform_open(const char *name);

/* Reads the next bytes of the open file; 0 if there are not so many. */
int platform_read(void *to, size_t bytes);

void platform_print(const char *text);

/* Memory that the program does not use: for a camera's pictures. */
void *platform_memory(size_t *bytes);

/* Instructions executed so far, in all; 0 where they cannot be counted. */
uint64_t platform_instructions(void);

/* The most bytes of stack that were in use; 0 where it is not known. */
uint32_t platform_stack_bytes(void);

#endif
