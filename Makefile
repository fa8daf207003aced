# Vitrine. `make help` lists the targets. Everything that is built goes under build/.

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:

MODE   ?= release
PREFIX ?= /usr/local
CXX    := $(if $(filter default,$(origin CXX)),g++,$(CXX))
GOLDEN ?= $(wildcard ../shared/golden)
BASE   ?= origin/main
V      ?= 0
say     = $(if $(filter 0,$(V)),@printf '  %-5s %s\n' $(1) $(2);)
hush    = $(if $(filter 0,$(V)),@)

# --- how each mode compiles ----------------------------------------------------------------------

# Sanitizers make g++ 12 warn about its own library, so warnings are errors in release only.
FLAGS_release := -O2 -g1 -Werror
FLAGS_debug   := -Og -g -D_GLIBCXX_ASSERTIONS
FLAGS_asan    := -O1 -g -fsanitize=address -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS
FLAGS_ubsan   := -O1 -g -fsanitize=undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -g -fsanitize=thread
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FLAGS_neon    := -O2 -static
ifneq ($(filter tsan fuzz,$(MODE)),)
CXX := clang++-16
else ifeq ($(MODE),neon)
CXX := aarch64-linux-gnu-g++
endif

OUT     := $(if $(filter release,$(MODE)),build,build/$(MODE))
OBJ     := build/obj/$(MODE)
# Where the compiler is still to be installed, it will be the machine's own.
ARCH    := $(or $(shell $(CXX) -dumpmachine 2>/dev/null | cut -d- -f1),$(shell uname -m))
CLANG   := $(findstring clang,$(CXX))
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast \
           -Wimplicit-fallthrough $(if $(CLANG),-Wno-unused-function -Wno-pass-failed)
CXXFLAGS += -std=c++20 -fPIC -pthread -I. $(WARN) $(FLAGS_$(MODE))
# For one file and the link. ThreadSanitizer does not understand its run-time: nothing of clang's has it.
OPENMP_FLAG := $(if $(CLANG),,-fopenmp)
LDLIBS  := -ljpeg -lz -ldl $(OPENMP_FLAG)
# Everything but the kernels is plain IEEE arithmetic, the same on every processor.
BASELINE := -ffp-contract=off

# --- kernels: one object per file and ISA --------------------------------------------------------

ISAS_x86_64  := sse42 avx2 avx512
ISAS_aarch64 := neon64
ISAS         := $(ISAS_$(ARCH))
KERNEL       := -O3 -ffp-contract=fast $(if $(CLANG),,-fno-trapping-math)
ISA_sse42    := -msse4.2
ISA_avx2     := -mavx2 -mfma -mf16c
ISA_avx512   := -mavx512f -mavx512cd -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c \
                -mprefer-vector-width=512
# g++ 12 would read all of A's values ahead, and keep sums on the stack for it.
ISA_neon64   := $(if $(CLANG),,-fno-schedule-insns)

# Objects are made again when the flags change.
FLAGS := $(OBJ)/flags
ALL_FLAGS := $(CXX) $(CXXFLAGS) $(BASELINE) $(KERNEL) $(foreach i,$(ISAS),$(ISA_$(i)))
$(shell mkdir -p $(OBJ); [ "$$(cat $(FLAGS) 2>/dev/null)" = "$(ALL_FLAGS)" ] || echo "$(ALL_FLAGS)" >$(FLAGS))

# --- what there is -------------------------------------------------------------------------------

LIB_SOURCES    := $(wildcard core/*.cpp ops/*.cpp ops/kernels/*.cpp ops/reference/*.cpp models/*.cpp \
                  third_party/*.cpp)
KERNEL_SOURCES := $(wildcard ops/simd/*.cpp)
APP_SOURCES    := $(wildcard apps/*.cpp)
TEST_SOURCES   := $(wildcard tests/*.cpp tests/core/*.cpp tests/ops/*.cpp tests/models/*.cpp \
                  tests/apps/*.cpp)
GOLDEN_SOURCES := $(wildcard tests/golden/*.cpp)
HEADERS        := $(wildcard core/*.hpp ops/*.hpp ops/*/*.hpp models/*.hpp models/*.h apps/*.hpp tests/*.hpp \
                  tests/*/*.hpp)
SOURCES        := $(LIB_SOURCES) $(KERNEL_SOURCES) $(APP_SOURCES) $(TEST_SOURCES) $(GOLDEN_SOURCES) \
                  $(wildcard tests/fuzz/*.cpp)

objects         = $(patsubst %.cpp,$(OBJ)/%.o,$(1))
KERNEL_OBJECTS := $(foreach i,$(ISAS),$(patsubst ops/simd/%.cpp,$(OBJ)/ops/simd/$(i)/%.o,$(KERNEL_SOURCES)))
LIB_OBJECTS    := $(call objects,$(LIB_SOURCES)) $(KERNEL_OBJECTS)
LIB            := $(OBJ)/libvitrine.a
# main() of the program stays out of the tests.
APP_OBJECTS    := $(call objects,$(filter-out apps/main.cpp,$(APP_SOURCES)))

# Debian has no headers for another processor; those that do not depend on it are lent.
ifeq ($(MODE),neon)
LENT := build/neon/include
CXXFLAGS += -isystem $(LENT)
LDLIBS   := $(OPENMP_FLAG)
LIB_SOURCES += tests/emulation/no_libraries.cpp
LIB_OBJECTS += $(call objects,tests/emulation/no_libraries.cpp)
$(LIB_OBJECTS) $(call objects,$(TEST_SOURCES) $(GOLDEN_SOURCES)): | $(LENT)
$(LENT):
	@mkdir -p $@ && for h in fmt xsimd nlohmann catch2 stb zlib.h jpeglib.h jmorecfg.h jerror.h; do ln -sfn /usr/include/$$h $@/$$h; done
	@for h in zconf.h jconfig.h; do ln -sfn /usr/include/*-linux-gnu/$$h $@/$$h; done
endif

.PHONY: all
all: $(OUT)/vitrine ## the program, build/vitrine (MODE=release; debug, asan, ubsan, tsan)

include third_party/packages.mk

$(OUT)/vitrine: $(OBJ)/apps/main.o $(APP_OBJECTS) $(LIB)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $^ $(LDLIBS) -o $@

# The program only steers the library: more optimisation would only take longer to compile.
$(call objects,$(APP_SOURCES)): BASELINE += $(if $(filter release,$(MODE)),-O1)

$(LIB): $(LIB_OBJECTS)
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(OBJ)/%.o: %.cpp $(FLAGS) | $(PACKAGES_BUILD)
	$(call say,CXX,$<)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $(BASELINE) -MMD -MP -c $< -o $@

$(OBJ)/core/openmp_executor.o: CXXFLAGS += $(OPENMP_FLAG)
# Debian's headers: not clean under our warnings, and stb's arithmetic on damaged files overflows.
$(OBJ)/third_party/%.o: CXXFLAGS += -w -fwrapv $(if $(filter ubsan fuzz,$(MODE)),-fno-sanitize=undefined)

define kernel_rule
$(OBJ)/ops/simd/$(1)/%.o: ops/simd/%.cpp $(FLAGS) | $(PACKAGES_BUILD)
	$$(call say,$(1),$$<)mkdir -p $$(@D) && $$(CXX) $$(CXXFLAGS) $$(KERNEL) $$(ISA_$(1)) -DVT_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach i,$(ISAS),$(eval $(call kernel_rule,$(i))))

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# --- tests ---------------------------------------------------------------------------------------

TESTS  := $(OUT)/tests/unit_tests
CHECK  := $(OUT)/tests/golden_check
$(call objects,$(TEST_SOURCES)): | $(PACKAGES_TEST)
# Catch2's own implementation is most of the first build; it needs no optimisation.
$(OBJ)/tests/main.o: BASELINE += -O0 -w

$(TESTS): $(call objects,$(TEST_SOURCES)) $(APP_OBJECTS) $(LIB)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $^ $(LDLIBS) -o $@

$(CHECK): $(call objects,$(GOLDEN_SOURCES)) $(LIB)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $^ $(LDLIBS) -o $@

# What runs under emulation: no files but safetensors, so no zlib and no libjpeg, which are not here
# for aarch64.
KERNEL_TESTS := $(OUT)/tests/kernel_tests
$(KERNEL_TESTS): $(call objects,tests/main.cpp $(wildcard tests/ops/*.cpp)) $(LIB)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $^ $(LDLIBS) -o $@

# --- the library, installation -------------------------------------------------------------------

include models/library.mk

include tests/tests.mk

# --- checks of the source ------------------------------------------------------------------------

include tests/lint.mk

# --- help ----------------------------------------------------------------------------------------

.PHONY: help clean
clean: ## removes build/
	rm -rf build
help: ## this list
	@grep -hE '^[a-z][a-z -]*:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+)[^#]*## (.*)/  \1|\2/' | \
	  awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'
