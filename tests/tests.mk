# Running the tests. Each script leaves "passed failed skipped" in build/test/*.count; the summary adds
# them up and fails if something failed or nothing ran.

GOLDEN_DIRS := tests/golden/data tests/golden/relatives $(GOLDEN)
COUNTS      := $(OUT)/test

.PHONY: tests
tests: $(TESTS) $(CHECK) ## builds the tests, a program per room, and runs none: build/tests/ops_tests "[gradient]" runs some

.PHONY: test test-unit test-golden test-loops test-new-op test-program test-install test-start
test: INSTALL := 1
test: test-start test-unit test-golden $(if $(filter release,$(MODE)),test-loops test-new-op test-install) test-program ## unit tests and golden data per ISA, then the program end to end
	@sh tests/summary.sh $(COUNTS)

test-start:
	@rm -rf $(COUNTS) && mkdir -p $(COUNTS)

test-unit: test-start $(TESTS) $(OUT)/vitrine
	@sh tests/run_per_isa.sh unit $(COUNTS) $(OUT)/vitrine $(TESTS)

test-golden: test-start $(CHECK) $(OUT)/vitrine
	@sh tests/run_per_isa.sh golden $(COUNTS) $(OUT)/vitrine "$(CHECK) $(GOLDEN_DIRS)"

# What the compiler made of the micro-kernels; only with the flags of a release.
MICRO_KERNELS := $(foreach i,$(ISAS),$(call kernel_objects,$(i),$(addprefix ops/simd/,gemm.cpp attention.cpp gemm_int8.cpp))) \
                 $(foreach i,$(REFINED),$(call kernel_objects,$(i),$(filter-out ops/simd/peak.cpp,$(call refined_sources,$(i)))))
test-loops: test-start $(MICRO_KERNELS)
	@python3 tests/check_inner_loops.py --count $(COUNTS)/loops.count objdump $(MICRO_KERNELS)

# The pattern of an operation, copied: it compiles.
NEW_OP_ISA := $(firstword $(ISAS))
test-new-op: test-start | $(PACKAGES_BUILD) $(PACKAGES_TEST)
	@sh tests/new_op.sh $(abspath $(COUNTS))/new_op.count "$(CXX) $(CXXFLAGS)" \
	  "$(CXX) $(CXXFLAGS) $(KERNEL) $(ISA_$(NEW_OP_ISA)) -DVT_ISA=$(NEW_OP_ISA)"

# After the others: they would take its processors, and it looks at time limits.
test-program: test-start test-unit test-golden $(OUT)/vitrine | build/packages/data
	@python3 tests/program/test_program.py $(OUT)/vitrine $(COUNTS)/program.count

# The library as others build against it; in a release, since sanitizers need their own run-time.
test-install: test-start test-program $(OUT)/vitrine library | $(PACKAGES_TEST)
	@python3 tests/install/test_install.py $(OUT)/vitrine $(COUNTS)/install.count

.PHONY: test-bits test-kills test-timm test-transformers test-sweep
test-bits: $(OUT)/vitrine ## five networks by 1 to 64 threads, of the pool and of OpenMP, beside busy loops too: the same bytes
	@python3 tests/program/test_bits.py $(OUT)/vitrine
test-kills: $(OUT)/vitrine ## runs killed at random moments end with the same bytes: RUNS [50], SEED [1]
	@python3 tests/program/test_kills.py $(OUT)/vitrine $(or $(RUNS),50) $(or $(SEED),1)
test-timm: $(OUT)/vitrine ## weights and answers against timm and PyTorch, where PYTHON [python3] has them
	@$(or $(PYTHON),python3) tests/program/test_timm.py $(OUT)/vitrine
test-transformers: $(OUT)/vitrine ## folders of Hugging Face's transformers in both directions, likewise
	@$(or $(PYTHON),python3) tests/program/test_transformers.py $(OUT)/vitrine
test-sweep: $(OUT)/vitrine ## networks and image processors of others by the hundred: exact, or refused by name
	@status=0; for script in tests/sweep/*.py; do $(or $(PYTHON),python3) $$script $(OUT)/vitrine || status=1; done; exit $$status

# Ranks of MPI; root may start them too.
.PHONY: test-mpi test-mpi-kills
test-mpi: $(OUT)/vitrine $(OUT)/vitrine-mpi ## the same bytes by 1 to 8 ranks, and what happens to one ends all; SHORT=1: fewer
	@python3 tests/program/test_mpi.py $(OUT)/vitrine-mpi
test-mpi-kills: $(OUT)/vitrine $(OUT)/vitrine-mpi ## ranks killed at random moments, resumed by other numbers of ranks: KILLS [30], SEED [1]
	@python3 tests/program/test_mpi_kills.py $(OUT)/vitrine-mpi $(or $(KILLS),30) $(or $(SEED),1)

# OpenMP's threads instead of the pool's.
.PHONY: test-openmp
test-openmp: ## everything that make test runs, with OpenMP as the executor
	@VITRINE_EXECUTOR=openmp $(MAKE) test

# One call of the system or of malloc fails, each in turn.
FAIL := $(OUT)/tests/fail.so
$(FAIL): tests/faults/fail.c
	$(call say,CC,$<)mkdir -p $(@D) && $(CC) -std=c11 -O1 -Wall -Wextra -shared -fPIC $< -o $@
.PHONY: test-faults
test-faults: $(OUT)/vitrine library $(FAIL) ## every n-th open, read, write, malloc, ... fails in turn: PLACES per call [60]
	@python3 tests/faults/test_faults.py $(OUT)/vitrine $(FAIL) $(or $(PLACES),60)

# --- sanitizers ----------------------------------------------------------------------------------

.PHONY: debug asan ubsan tsan
debug: ## the program with assertions, build/debug/vitrine
	@$(MAKE) MODE=debug build/debug/vitrine

# Everything that make test runs, under both at once, or under the second alone.
asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) MODE=asan INSTALL=1 test
ubsan: ## the tests under UndefinedBehaviorSanitizer
	@UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) MODE=ubsan INSTALL=1 test
tsan: | build/packages/tools ## the unit tests under ThreadSanitizer (clang-16)
	@$(MAKE) MODE=tsan INSTALL=1 tests
	@for t in $(notdir $(TESTS)); do echo $$t; VITRINE_THREADS=3 build/tsan/tests/$$t || exit 1; done

# --- emulated processors -------------------------------------------------------------------------

# Kernel tests, golden operations and one small model on processors that are not here. Slow.
.PHONY: test-qemu
test-qemu: INSTALL := 1
test-qemu: $(KERNEL_TESTS) $(CHECK) | build/packages/tools ## kernels under emulation: Nehalem (sse42), Haswell (avx2), aarch64 (neon64)
	@$(MAKE) MODE=neon $(patsubst build/%,build/neon/%,$(KERNEL_TESTS) $(CHECK))
	@python3 tests/check_inner_loops.py aarch64-linux-gnu-objdump build/obj/neon/ops/simd/*/gemm.o \
	  build/obj/neon/ops/simd/neon64/attention.o build/obj/neon/ops/simd/*/gemm_int8.o
	@sh tests/run_qemu.sh build $(notdir $(KERNEL_TESTS))

# --- fuzzing -------------------------------------------------------------------------------------

FUZZERS := $(patsubst tests/fuzz/%.cpp,build/fuzz/%,$(wildcard tests/fuzz/*_fuzz.cpp))
.PHONY: fuzz
fuzz: | build/packages/tools ## libFuzzer on every reader of files, FUZZ_SECONDS each [60]
	@$(MAKE) MODE=fuzz $(FUZZERS)
	@sh tests/fuzz/run.sh $(or $(FUZZ_SECONDS),60) $(FUZZERS)
build/fuzz/%: $(OBJ)/tests/fuzz/%.o $(LIB)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) -fsanitize=fuzzer $^ $(LDLIBS) -o $@

# --- a new operation -----------------------------------------------------------------------------

.PHONY: new-op
new-op: ## NAME=my_op: copies the files of layer_norm, the pattern of an operation, and enters it in the tables
	@sh ops/new_op.sh $(NAME)

# --- benchmarks, demo ----------------------------------------------------------------------------

.PHONY: bench demo
bench: $(OUT)/vitrine ## GEMM, inference and training beside the measured peak
	@$(OUT)/vitrine bench gemm
	@for m in vit_base_patch16_224 vit_tiny_patch16_224; do $(OUT)/vitrine bench model --model $$m; done
	@$(OUT)/vitrine bench train --model vit_d128_l6_h4_patch4_28_gray --batch 128

demo: INSTALL := 1
demo: $(OUT)/vitrine | build/packages/data ## trains a ViT on real pictures, evaluates it, shows what it learned
	@sh apps/demo.sh $(OUT)/vitrine build/demo
