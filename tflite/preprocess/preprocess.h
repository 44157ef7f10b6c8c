/* Turns a camera's picture into an input of the network.
 *
 * The central square is cropped and resized. The result equals Pillow's to the
 * last bit: bicubic, with a wider kernel if the picture becomes smaller,
 * horizontally first, rounded to whole pixels in between. Compile with
 * -ffp-contract=off: the kernel's weights are computed in double precision.
 */
#ifndef ELITE_PREPROCESS_H
#define ELITE_PREPROCESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of memory that elite_preprocess needs for pictures of this size; 0 if
 * they need none. */
size_t elite_preprocess_bytes(int32_t height, int32_t width);

/* Turns a picture into an input.
 *
 * pixels: height rows of width pixels of ELITE_INPUT_CHANNELS bytes each.
 * memory: elite_preprocess_bytes(height, width) bytes, at a multiple of 4.
 * input: ELITE_INPUT_BYTES numbers, such as elite_input().
 */
void elite_preprocess(const uint8_t *pixels, int32_t height, int32_t width,
                      void *memory, int8_t *input);

#ifdef __cplusplus
}
#endif

#endif
