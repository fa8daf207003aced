#!/bin/sh
# packages.sh check|install GROUP...
# check: status 1 and the exact command if a package of the groups in packages.txt is missing or too
# old, and is not there by other means either. install: installs what is missing, with sudo when not
# root. Where there is no dpkg, what counts is whether CXX finds the headers and commands are there,
# and nothing is installed.
set -eu
list=$(dirname "$0")/packages.txt
action=$1
shift

# make asks for several groups at a time; one installs, the others wait for it.
if [ "$action" = install ] && command -v flock >/dev/null; then
  exec 9<"$list"
  flock 9
fi

debian=
dpkg-query --version >/dev/null 2>&1 && debian=yes

installed() {  # installed NAME VERSION
  [ "$debian" ] || return 1
  have=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$1" 2>/dev/null || true)
  case $have in
    "installed "*) dpkg --compare-versions "${have#installed }" ge "$2" ;;
    *) return 1 ;;
  esac
}

there() {  # there PROOF
  case $1 in
    "") return 1 ;;
    "<"*) printf '#include <cstdio>\n#include %s\n' "$1" |
            ${CXX:-g++} -std=c++20 -fopenmp -w -E -x c++ - >/dev/null 2>&1 ;;
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing=
described=
# One line for each package: name, version, proof, what it is for.
packages() {
  awk -F'|' -v groups=" $* " '!/^#/ && NF > 4 {
      for (i = 1; i <= NF; ++i) gsub(/^ +| +$/, "", $i)
      if (index(groups, " " $3 " ")) print $1 "|" $2 "|" $6 "|" $5 }' "$list"
}
while IFS='|' read -r name version proof purpose; do
  installed "$name" "$version" && continue
  if [ "$action" = check ] || [ ! "$debian" ]; then
    there "$proof" && continue
  fi
  missing="$missing $name"
  described="$described
  $name${proof:+ ($proof)}: $purpose"
done <<END
$(packages "$@")
END
[ -n "$missing" ] || exit 0

if [ ! "$debian" ]; then
  echo "missing, under the names of Debian's packages; install what your system has of them:$described" >&2
  exit 1
fi
sudo=
[ "$(id -u)" -eq 0 ] || sudo="sudo "
if [ "$action" = check ]; then
  echo "missing Debian packages; install them with" >&2
  echo "  ${sudo}apt-get install -y --no-install-recommends$missing" >&2
  exit 1
fi
echo "installing$missing"
# The system's own updates may hold dpkg's lock for a while.
apt() { ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 "$@"; }
if ! apt install -y --no-install-recommends $missing >/dev/null 2>&1; then
  # The lists may be missing or old.
  apt update
  apt install -y --no-install-recommends $missing >/dev/null
fi
