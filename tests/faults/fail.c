/* Loaded with LD_PRELOAD, makes one call of the system or the C library fail, from main() on:
 *
 *   FAIL_CALL    open, read, pread, write, fsync, rename, mmap, malloc or pthread_create
 *   FAIL_AT      the call of this kind that fails, from 1; 0 for none
 *   FAIL_ALWAYS  set: all that come later fail too
 *   FAIL_COUNT   file that gets the number of calls of this kind when main() ends
 *
 * A program may also say so itself, with fail_from and fail_count. What the C library calls of
 * itself is not seen: stdio's writes, malloc's own mmap. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum Call { OPEN, READ, PREAD, WRITE, FSYNC, RENAME, MMAP, MALLOC, PTHREAD_CREATE, NONE };
static const char* const kNames[] = {"open",   "read", "pread",  "write",         "fsync",
                                     "rename", "mmap", "malloc", "pthread_create"};
/* What the system says most often when these fail. */
static const int kErrors[] = {EMFILE, EIO, EIO, ENOSPC, EIO, EIO, ENOMEM, ENOMEM, EAGAIN};

static enum Call g_call = NONE;
static long g_at;
static int g_always;
static atomic_long g_count;

/* Looked up before anything fails. */
typedef FILE* (*Open)(const char*, const char*);
typedef int (*Create)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
static Open g_fopen;
static Create g_create;

__attribute__((constructor)) static void look_up(void) {
  g_fopen = (Open)dlsym(RTLD_NEXT, "fopen");
  g_create = (Create)dlsym(RTLD_NEXT, "pthread_create");
}

static int fails(enum Call call) {
  if (call != g_call) return 0;
  const long n = atomic_fetch_add(&g_count, 1) + 1;
  if (g_at == 0 || n < g_at || (n > g_at && !g_always)) return 0;
  errno = kErrors[call];
  return 1;
}

/* Calls of malloc are counted from now on; the n-th fails, and with `always` those behind it. */
void fail_from(long n, int always) {
  atomic_store(&g_count, 0);
  g_at = n;
  g_always = always;
  g_call = MALLOC;
}
/* No more of it; the calls that were counted. */
long fail_count(void) {
  g_call = NONE;
  return atomic_load(&g_count);
}

/* --- main() ------------------------------------------------------------------------------------
 */

typedef int (*Main)(int, char**, char**);
static Main g_main;

static void arm(void) {
  const char* name = getenv("FAIL_CALL");
  const char* at = getenv("FAIL_AT");
  if (name == NULL || at == NULL) return;
  g_at = atol(at);
  g_always = getenv("FAIL_ALWAYS") != NULL;
  for (int i = 0; i < NONE; ++i) {
    if (strcmp(name, kNames[i]) == 0) g_call = (enum Call)i;
  }
}

static int counted_main(int argc, char** argv, char** environment) {
  const char* path = getenv("FAIL_COUNT");
  arm();
  const int status = g_main(argc, argv, environment);
  g_call = NONE;
  if (path != NULL) {
    FILE* file = fopen(path, "w");
    if (file == NULL) abort();
    fprintf(file, "%ld\n", atomic_load(&g_count));
    fclose(file);
  }
  return status;
}

typedef int (*Start)(Main, int, char**, void (*)(void), void (*)(void), void (*)(void), void*);
int __libc_start_main(Main main, int argc, char** argv, void (*init)(void), void (*fini)(void),
                      void (*rtld_fini)(void), void* stack_end) {
  g_main = main;
  const Start real = (Start)dlsym(RTLD_NEXT, "__libc_start_main");
  return real(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

/* --- files -------------------------------------------------------------------------------------
 */

int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  if (fails(OPEN)) return -1;
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}
int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  return openat(AT_FDCWD, path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, int) : 0;
  va_end(more);
  return openat(AT_FDCWD, path, flags, mode);
}
FILE* fopen(const char* path, const char* mode) { return fails(OPEN) ? NULL : g_fopen(path, mode); }
FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }
ssize_t read(int file, void* to, size_t bytes) {
  return fails(READ) ? -1 : syscall(SYS_read, file, to, bytes);
}
ssize_t pread(int file, void* to, size_t bytes, off_t offset) {
  return fails(PREAD) ? -1 : syscall(SYS_pread64, file, to, bytes, offset);
}
ssize_t pread64(int file, void* to, size_t bytes, off_t offset) {
  return pread(file, to, bytes, offset);
}
/* What is printed arrives. */
ssize_t write(int file, const void* from, size_t bytes) {
  return file > STDERR_FILENO && fails(WRITE) ? -1 : syscall(SYS_write, file, from, bytes);
}
ssize_t writev(int file, const struct iovec* from, int count) {
  return file > STDERR_FILENO && fails(WRITE) ? -1 : syscall(SYS_writev, file, from, count);
}
int fsync(int file) { return fails(FSYNC) ? -1 : (int)syscall(SYS_fsync, file); }
int fdatasync(int file) { return fails(FSYNC) ? -1 : (int)syscall(SYS_fdatasync, file); }
int rename(const char* from, const char* to) {
  return fails(RENAME) ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* --- memory ------------------------------------------------------------------------------------
 */

void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  if (fails(MMAP)) return MAP_FAILED;
  return (void*)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);
}
void* mmap64(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  return mmap(at, bytes, protection, flags, file, offset);
}

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void* malloc(size_t bytes) { return fails(MALLOC) ? NULL : __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) {
  return fails(MALLOC) ? NULL : __libc_calloc(count, bytes);
}
void* realloc(void* old, size_t bytes) { return fails(MALLOC) ? NULL : __libc_realloc(old, bytes); }
void* memalign(size_t alignment, size_t bytes) {
  return fails(MALLOC) ? NULL : __libc_memalign(alignment, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** to, size_t alignment, size_t bytes) {
  *to = memalign(alignment, bytes);
  return *to == NULL ? ENOMEM : 0;
}

/* --- threads -----------------------------------------------------------------------------------
 */

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* argument) {
  return fails(PTHREAD_CREATE) ? EAGAIN : g_create(thread, attributes, run, argument);
}
