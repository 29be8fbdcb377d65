#!/bin/sh
# Prints the path of a Python >= 3.11 that can make virtual environments; the first argument, if any, is tried alone.
set -eu
for name in ${1:-python3.13 python3.12 python3.11 python3 python3.14}; do
  path=$(command -v "$name" 2>/dev/null) || continue
  if "$path" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "$path"
    exit 0
  fi
done
echo "error: no Python 3.11 or newer with venv found; install python3 and python3-venv, or name one: make setup PYTHON=/path/to/python3" >&2
exit 1
