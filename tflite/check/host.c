/* The platform of a computer. */
#include <stdio.h>
#include <stdlib.h>

#include "platform.h"

static FILE *file;

int platform_open(const char *name) {
  if (file) fclose(file);
  file = fopen(name, "rb");
  return file != NULL;
}

int platform_read(void *to, size_t bytes) {
  return fread(to, 1, bytes, file) == bytes;
}

void platform_print(const char *text) {
  fputs(text, stdout);
  fflush(stdout);
}

void *platform_memory(size_t *bytes) {
  static _Alignas(16) uint8_t memory[1 << 26];
  *bytes = sizeof memory;
  return memory;
}

uint64_t platform_instructions(void) { return 0; }

uint32_t platform_stack_bytes(void) { return 0; }
