#!/bin/sh
# Tells whether the given Python can build pyjq here, and prints the packages (Debian's names) that jq 1.5 still wants.
# Only 3.11 can: with another version it prints nothing and fails.
set -eu
"$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || exit 1
lacking=""
for pair in cc:gcc make:make autoconf:autoconf automake:automake libtoolize:libtool flex:flex bison:bison; do
  command -v "${pair%:*}" >/dev/null || lacking="$lacking ${pair#*:}"
done
"$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' ||
  lacking="$lacking python3-dev"
echo "${lacking# }"
[ -z "$lacking" ]
