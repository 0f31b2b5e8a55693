#!/bin/sh
# Puts caffe_select.py into a virtual environment, before the module and before each of Caffe's programs in a folder.
# Usage: launchers.sh VENV PROGRAMS    (absolute paths; PROGRAMS may be missing where Caffe is)
set -eu
here=$(dirname "$0")
venv=$1
programs=$2

site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp "$here/caffe_select.py" "$site/caffe_select.py"
echo 'import caffe_select; caffe_select.install()' >"$site/caffe_select.pth"
for program in "$programs"/*; do
  [ -e "$program" ] || continue
  launcher=$venv/bin/$(basename "$program")
  # as pip writes it: sh takes a path with a space, which a first line cannot name, and Python reads a text
  printf '#!/bin/sh\n%s "%s" "$0" "$@"\n%s\nimport caffe_select\n\ncaffe_select.exec_program("%s")\n' \
    "'''exec'" "$venv/bin/python" "' '''" "$(basename "$program")" >"$launcher.new"
  chmod +x "$launcher.new" && mv "$launcher.new" "$launcher"
done
