#!/bin/sh
# new_op.sh COUNT COMPILER KERNEL_COMPILER: `make new-op` in a copy of the tree, and what it makes compiled
# there with warnings as errors; linked into nothing. Leaves "passed failed 0" in the file COUNT.
set -u
count=$1 compiler=$2 kernel_compiler=$3
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy/tests/ops" && cp -r core ops "$copy" && cp tests/*.hpp "$copy/tests" && cp tests/ops/layer_norm_test.cpp "$copy/tests/ops" || exit 1
cd "$copy" || exit 1
passed=0 failed=0
check() {  # check WHAT COMMAND...
  what=$1
  shift
  if "$@" >log 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "new_op   $what: FAILED"
    cat log
  fi
}
refuses() { ! "$@"; }
check "makes an operation" sh ops/new_op.sh my_new_op
for file in ops/my_new_op.cpp ops/reference/all.cpp tests/ops/my_new_op_test.cpp; do
  check "$file" $compiler -fsyntax-only $file
done
for file in ops/simd/my_new_op.cpp ops/simd/all.cpp; do
  check "$file" $kernel_compiler -fsyntax-only $file
done
check "does not overwrite one" refuses sh ops/new_op.sh my_new_op
check "no trace of the pattern" refuses grep -rlE 'layer_norm|LayerNorm' ops/my_new_op.hpp ops/my_new_op.cpp \
  ops/kernels/my_new_op.hpp ops/simd/my_new_op.cpp ops/reference/my_new_op.hpp tests/ops/my_new_op_test.cpp
cd - >/dev/null && echo "$passed $failed 0" >"$count"
echo "new_op   an operation  $passed passed, $failed failed, 0 skipped"
