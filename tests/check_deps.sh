#!/bin/sh
# check_deps.sh "ROOM MAY SEE ..."...: each room includes itself and what it may see (tests/rooms.mk), no
# other; a few headers have one place.
set -eu
status=0
complain() {  # complain HITS WHY
  [ -z "$1" ] && return
  echo "$1" >&2
  echo "lint: $2" >&2
  status=1
}
for line; do
  room=${line%% *}
  hits=$(grep -HE '^#include "' "$room"/*.hpp "$room"/*.cpp "$room"/*.h 2>/dev/null | awk -v room="$room" -v sees="$line" '
    BEGIN { n = split(sees, list, " "); for (i = 1; i <= n; i++) may[list[i]] = 1 }
    { split($0, quoted, "\""); folder = quoted[2]; sub("/[^/]*$", "", folder); if (!(folder in may)) print }')
  complain "$hits" "$room may include ${line}; the arrows are in tests/rooms.mk"
done
# Sources in a folder that is no room would be built by nobody, and tests there run by nobody.
folders=$(for line; do echo "${line%% *}"; done)
complain "$(find core ops models apps -name '*.[ch]pp' | sed 's|/[^/]*$||' | sort -u | grep -vxF "$folders")" \
  'folders that are no rooms; name them in tests/rooms.mk'
complain "$(find tests/core tests/ops tests/models tests/apps -name '*.cpp' | sed 's|^tests/||; s|/[^/]*$||' | sort -u |
  grep -vxF "$folders")" 'tests in folders that are no rooms: nobody runs them'
complain "$(grep -rn 'include <xsimd/' core ops models apps tests --include='*.?pp' | grep -v '^ops/simd/simd.hpp:')" \
  'only ops/simd/simd.hpp includes xsimd'
# Kernels: no standard mathematics, no threads.
complain "$(grep -rnE '^#include [<"](cmath|omp.h|vector|thread|core/parallel)' ops/simd)" \
  'kernels use simd/math.hpp, own no threads and do not allocate'
complain "$(grep -rln 'pragma omp' core ops models apps | grep -v '^core/openmp_executor.cpp$')" \
  'OpenMP belongs in core/openmp_executor.cpp'
[ $status -eq 0 ] && echo "lint: includes point one way, $# rooms"
exit $status
