#!/bin/sh
# filter.sh FILTER: lines through the example between two pipes, the last one
# unfinished; and no regular file as its input.
set -eu
got=$(printf 'a\nb\nlast' | "$1" | cat)
wanted=$(printf '     1  a\n     2  b\n     3  last')
[ "$got" = "$wanted" ] || { printf 'got: %s\n' "$got"; exit 1; }
lines=$(seq 100000 | "$1" | tail -1)
[ "$lines" = "100000  100000" ] || { printf 'last: %s\n' "$lines"; exit 1; }
! "$1" <"$0" >/dev/null 2>&1 || { echo 'a regular file was taken'; exit 1; }
