// The one translation unit that holds stb_image_write (Debian's libstb-dev). Only core/image.cpp
// calls it.

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
