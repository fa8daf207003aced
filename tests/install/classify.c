/* Says what is on a picture, with Vitrine's C interface:
 *
 *   cc -std=c11 classify.c $(pkg-config --cflags --libs vitrine) -o classify
 *   ./classify photo.jpg [model.safetensors]
 */
#include <inttypes.h>
#include <stdio.h>
#include <vitrine.h>

enum { TOP = 5 };

int main(int argc, char** argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: classify PICTURE [MODEL]\n");
    return 2;
  }
  vitrine_model* model = NULL;
  const vitrine_picture picture = {.size = sizeof picture, .file = argv[1]};
  int64_t classes[TOP];
  float probabilities[TOP];
  if (vitrine_open(argc > 2 ? argv[2] : NULL, &model) != VITRINE_OK ||
      vitrine_classify(model, &picture, 1, TOP, classes, probabilities) != VITRINE_OK) {
    fprintf(stderr, "classify: %s\n", vitrine_last_error());
    vitrine_close(model);
    return 1;
  }
  for (int i = 0; i < TOP && classes[i] >= 0; ++i) {
    printf("%6.2f %%  %" PRId64 "  %s\n", 100.0 * (double)probabilities[i], classes[i],
           vitrine_label(model, classes[i]));
  }
  vitrine_close(model);
  return 0;
}
