/* Vitrine's C interface: classify pictures and get their embeddings. C11 and C++.
 *
 *   vitrine_model* model = NULL;
 *   vitrine_picture picture = {.size = sizeof picture, .file = "photo.jpg"};
 *   int64_t classes[5];
 *   float probabilities[5];
 *   if (vitrine_open("model.safetensors", &model) ||
 *       vitrine_classify(model, &picture, 1, 5, classes, probabilities))
 *     fprintf(stderr, "%s\n", vitrine_last_error());
 *   vitrine_close(model);
 *
 * Errors. A function that can fail returns a status, or -1 or NULL where it says so, and
 * vitrine_last_error() says in one line what, where, and what to do. Nothing is printed, no
 * exception leaves, and no mistake of the caller ends the program: null pointers, sizes that do not
 * fit, and models that were closed are reported. After a failure, results are undefined.
 *
 * Threads. Every function may be called from any thread at any time.
 *   1. Several threads may use one model, and several models, at once; results are the same bits.
 *   2. vitrine_close lets calls that use the model finish; strings of the model end with it.
 *   3. vitrine_set_threads, vitrine_set_isa, vitrine_set_executor, vitrine_set_openmp and
 *      vitrine_stop_threads are for the whole process: they wait for calls that compute, and those
 *      that come later wait for them. From inside such a call, in an executor or one of its tasks,
 *      they would wait for themselves, and are VITRINE_ERROR_USAGE.
 *   4. The last error belongs to the thread in which it happened.
 *   5. After fork() a child starts threads of its own; no call may run while its parent forks. With
 *      OpenMP's threads a child may use Vitrine only if its parent had not.
 *   6. Where the system refuses threads, calls go on with fewer. dlclose() leaves the library
 *      loaded.
 *
 * Files are read, never mapped: one that is cut short, written over or fails while a call runs is
 * an error of that call, and afterwards changes nothing. Pipes and devices are refused. Texts of
 * files in errors and notes have their control characters escaped; labels are as the file has them.
 *
 * Results are the same bits for any number of threads, and for a picture alone or among others.
 *
 * ABI. Functions are only added. Structs that begin with `size` may grow at their ends; it tells
 * which one it is.
 */
#ifndef VITRINE_H
#define VITRINE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define VITRINE_API __attribute__((visibility("default")))
#else
#define VITRINE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* What went wrong. New codes may come: treat an unknown one as a failure. */
typedef enum vitrine_status {
  VITRINE_OK = 0,
  VITRINE_ERROR_SHAPE = 1,   /* sizes that do not fit together; a buffer that is too small */
  VITRINE_ERROR_USAGE = 2,   /* a null pointer, a closed model, an unknown name or option */
  VITRINE_ERROR_IO = 3,      /* the operating system refuses: a file that is missing */
  VITRINE_ERROR_FORMAT = 4,  /* a file whose content is wrong */
  VITRINE_ERROR_MEMORY = 5,  /* the operating system gives no memory */
  VITRINE_ERROR_INTERNAL = 6 /* a mistake in Vitrine */
} vitrine_status;

/* An open model. Not a pointer to anything: a closed one is recognised, and never used again. */
typedef struct vitrine_model vitrine_model;

/* A picture: exactly one of `file`, `encoded` and `pixels` is set, all that does not apply is zero.
 * A library that was made with DECODERS=0 takes `pixels` alone, else VITRINE_ERROR_FORMAT.
 * It may be of any size: it is resized, cropped and normalised as the model wants it. */
typedef struct vitrine_picture {
  size_t size; /* sizeof(vitrine_picture), the same in all pictures of an array */

  const char* file; /* path of a PNG or JPEG file */

  const void* encoded; /* a PNG or JPEG file in memory */
  size_t encoded_bytes;

  const uint8_t* pixels; /* (height, width, channels), row-major */
  int64_t height;
  int64_t width;
  int64_t channels;   /* 1 grey, 3 RGB, 4 RGBA: alpha is ignored, as in files */
  int64_t row_stride; /* bytes from one row to the next; 0 for width * channels */

  int64_t ignore_orientation; /* of files: not 0 if EXIF shall not turn the picture upright */
} vitrine_picture;

/* "0.1.0" */
VITRINE_API const char* vitrine_version(void);

/* "ok", "shape error", ...; "unknown" for another number. */
VITRINE_API const char* vitrine_status_name(int status);

/* One line about the last failure in this thread, "" before the first. Valid until the next one. */
VITRINE_API const char* vitrine_last_error(void);

/* --- models --- */

/* Opens a model. Its weights are packed for this processor.
 *   path   a file: Vitrine's or timm's .safetensors, torchvision's or timm's .pth, Google's .npz;
 *          a folder: of a training run, of Hugging Face or timm;
 *          NULL, "" or "fashion_vit": the model that is installed with Vitrine
 *   model  gets the model, or NULL on failure */
VITRINE_API vitrine_status vitrine_open(const char* path, vitrine_model** model);

/* How a model is opened. All that is not wanted is zero. */
typedef struct vitrine_open_options {
  size_t size; /* sizeof(vitrine_open_options) */

  /* Pixels of the pictures that the network shall see, both or neither; 0 for its own size. Vision
   * transformers and hybrids take multiples of the pixels of a patch (of a patch of 16: 224, 384),
   * networks of convolutions any. Pictures are prepared by the model's own rule; vitrine_notes has
   * what was chosen, and vitrine_input_size the new size. */
  int64_t image_height;
  int64_t image_width;
  /* How a position embedding gets to the new size: "bicubic-antialias" (timm), "bicubic" (Hugging
   * Face), "bicubic-corners" (torchvision), "bilinear" or "bilinear-corners" (Google); NULL or ""
   * for the way of where the weights come from. */
  const char* position_resampling;
  /* What weights are kept in: "f32", or "int8" with one scale per output: a quarter of the memory,
   * and faster; activations then have 8 bits too, so answers differ a little (`vitrine quantize`
   * shows by how much). NULL or "" for what the file has. */
  const char* precision;
} vitrine_open_options;

/* vitrine_open with options; NULL for none. A size that the network cannot take, a resampling that
 * is unknown or has no size or embedding, an unknown precision, and an impossible `size` are
 * VITRINE_ERROR_USAGE. The same file may be open at several sizes and precisions; each is a model
 * of its own. */
VITRINE_API vitrine_status vitrine_open_with(const char* path, const vitrine_open_options* options,
                                             vitrine_model** model);

/* Ends a model and gives its memory back. NULL is allowed. */
VITRINE_API vitrine_status vitrine_close(vitrine_model* model);

/* The pictures that the network sees: height and width in pixels, channels 1 (grey) or 3 (RGB). Any
 * of the pointers may be NULL. */
VITRINE_API vitrine_status vitrine_input_size(const vitrine_model* model, int64_t* height,
                                              int64_t* width, int64_t* channels);

/* Number of classes; 0 if the model gives embeddings alone; -1 on failure. */
VITRINE_API int64_t vitrine_class_count(const vitrine_model* model);

/* Numbers of an embedding; -1 on failure. */
VITRINE_API int64_t vitrine_embedding_size(const vitrine_model* model);

/* Name of a class from 0 on, UTF-8, "class 7" if the model has no names; valid until the model is
 * closed. NULL on failure. */
VITRINE_API const char* vitrine_label(const vitrine_model* model, int64_t index);

/* What was decided on reading a file of another program, a line each; "" if nothing. Valid until
 * the model is closed. NULL on failure. */
VITRINE_API const char* vitrine_notes(const vitrine_model* model);

/* --- pictures --- */

/* The `top` most probable classes of each picture, most probable first:
 *   classes, probabilities   (count, top); a model with fewer classes fills up with -1 and 0 */
VITRINE_API vitrine_status vitrine_classify(const vitrine_model* model,
                                            const vitrine_picture* pictures, size_t count,
                                            size_t top, int64_t* classes, float* probabilities);

/* The network's answers before softmax: (count, vitrine_class_count).
 *   floats   room in `logits`, at least count * vitrine_class_count(model) */
VITRINE_API vitrine_status vitrine_logits(const vitrine_model* model,
                                          const vitrine_picture* pictures, size_t count,
                                          float* logits, size_t floats);

/* What the network's head sees, not normalised to length 1: (count, vitrine_embedding_size).
 *   floats   room in `embeddings`, at least count * vitrine_embedding_size(model) */
VITRINE_API vitrine_status vitrine_embed(const vitrine_model* model,
                                         const vitrine_picture* pictures, size_t count,
                                         float* embeddings, size_t floats);

/* What vitrine_embed_with gives of a picture: all that is not wanted is zero. Only `unit_length`
 * goes with networks that are no vision transformers. */
typedef struct vitrine_embed_options {
  size_t size; /* sizeof(vitrine_embed_options) */

  /* Blocks from 0 on, or negative from the last, which is -1; without any, the last block alone. */
  const int64_t* layers;
  int64_t layer_count;
  int64_t before_norm; /* not 0: as the blocks leave it, without the network's final norm */
  /* "all", or some of "class", "distillation", "registers" and "patches" with commas between them:
   * tokens instead of one vector, in the network's order, which is that; the patches row by row. */
  const char* tokens;
  /* Of a vector: "token", "avg", "max", "avgmax" (half of the sum of both) or "token_avg" (both
   * side by side), over the class token or the patches; NULL or "" for the network's own. */
  const char* pool;
  int64_t unit_length; /* not 0: every vector is divided by its length */
} vitrine_embed_options;

/* The numbers of a picture's embedding: layers x tokens x width, row-major. */
typedef struct vitrine_embedding_shape {
  size_t size; /* sizeof(vitrine_embedding_shape), set by the caller */

  int64_t layers; /* as many as there are in the options, at least 1 */
  int64_t tokens; /* 1 for one vector */
  int64_t width;
  /* Of the tokens: how many there are of each kind, in this order; 0 for one vector. */
  int64_t class_tokens;
  int64_t distillation_tokens;
  int64_t registers;
  int64_t grid_height; /* patches: grid_height * grid_width of them, row by row */
  int64_t grid_width;
} vitrine_embedding_shape;

/* Of embeddings with these options; NULL for none. What the model does not have, and options that
 * are unknown, are VITRINE_ERROR_USAGE. */
VITRINE_API vitrine_status vitrine_embedding_shape_of(const vitrine_model* model,
                                                      const vitrine_embed_options* options,
                                                      vitrine_embedding_shape* shape);

/* vitrine_embed with options: (count, layers, tokens, width).
 *   floats   room in `embeddings`, at least count * layers * tokens * width */
VITRINE_API vitrine_status vitrine_embed_with(const vitrine_model* model,
                                              const vitrine_embed_options* options,
                                              const vitrine_picture* pictures, size_t count,
                                              float* embeddings, size_t floats);

/* --- the process --- */

/* Threads that one call may use: 1 to 1024; 0 for $VITRINE_THREADS, else all processors that the
 * process may use. */
VITRINE_API vitrine_status vitrine_set_threads(int threads);
VITRINE_API int vitrine_threads(void);

/* Ends the threads of Vitrine's pool and waits for them: for a host that wants nothing of Vitrine's
 * to run, after its last model is closed. The next call that needs threads starts new ones.
 * OpenMP's threads and the host's own stay. */
VITRINE_API vitrine_status vitrine_stop_threads(void);

/* The instruction set: "reference", "sse42", "avx2", "avx512", "neon64", or one with other products
 * of int8 and bf16, as "avx2+vnni"; at first $VITRINE_ISA, else the widest that the processor has.
 * Refused while a model is open. "avx512+amx": the first model in int8 or bf16 asks Linux for AMX's
 * tiles; where it grants them, signal stacks of this process need some 11 KiB from then on, and
 * where it refuses them, "avx512+bf16" multiplies. */
VITRINE_API vitrine_status vitrine_set_isa(const char* isa);
/* The one in use; NULL on failure. */
VITRINE_API const char* vitrine_isa(void);

/* The host's own thread pool instead of Vitrine's: calls task(context, i, worker) exactly once for
 * every i in [0, count), with worker in [0, vitrine_threads()) and no two calls at once with the
 * same worker, and returns when all are done. NULL for Vitrine's. */
typedef void (*vitrine_task)(const void* context, int64_t i, int worker);
typedef void (*vitrine_executor)(int64_t count, vitrine_task task, const void* context);
VITRINE_API vitrine_status vitrine_set_executor(vitrine_executor executor);

/* Whether Vitrine's threads are OpenMP's (1) or a pool of its own (0); at first $VITRINE_EXECUTOR,
 * "openmp" or "pool", else the pool. VITRINE_ERROR_USAGE in a library that was not made with
 * OPENMP=1. OpenMP's runtime ends the process if the system refuses it a thread. */
VITRINE_API vitrine_status vitrine_set_openmp(int openmp);

#ifdef __cplusplus
}
#endif

#endif
