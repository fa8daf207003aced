#!/bin/sh
# new_op.sh NAME: copies the five files of layer_norm and its test under another name, and adds that
# name to the tables of kernels wherever layer_norm stands. What comes out compiles and passes.
set -eu
name=${1:?usage: make new-op NAME=my_op}
type=$(echo "$name" | sed -E 's/(^|_)([a-z])/\U\2/g')
files="ops/layer_norm.hpp ops/layer_norm.cpp ops/kernels/layer_norm.hpp ops/simd/layer_norm.cpp
  ops/reference/layer_norm.hpp tests/ops/layer_norm_test.cpp"
for file in $files; do
  to=$(echo "$file" | sed "s/layer_norm/$name/")
  if [ -e "$to" ]; then
    echo "$to is there already" >&2
    exit 1
  fi
done
rename="s/layer_norm/$name/g; s/LayerNorm/$type/g"
for file in $files; do
  to=$(echo "$file" | sed "s/layer_norm/$name/")
  sed "$rename" "$file" >"$to"
  echo "$to"
done
for table in ops/kernels/all.hpp ops/simd/all.cpp ops/reference/all.cpp; do
  # After each run of lines that name layer_norm, the same run under the other name.
  awk -v name="$name" -v type="$type" '
    function copy() {
      gsub(/layer_norm/, name, run)
      gsub(/LayerNorm/, type, run)
      printf "%s", run
      run = ""
    }
    /layer_norm|LayerNorm/ { print; run = run $0 "\n"; next }
    { copy(); print }
    END { copy() }' "$table" >"$table.new"
  mv "$table.new" "$table"
  echo "$table"
done
