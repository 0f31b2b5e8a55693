#!/usr/bin/env bash
# Builds Caffe where the cache has none, and installs it into the project's virtual environment:
# the programs and the module, each behind caffe_select.py, which chooses the build at run time.
# Usage: install.sh [cpu|cuda]
. "$(dirname "$0")/common.sh"
variant=${1:-cpu}

build=$("$here/build.sh" "$variant")
if [ "$variant" = cuda ]; then
  . "$here/nvidia.sh"
  toolkit=$(cuda_toolkit)
fi
lock_venv
target=$venv/lib/caffe/$variant
if [ "$(cat "$target/.build" 2>/dev/null)" != "$build" ]; then
  rm -rf "$venv/lib/caffe/.$variant.new"* # of a make that was killed
  new=$venv/lib/caffe/.$variant.new.$$
  room "$new" 100
  cp -a "$build/install/bin" "$build/install/lib" "$build/install/python" "$new/"
  rm -f "$new"/lib/*.a
  [ "$variant" != cuda ] || link_libraries "$new/lib"
  rm -rf "$target" && mv "$new" "$target"
fi

site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp "$here/caffe_select.py" "$site/caffe_select.py"
echo 'import caffe_select; caffe_select.install()' >"$site/caffe_select.pth"
for program in "$target"/bin/*; do
  launcher=$venv/bin/$(basename "$program")
  # as pip writes it: sh takes a path with a space, which a first line cannot name, and Python reads a text
  printf '#!/bin/sh\n%s "%s" "$0" "$@"\n%s\nimport caffe_select\n\ncaffe_select.exec_program("%s")\n' \
    "'''exec'" "$venv/bin/python" "' '''" "$(basename "$program")" >"$launcher.new"
  chmod +x "$launcher.new" && mv "$launcher.new" "$launcher"
done

# the mark of a whole install comes last: without it the next make copies the build again
(cd / && CAFFE_BUILD=$variant "$venv/bin/python" -c 'import caffe; assert caffe.Net') || {
  rm -f "$target/.build"
  die "the installed module cannot be imported"
}
echo "$build" >"$target/.build"
say "installed: $("$venv/bin/python" -c 'import caffe_select; print(caffe_select.describe())')"
