#!/bin/sh
# run_qemu.sh BUILD TESTS...: kernel tests, golden operations and one small model on emulated processors:
# Nehalem (SSE4.2, no XSAVE), Haswell (AVX2, FMA) and aarch64 (NEON). Nothing emulates AVX-512.
# Emulation is a hundred times slower, so only kernel tests run, and the subset of the golden data.
set -eu
build=$1
shift
tests=$*
status=0
one() {  # one NAME EMULATOR PROGRAMS ISA
  name=$1; emulator=$2; programs=$3; isa=$4
  for test in $tests; do
    report "$name, $test" "$emulator" "$isa" "$programs/$test" '[isa]'
  done
  for family in data/ops data/models relatives/ops; do
    report "$name, golden $family" "$emulator" "$isa" "$programs/golden_check" "tests/golden/$family"
  done
}
report() {  # report WHAT EMULATOR ISA COMMAND...: Haswell's emulator prints warnings on standard error
  what=$1; emulator=$2; isa=$3
  shift 3
  if VITRINE_ISA=$isa $emulator "$@" >"$build/qemu.log" 2>/dev/null; then
    echo "$what: $(grep . "$build/qemu.log" | tail -n 1)"
  else
    echo "$what: FAILED"
    tail -n 20 "$build/qemu.log"
    status=1
  fi
}
one "Nehalem (sse42)" "qemu-x86_64-static -cpu Nehalem" "$build/tests" sse42
one "Haswell (avx2)" "qemu-x86_64-static -cpu Haswell" "$build/tests" avx2
one "aarch64 (neon64)" "qemu-aarch64-static" "$build/neon/tests" neon64
# Products of integers and of bf16 on processors that have instructions for them. (Debian 12's emulator has no AVX-VNNI.)
for test in $tests; do
  [ "$test" = ops_tests ] || continue
  report "dotprod, $test" "qemu-aarch64-static -cpu max" neon64+dotprod "$build/neon/tests/$test" '[int8]'
  report "i8mm, $test" "qemu-aarch64-static -cpu max" neon64+i8mm "$build/neon/tests/$test" '[int8]'
  report "bf16, $test" "qemu-aarch64-static -cpu max" neon64+bf16 "$build/neon/tests/$test" '[int8],[bf16]'
done
exit $status
