#!/bin/sh
# check_style.sh: sizes of files, and words that mean unfinished work.
set -eu
status=0
for file in $(git ls-files -co --exclude-standard -- '*.hpp' '*.cpp' '*.h'); do
  lines=$(wc -l <"$file")
  if [ "$lines" -gt 420 ]; then
    echo "$file has $lines lines: which idea moves to a file of its own?" >&2
    status=1
  fi
done
marks=$(git ls-files -co --exclude-standard -- '*.hpp' '*.cpp' '*.h' '*.mk' Makefile | xargs grep -nE 'TODO|FIXME|\bXXX\b' || true)
if [ -n "$marks" ]; then
  echo "$marks" >&2
  echo "lint: unfinished work belongs in an issue" >&2
  status=1
fi
printed=$(git ls-files -co --exclude-standard -- 'apps/*.cpp' | grep -v '^apps/terminal/print\.cpp$' |
  xargs grep -nE 'fmt::print|std::f?printf|std::f?puts|std::fwrite|std::(cout|cerr)' |
  grep -v '^apps/main\.cpp:.*\(screen_text\|out of memory\|help\)' || true)
if [ -n "$printed" ]; then
  echo "$printed" >&2
  echo "lint: print through apps/terminal/print.hpp, which lets no text of a file reach the terminal as it is" >&2
  status=1
fi
[ $status -eq 0 ] && echo "lint: sizes of files are right"
exit $status
