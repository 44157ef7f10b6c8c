/* Prints to the serial port whether the board computes the same as the
 * computer. */
#include <EliteModel.h>

void setup() {
  Serial.begin(115200);
  while (!Serial) {
  }
  const int32_t different = elite_self_test();
  if (different < 0) {
    Serial.print("elite error ");
    Serial.println(different);
    return;
  }
  Serial.print("elite vectors ");
  Serial.println(elite_vectors);
  Serial.print("elite equal ");
  Serial.println(elite_vectors - different);
  Serial.print("elite arena ");
  Serial.println((unsigned long)elite_arena_used());
}

/* With a camera: elite_labels[elite_classify(pixels, height, width, memory)] if
 * the result of elite_classify is 0 or more. */
void loop() {}
