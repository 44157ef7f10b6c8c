/* Start-up code and platform of Arm's MPS boards in the emulator.
 *
 * Files and messages go through semihosting: the breakpoint instruction 0xab is
 * a request to the emulator. SysTick counts the instructions: in the emulator's
 * mode -icount shift=0 every instruction takes one nanosecond.
 */
#include <string.h>

#include "platform.h"

#ifndef ELITE_CLOCK_HZ
#error "define ELITE_CLOCK_HZ as the clock of SysTick"
#endif

#define STACK_PAINT UINT32_C(0xa5a5a5a5)

/* From the linker script. */
extern uint32_t data_begin[], data_end[], data_source[];
extern uint32_t bss_begin[], bss_end[], free_begin[], free_end[];
extern uint32_t stack_begin[], stack_end[];

int main(void);
void reset(void);
void fault(void);
void count_round(void);

/* Semihosting. */

enum {
  SYS_OPEN = 1,
  SYS_CLOSE = 2,
  SYS_WRITE0 = 4,
  SYS_READ = 6,
  SYS_EXIT_EXTENDED = 0x20
};

static int32_t ask(int32_t operation, const void *argument) {
  register int32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static void leave(uint32_t code) {
  const uint32_t exited = 0x20026; /* ADP_Stopped_ApplicationExit */
  const uint32_t argument[2] = {exited, code};
  for (;;) ask(SYS_EXIT_EXTENDED, argument);
}

static int32_t file = -1;

int platform_open(const char *name) {
  const struct {
    const char *name;
    uint32_t mode, length;
  } argument = {name, 1 /* binary, read */, (uint32_t)strlen(name)};
  if (file >= 0) ask(SYS_CLOSE, &file);
  file = ask(SYS_OPEN, &argument);
  return file >= 0;
}

int platform_read(void *to, size_t bytes) {
  const struct {
    int32_t file;
    void *to;
    uint32_t bytes;
  } argument = {file, to, (uint32_t)bytes};
  return ask(SYS_READ, &argument) == 0; /* The number of bytes not read. */
}

void platform_print(const char *text) { ask(SYS_WRITE0, text); }

void *platform_memory(size_t *bytes) {
  *bytes = (size_t)((uint8_t *)free_end - (uint8_t *)free_begin);
  return free_begin;
}

/* SysTick counts down from 2^24 - 1. */

#define SYSTICK ((volatile uint32_t *)0xe000e010)
#define ROUND UINT32_C(0x1000000)

static volatile uint32_t rounds;

void count_round(void) { ++rounds; }

uint64_t platform_instructions(void) {
  uint32_t before, left;
  do {
    before = rounds;
    left = SYSTICK[2];
  } while (before != rounds);
  const uint64_t ticks = (uint64_t)before * ROUND + (ROUND - 1 - left);
  return ticks * (UINT32_C(1000000000) / 32) / (ELITE_CLOCK_HZ / 32);
}

uint32_t platform_stack_bytes(void) {
  const uint32_t *p = stack_begin;
  while (p < stack_end && *p == STACK_PAINT) ++p;
  return (uint32_t)((const uint8_t *)stack_end - (const uint8_t *)p);
}

/* Start. */

void reset(void) {
#if defined(__ARM_FP)
  *(volatile uint32_t *)0xe000ed88 |= UINT32_C(0xf) << 20; /* FPU on */
  __asm__ volatile("dsb\n isb");
#endif
  const uint32_t *from = data_source;
  for (uint32_t *to = data_begin; to < data_end;) *to++ = *from++;
  for (uint32_t *to = bss_begin; to < bss_end;) *to++ = 0;
  uint32_t *stack;
  __asm__ volatile("mov %0, sp" : "=r"(stack));
  for (uint32_t *to = stack_begin; to < stack - 16;) *to++ = STACK_PAINT;
  SYSTICK[1] = ROUND - 1;
  SYSTICK[2] = 0;
  SYSTICK[0] = 7; /* The processor's clock, one interrupt per round, on. */
  leave((uint32_t)main());
}

void fault(void) {
  platform_print("elite fault 1\n");
  leave(2);
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const handler vectors[16] = {
    (handler)(void *)stack_end, reset, fault, fault, fault, fault, fault,
    fault, 0, 0, 0, fault, fault, 0, fault, count_round};
