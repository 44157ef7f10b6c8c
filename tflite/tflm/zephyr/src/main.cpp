#include <zephyr/sys/printk.h>

#include "model.h"
#include "self_test.h"

int main(void) {
  const int32_t different = elite_self_test();
  if (different < 0) {
    printk("elite error %d\n", static_cast<int>(different));
    return 0;
  }
  printk("elite vectors %d\n", static_cast<int>(elite_vectors));
  printk("elite different %d\n", static_cast<int>(different));
  printk("elite arena %u\n", static_cast<unsigned>(elite_arena_used()));
  return 0;
}
