// The one translation unit that holds stb_image and stb_image_write (Debian's libstb-dev), for PNG.
// Only core/image.cpp calls them, and only with bytes that core/png_check lets pass.

#include <cstdlib>
#include <new>

#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR

// Memory starts as zero: samples that a damaged file does not define must not show what was there
// before, and the same file must always give the same image.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(pointer, size) std::realloc(pointer, size)
#define STBI_FREE(pointer) std::free(pointer)

// A damaged file may break what the decoder asserts, and must not end the program. Indices stay in
// their tables without the assertions.
#define STBI_ASSERT(condition) static_cast<void>(0)

#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>

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
