#!/bin/sh
# check_deps.sh: includes point one way, third_party <- core <- ops <- models <- apps.
set -eu
status=0
forbid() {  # forbid ROOM PATTERN WHY
  hits=$(grep -rnE "^#include [\"<]($2)" "$1" --include='*.hpp' --include='*.cpp' --include='*.h' || true)
  if [ -n "$hits" ]; then
    echo "$hits" >&2
    echo "lint: $3" >&2
    status=1
  fi
}
forbid core 'ops/|models/|apps/|tests/' 'core may include core alone'
forbid ops 'models/|apps/|tests/' 'ops may include core and ops'
forbid models 'apps/|tests/' 'models may include core, ops and models'
forbid apps 'tests/' 'apps may not include tests'
for room in core models apps tests; do
  forbid $room 'xsimd/' 'only ops/simd/simd.hpp includes xsimd'
done
# Kernels: no standard mathematics, no threads.
forbid ops/simd 'cmath|omp.h|vector|thread|core/parallel' 'kernels use simd/math.hpp, own no threads and do not allocate'
pragmas=$(grep -rln 'pragma omp' core ops models apps | grep -v '^core/openmp_executor.cpp$' || true)
if [ -n "$pragmas" ]; then
  echo "lint: OpenMP belongs in core/openmp_executor.cpp, found in $pragmas" >&2
  status=1
fi
[ $status -eq 0 ] && echo "lint: includes point one way"
exit $status
