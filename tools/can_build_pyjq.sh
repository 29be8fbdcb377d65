#!/bin/sh
# Tells whether the given Python can build pyjq here: it must be 3.11, with its headers, beside what jq 1.5 is built with.
set -eu
"$1" -c 'import os, sys, sysconfig; sys.exit(sys.version_info[:2] != (3, 11) or not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))'
for name in cc make autoconf automake libtoolize flex bison; do
  command -v "$name" >/dev/null
done
