#include <stdint.h>
#include <stdio.h>

struct Port {
  explicit operator bool() const { return true; }
  void begin(long) {}
  void print(const char *text) { fputs(text, stdout); }
  void println(long number) { printf("%ld\n", number); }
  void println(unsigned long number) { printf("%lu\n", number); }
  void println(int number) { printf("%d\n", number); }
};
static Port Serial;
