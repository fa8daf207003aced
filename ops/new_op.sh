#!/bin/sh
# new_op.sh NAME: copies the five files of layer_norm and its test under another name.
set -eu
name=${1:?usage: make new-op NAME=my_op}
type=$(echo "$name" | sed -E 's/(^|_)([a-z])/\U\2/g')
for file in ops/layer_norm.hpp ops/layer_norm.cpp ops/kernels/layer_norm.hpp ops/simd/layer_norm.cpp \
  ops/reference/layer_norm.hpp tests/ops/layer_norm_test.cpp; do
  to=$(echo "$file" | sed "s/layer_norm/$name/")
  if [ -e "$to" ]; then
    echo "$to is there already" >&2
    exit 1
  fi
done
for file in ops/layer_norm.hpp ops/layer_norm.cpp ops/kernels/layer_norm.hpp ops/simd/layer_norm.cpp \
  ops/reference/layer_norm.hpp tests/ops/layer_norm_test.cpp; do
  to=$(echo "$file" | sed "s/layer_norm/$name/")
  sed "s/layer_norm/$name/g; s/LayerNorm/$type/g" "$file" >"$to"
  echo "$to"
done
echo "now add $name to ops/kernels/all.hpp, ops/simd/all.cpp and ops/reference/all.cpp"
