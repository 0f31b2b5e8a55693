#!/usr/bin/env bash
# Prints the Debian packages whose libraries the virtual environment loads, Caffe's among them:
# what a machine needs to run it without compilers and headers.
. "$(dirname "$0")/common.sh"

libraries=$(find "$venv/lib" "$venv/bin" -type f \( -name '*.so*' -o -path '*/caffe/*/bin/*' \) -exec ldd {} + 2>/dev/null |
  awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u | xargs -r readlink -f | grep -v "^$venv/" | sort -u)
[ -n "$libraries" ] || die "$venv/lib: expected libraries that name others, found none. Run: make caffe"
# by file name: dpkg may know a file of /usr/lib by its older place, /lib; and it speaks of diversions in between
packages=$(sed 's|.*/|*/|' <<<"$libraries" | { xargs dpkg-query -S 2>/dev/null || true; } | grep -v '^diversion ' |
  sed 's|: /.*||; s|, |\n|g' | sed 's|:.*||' | sort -u)
[ -n "$packages" ] || die "expected the libraries of $venv in Debian packages, found none"
echo "$packages"
