#include <stdint.h>
#include <stdlib.h>

static inline void stdio_init_all(void) {}
/* Nobody listens any more. */
static inline void sleep_ms(uint32_t ms) { exit(ms == 0); }
