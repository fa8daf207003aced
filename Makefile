# Vitrine. `make help` lists the targets. Everything that is built goes under build/.

MAKEFLAGS += --no-builtin-rules --no-print-directory
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PRECIOUS: build/obj/%.o build/packages/%

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
FLAGS_asan    := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS
FLAGS_ubsan   := -O1 -g1 -fsanitize=undefined -fno-sanitize-recover=all
FLAGS_tsan    := -O1 -g1 -fsanitize=thread
FLAGS_fuzz    := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
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
# What a release of the program holds of the C++ library is its own: less of it is resident, and it starts
# sooner. Not every system has that library as an archive.
ifeq ($(MODE),release)
SMALL = $(if $(findstring /,$(shell $(CXX) -print-file-name=libstdc++.a 2>/dev/null)),-static-libstdc++ -static-libgcc) \
         -Wl,--gc-sections -Wl,-z,pack-relative-relocs
endif
# Everything but the kernels is plain IEEE arithmetic, the same on every processor.
BASELINE := -ffp-contract=off

# --- kernels: one object per file and ISA --------------------------------------------------------

ISAS_x86_64  := sse42 avx2 avx512
ISAS_aarch64 := neon64
ISAS         := $(ISAS_$(ARCH))
KERNEL       := -O3 -ffp-contract=fast $(if $(CLANG),,-fno-trapping-math)
# Of sanitizers one file would take ten minutes otherwise: loops that are unrolled hold thousands of checks.
ifneq ($(filter asan ubsan tsan fuzz,$(MODE)),)
KERNEL += -O1
endif
ifneq ($(filter asan fuzz,$(MODE)),)
KERNEL += $(if $(CLANG),-mllvm -,--param )asan-instrumentation-with-call-threshold=0
endif
ISA_sse42    := -msse4.2
ISA_avx2     := -mavx2 -mfma -mf16c
ISA_avx512   := -mavx512f -mavx512cd -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c \
                -mprefer-vector-width=512
# g++ 12 would read all of A's values ahead, and keep sums on the stack for it.
ISA_neon64   := $(if $(CLANG),,-fno-schedule-insns)
# Refinements of an ISA have products of integers, or of bf16, of their own.
REFINED_x86_64  := avx2_vnni avx512_vnni avx512_bf16 avx512_amx
REFINED_aarch64 := neon64_dotprod neon64_i8mm neon64_bf16
REFINED         := $(REFINED_$(ARCH))
refined_sources  = $(if $(filter %bf16 %amx,$(1)),ops/simd/gemm.cpp ops/simd/peak.cpp) $(if $(filter %bf16,$(1)),,ops/simd/gemm_int8.cpp)
ISA_avx2_vnni      := $(ISA_avx2) -DVT_VNNI
ISA_avx512_vnni    := $(ISA_avx512) -DVT_VNNI
ISA_avx512_bf16    := $(ISA_avx512) -DVT_BF16
ISA_avx512_amx     := $(ISA_avx512) -mamx-tile -mamx-int8 -mamx-bf16 -DVT_AMX
ISA_neon64_dotprod := $(ISA_neon64) -march=armv8.2-a+dotprod -DVT_DOTPROD
ISA_neon64_i8mm    := $(ISA_neon64) -march=armv8.2-a+dotprod+i8mm -DVT_I8MM
ISA_neon64_bf16    := $(ISA_neon64) -march=armv8.2-a+bf16 -DVT_BF16

# Objects are made again when the flags change.
FLAGS := $(OBJ)/flags
ALL_FLAGS := $(CXX) $(CXXFLAGS) $(BASELINE) $(KERNEL) $(foreach i,$(ISAS) $(REFINED),$(ISA_$(i)))
$(shell mkdir -p $(OBJ); [ "$$(cat $(FLAGS) 2>/dev/null)" = "$(ALL_FLAGS)" ] || echo "$(ALL_FLAGS)" >$(FLAGS))

# --- what there is -------------------------------------------------------------------------------

include tests/rooms.mk

# Kernels in all their forms make one archive.
folders         = $(1) $(if $(filter ops/kernels,$(1)),ops/reference)
sources         = $(wildcard $(addsuffix /*.cpp,$(call folders,$(1))))
objects         = $(patsubst %.cpp,$(OBJ)/%.o,$(1))
KERNEL_SOURCES := $(wildcard ops/simd/*.cpp)
kernel_objects  = $(patsubst ops/simd/%.cpp,$(OBJ)/ops/simd/$(1)/%.o,$(2))
KERNEL_OBJECTS := $(foreach i,$(ISAS),$(call kernel_objects,$(i),$(KERNEL_SOURCES))) \
                  $(foreach i,$(REFINED),$(call kernel_objects,$(i),$(call refined_sources,$(i))))
TEST_SOURCES   := $(wildcard tests/*.cpp $(ROOMS:%=tests/%/*.cpp))
GOLDEN_SOURCES := $(wildcard tests/golden/*.cpp)
SOURCES        := $(foreach r,$(ROOMS),$(call sources,$(r))) $(KERNEL_SOURCES) $(wildcard third_party/*.cpp) \
                  $(TEST_SOURCES) $(GOLDEN_SOURCES) $(wildcard tests/fuzz/*.cpp)
HEADERS        := $(shell find core ops models apps tests -name '*.hpp' -o -name '*.h')

# What a room's archive holds; each file of third_party belongs to the lowest room that needs it. main()
# of the program stays out of the tests.
NEEDS_core        := third_party/fmt.cpp
NEEDS_core/images := $(filter-out $(NEEDS_core),$(wildcard third_party/*.cpp))
holds          = $(call objects,$(filter-out apps/main.cpp,$(call sources,$(1)))) \
                 $(if $(filter ops/kernels,$(1)),$(KERNEL_OBJECTS)) \
                 $(call objects,$(NEEDS_$(1)))
archive        = $(OBJ)/lib/$(subst /,_,$(1)).a
# A room's archive and those of all that it may see: what its tests are linked with.
archives       = $(foreach r,$(call seen,$(1)),$(call archive,$(r)))
LIBRARY_ROOMS := $(filter-out apps%,$(ROOMS))
LIB_OBJECTS    = $(foreach r,$(LIBRARY_ROOMS),$(call holds,$(r)))
LIB            = $(foreach r,$(LIBRARY_ROOMS),$(call archive,$(r)))

# Debian has no headers for another processor; those that do not depend on it are lent.
ifeq ($(MODE),neon)
LENT := build/neon/include
CXXFLAGS += -isystem $(LENT)
LDLIBS   := $(OPENMP_FLAG)
NEEDS_core/images += tests/emulation/no_libraries.cpp
$(LIB_OBJECTS) $(call objects,$(TEST_SOURCES) $(GOLDEN_SOURCES)): | $(LENT)
$(LENT):
	@mkdir -p $@ && for h in fmt xsimd nlohmann catch2 stb zlib.h jpeglib.h jmorecfg.h jerror.h; do ln -sfn /usr/include/$$h $@/$$h; done
	@for h in zconf.h jconfig.h; do ln -sfn /usr/include/*-linux-gnu/$$h $@/$$h; done
endif

.PHONY: all
all: $(OUT)/vitrine ## the program, build/vitrine (MODE=release; debug, asan, ubsan, tsan)

include third_party/packages.mk

$(OUT)/vitrine: $(OBJ)/apps/main.o $(call archives,apps)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $^ $(LDLIBS) $(SMALL) -o $@

# The same program for several ranks; only here MPI is known, and only this asks for it. What apps/mpi has
# comes before models/training/launched_group.cpp.
MPICXX ?= mpicxx
MPI_COMPILER := OMPI_CXX="$(CXX)" MPICH_CXX="$(CXX)" $(MPICXX) -DOMPI_SKIP_MPICXX -DMPICH_SKIP_MPICXX
.PHONY: mpi
mpi: $(OUT)/vitrine-mpi ## build/vitrine-mpi, which trains on many machines (mpirun; apps/mpi/README.md)
$(OUT)/vitrine-mpi: $(OBJ)/apps/main.o $(call archive,apps/mpi) $(call archives,apps)
	$(call say,LINK,$@)mkdir -p $(@D) && $(MPI_COMPILER) $(CXXFLAGS) $^ $(LDLIBS) -o $@
$(OBJ)/apps/mpi/%.o: CXX := $(MPI_COMPILER) -Wno-old-style-cast
$(call objects,$(call sources,apps/mpi)): | build/packages/mpi

# What only steers: more optimisation would take longer to compile, and nothing else.
STEERING := $(foreach r,$(filter apps%,$(ROOMS)) core/text models/networks models/weights models/training,$(call sources,$(r)))
$(call objects,$(STEERING)): BASELINE += $(if $(filter release,$(MODE)),-O1)

# Made again when a source comes or goes too.
define archive_rule
CONTENT_$(1) := $$(call holds,$(1))
$$(shell mkdir -p $(OBJ)/lib; f=$(call archive,$(1)).content; [ "$$$$(cat $$$$f 2>/dev/null)" = "$$(CONTENT_$(1))" ] || echo "$$(CONTENT_$(1))" >$$$$f)
$(call archive,$(1)): $$(CONTENT_$(1)) $(call archive,$(1)).content
	$$(call say,AR,$$@)rm -f $$@ && ar rcs $$@ $$(CONTENT_$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call archive_rule,$(r))))

$(OBJ)/%.o: %.cpp $(FLAGS) | $(PACKAGES_BUILD)
	$(call say,CXX,$<)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $(BASELINE) -MMD -MP -c $< -o $@

$(OBJ)/core/openmp_executor.o: CXXFLAGS += $(OPENMP_FLAG)
# Debian's headers: not clean under our warnings, and stb's arithmetic on damaged files overflows.
$(OBJ)/third_party/%.o: CXXFLAGS += -w -fwrapv $(if $(filter asan ubsan fuzz,$(MODE)),-fno-sanitize=undefined)

define kernel_rule
$(OBJ)/ops/simd/$(1)/%.o: ops/simd/%.cpp $(FLAGS) | $(PACKAGES_BUILD)
	$$(call say,$(1),$$<)mkdir -p $$(@D) && $$(CXX) $$(CXXFLAGS) $$(KERNEL) $$(ISA_$(1)) -DVT_ISA=$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach i,$(ISAS) $(REFINED),$(eval $(call kernel_rule,$(i))))

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# --- tests ---------------------------------------------------------------------------------------

# One program per room, linked with what the room may see.
TESTED := $(foreach r,$(ROOMS),$(if $(wildcard tests/$(r)/*.cpp),$(r)))
tests_of = $(OUT)/tests/$(subst /,_,$(1))_tests
TESTS  := $(foreach r,$(TESTED),$(call tests_of,$(r)))
CHECK  := $(OUT)/tests/golden_check
$(call objects,$(TEST_SOURCES)): | $(PACKAGES_TEST)
# Catch2's own implementation is most of the first build; it needs no optimisation.
$(OBJ)/tests/main.o: BASELINE += -O0 -w

define tests_rule
$(call tests_of,$(1)): $$(call objects,tests/main.cpp $(wildcard tests/$(1)/*.cpp)) $(call archives,$(1))
	$$(call say,LINK,$$@)mkdir -p $$(@D) && $$(CXX) $$(CXXFLAGS) $$^ $$(LDLIBS) -o $$@
endef
$(foreach r,$(TESTED),$(eval $(call tests_rule,$(r))))

$(CHECK): $(call objects,$(GOLDEN_SOURCES)) $(LIB)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $^ $(LDLIBS) -o $@

# What runs under emulation: no files but safetensors, so no zlib and no libjpeg, which are not here
# for aarch64.
KERNEL_TESTS := $(foreach r,$(filter ops%,$(TESTED)),$(call tests_of,$(r)))

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
