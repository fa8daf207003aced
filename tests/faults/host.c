/* A program around libvitrine.so whose memory ends: run under fail.so (fail.c).
 *
 *   host memory MODEL [STEP]   the n-th malloc of opening a model, three calls and closing it
 *                              fails, for n = 1, 1 + STEP, ... [1], alone or with all that follow,
 *                              in a process that has just begun and in one that has done all this
 *                              before: each is a status, and then all works again, with the same
 *                              bits
 *   host steady MODEL          calls on raw pixels: none after the third calls malloc
 *
 * Prints lines of numbers; status 1 and a line on standard error for what is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vitrine.h>

void fail_from(long n, int always);
long fail_count(void);

enum { SIDE = 30, CLASSES = 10, WIDTH = 128, TOP = 3 };
static uint8_t g_pixels[SIDE * SIDE];

typedef struct Answer {
  float logits[2 * CLASSES], embedding[2 * WIDTH], probabilities[2 * TOP];
  int64_t classes[2 * TOP];
} Answer;

static int call(const vitrine_model* model, int side, Answer* a) {
  vitrine_picture pictures[2];
  for (int i = 0; i < 2; ++i) {
    pictures[i] = (vitrine_picture){.size = sizeof pictures[i],
                                    .pixels = g_pixels,
                                    .height = side,
                                    .width = side,
                                    .channels = 1};
  }
  int status = vitrine_logits(model, pictures, 2, a->logits, 2 * CLASSES);
  if (status == 0) status = vitrine_classify(model, pictures, 2, TOP, a->classes, a->probabilities);
  if (status == 0) status = vitrine_embed(model, pictures, 2, a->embedding, 2 * WIDTH);
  return status;
}

static int open_call_close(const char* path, Answer* a) {
  vitrine_model* model = NULL;
  memset(a, 0, sizeof *a);
  int status = vitrine_open(path, &model);
  if (status == 0) status = call(model, SIDE, a);
  const int closed = vitrine_close(model);
  return status != 0 ? status : closed;
}

/* --- memory that ends --------------------------------------------------------------------------
 */

enum { FINE, REFUSED, NO_MORE, WRONG };

/* In a process of its own: the n-th malloc fails. */
static int one(const char* path, long n, int always, int warm) {
  Answer before, failed, after;
  if (warm && open_call_close(path, &before) != 0) return WRONG;
  fail_from(n, always);
  const int status = open_call_close(path, &failed);
  const long calls = fail_count();
  if (status != 0 && status != VITRINE_ERROR_MEMORY) {
    fprintf(stderr, "malloc %ld: status %d: %s\n", n, status, vitrine_last_error());
    return WRONG;
  }
  if (open_call_close(path, &after) != 0) {
    fprintf(stderr, "malloc %ld: later: %s\n", n, vitrine_last_error());
    return WRONG;
  }
  if (status == 0 && memcmp(&failed, &after, sizeof after) != 0) {
    fprintf(stderr, "malloc %ld: other numbers\n", n);
    return WRONG;
  }
  return status != 0 ? REFUSED : calls < n ? NO_MORE : FINE;
}

static int memory(const char* path, long step) {
  int wrong = 0;
  for (int kind = 0; kind < 4; ++kind) {
    const int always = kind % 2;
    const int warm = kind / 2;
    long counts[2] = {0, 0};
    for (long n = 1;; n += step) {
      const pid_t child = fork();
      if (child == 0) _exit(one(path, n, always, warm));
      int status = 0;
      if (waitpid(child, &status, 0) != child) return 1;
      const int result = WIFEXITED(status) ? WEXITSTATUS(status) : WRONG;
      if (WIFSIGNALED(status)) {
        fprintf(stderr, "malloc %ld%s%s: signal %d\n", n, always ? " and all later" : "",
                warm ? ", later calls" : "", WTERMSIG(status));
      }
      if (result == NO_MORE) break;
      if (result == WRONG) {
        ++wrong;
      } else {
        ++counts[result];
      }
      if (wrong > 20) return 1;
    }
    printf("%s calls, %s: %ld times refused, %ld times done without\n", warm ? "later" : "first",
           always ? "all from the n-th malloc on fail" : "the n-th malloc fails", counts[REFUSED],
           counts[FINE]);
    fflush(stdout);
  }
  return wrong != 0;
}

/* --- calls that need none ----------------------------------------------------------------------
 */

static int steady(const char* path) {
  int wrong = 0;
  for (int threads = 1; threads <= 3; ++threads) {
    vitrine_model* model = NULL;
    Answer a;
    if (vitrine_set_threads(threads) != 0 || vitrine_open(path, &model) != 0) return 1;
    /* Of the network's size, and one that is resized. */
    for (int side = 28; side <= SIDE; side += SIDE - 28) {
      long calls = 0;
      for (int i = 0; i < 8; ++i) {
        fail_from(0, 0);
        const int status = call(model, side, &a);
        calls = fail_count();
        if (status != 0) return 1;
        if (i >= 3 && calls != 0) wrong = 1;
      }
      printf("%d threads, %d x %d pixels: %ld calls of malloc\n", threads, side, side, calls);
    }
    vitrine_close(model);
  }
  if (wrong) fprintf(stderr, "a call that was made before calls malloc\n");
  return wrong;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const long step = argc > 3 ? atol(argv[3]) : 1;
  for (int i = 0; i < SIDE * SIDE; ++i) g_pixels[i] = (uint8_t)(i * 7);
  return strcmp(argv[1], "steady") == 0 ? steady(argv[2]) : memory(argv[2], step);
}
