# Checks of the source: format, include direction, headers that compile alone, symbols that kernels
# may not share, clang-tidy.

FORMATTED := $(HEADERS) $(SOURCES) $(wildcard tests/install/*.c tests/faults/*.c)

.PHONY: lint tidy format check-format check-deps check-headers check-odr check-style
lint: check-format check-deps check-headers check-odr check-style tidy-changed ## format, include direction, headers alone, shared symbols; clang-tidy on what changed since BASE

build/packages/lint: third_party/packages.txt
lint tidy format: INSTALL := 1

format: build/packages/lint ## clang-format on everything
	@clang-format-19 -i $(FORMATTED)

check-format: build/packages/lint
	@clang-format-19 --dry-run -Werror $(FORMATTED) && echo "lint: format is right"

# The arrows of tests/rooms.mk; kernels are a room with three folders, of which simd sees one.
check-deps:
	@sh tests/check_deps.sh $(foreach r,$(ROOMS),"$(call seen,$(r))") \
	  "ops/reference ops/kernels core" "ops/simd ops/kernels"

# Every header compiles alone; those that need MPI, with make mpi.
HEADER_CHECKS := $(patsubst %,build/headers/%.ok,$(filter-out ops/simd/% apps/mpi/%,$(HEADERS)))
build/headers/%.ok: % $(FLAGS) | $(PACKAGES_BUILD) $(PACKAGES_TEST)
	@mkdir -p $(@D) && $(CXX) -std=c++20 -I. $(WARN) -fsyntax-only -x c++ -include $< /dev/null \
	  -MMD -MP -MF build/headers/$*.d -MT $@ && touch $@
-include $(patsubst %.ok,%.d,$(HEADER_CHECKS))
check-headers: $(HEADER_CHECKS)
	@echo "lint: $(words $(HEADER_CHECKS)) headers compile alone"

check-odr: $(KERNEL_OBJECTS)
	@sh tests/check_odr.sh $(KERNEL_OBJECTS)

check-style:
	@sh tests/check_style.sh

# --- clang-tidy ----------------------------------------------------------------------------------

# Asked for when it is needed: there may be no compiler yet. omp.h is g++'s: its folder comes last, since clang has intrinsics of its own, and its __malloc__ (free)
# is an attribute that clang does not know.
TIDY_FLAGS = -std=c++20 -I. -fopenmp -idirafter $(shell $(CXX) -print-file-name=include) '-D__malloc__(...)='
TIDY_SOURCES := $(filter-out third_party/% ops/simd/% apps/mpi/% tests/main.cpp tests/fuzz/%,$(SOURCES))
TIDIED := $(patsubst %,build/tidy/%.ok,$(TIDY_SOURCES))
build/tidy/%.ok: % .clang-tidy | build/packages/lint $(PACKAGES_BUILD) $(PACKAGES_TEST)
	$(call say,TIDY,$<)mkdir -p $(@D) && clang-tidy-19 --quiet $< -- $(TIDY_FLAGS) 2>build/tidy/$*.log && touch $@ || \
	  { cat build/tidy/$*.log; false; }
tidy: $(TIDIED) ## clang-tidy on everything
	@echo "tidy: $(words $(TIDIED)) files"

# What changed since BASE, committed or not, other than a file's place and its includes; everything that a
# changed header touches is left to tidy.
.PHONY: tidy-changed
tidy-changed: build/packages/lint
	@base=$$(git rev-parse -q --verify $(BASE)^{commit} || git rev-parse -q --verify HEAD~1^{commit} || git hash-object -t tree /dev/null); \
	changed=$$(git diff -M -l2000 --diff-filter=d --ignore-blank-lines -I'^#include ' $$base -- '*.cpp' | sed -n 's|^+++ b/||p'; git ls-files -o --exclude-standard -- '*.cpp'); \
	set --; for f in $$changed; do case " $(TIDY_SOURCES) " in *" $$f "*) set -- "$$@" build/tidy/$$f.ok;; esac; done; \
	[ $$# -eq 0 ] || $(MAKE) "$$@" || exit 1; echo "lint: clang-tidy on $$# changed files"
