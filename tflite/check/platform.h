/* Functions of the machine that the check runs on. */
#ifndef ELITE_PLATFORM_H
#define ELITE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* Opens a file in the working folder; returns 0 if there is no such file. */
int platform_open(const char *name);

/* Reads the next bytes of the open file; returns 0 if the file is too short. */
int platform_read(void *to, size_t bytes);

void platform_print(const char *text);

/* Memory that the program does not use, for pictures of a camera. */
void *platform_memory(size_t *bytes);

/* Instructions executed so far; 0 if they cannot be counted. */
uint64_t platform_instructions(void);

/* Largest size of the stack so far in bytes; 0 if it is not known. */
uint32_t platform_stack_bytes(void);

#endif
