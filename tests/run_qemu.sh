#!/bin/sh
# run_qemu.sh BUILD: kernel tests, golden operations and one small model on emulated processors:
# Nehalem (SSE4.2, no XSAVE), Haswell (AVX2, FMA) and aarch64 (NEON). Nothing emulates AVX-512.
# Emulation is a hundred times slower, so only kernel tests run, and the subset of the golden data.
set -eu
build=$1
data=tests/golden/data
status=0
one() {  # one NAME EMULATOR UNIT_TESTS GOLDEN_CHECK ISA
  name=$1; emulator=$2; units=$3; check=$4; isa=$5
  printf '%s: ' "$name"
  VITRINE_ISA=$isa $emulator "$units" '[isa]' 2>"$build/qemu.log" | tail -n 2 | head -n 1 || status=1
  for family in ops models; do
    printf '%s, golden %s: ' "$name" "$family"
    VITRINE_ISA=$isa $emulator "$check" "$data/$family" 2>>"$build/qemu.log" | tail -n 1 || status=1
  done
}
one "Nehalem (sse42)" "qemu-x86_64-static -cpu Nehalem" "$build/tests/unit_tests" "$build/tests/golden_check" sse42
one "Haswell (avx2)" "qemu-x86_64-static -cpu Haswell" "$build/tests/unit_tests" "$build/tests/golden_check" avx2
one "aarch64 (neon64)" "qemu-aarch64-static -L /usr/aarch64-linux-gnu" "$build/neon/tests/kernel_tests" \
  "$build/neon/tests/golden_check" neon64
exit $status
