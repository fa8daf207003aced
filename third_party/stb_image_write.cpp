// The one translation unit that holds stb_image_write (Debian's libstb-dev). Only
// core/images/image.cpp calls it.

#include <cstdlib>
#include <new>

// Where there is no memory it would assert.
static void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
#define STBIW_MALLOC(size) or_throw(std::malloc(size))
#define STBIW_REALLOC(pointer, size) or_throw(std::realloc(pointer, size))
#define STBIW_FREE(pointer) std::free(pointer)

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
