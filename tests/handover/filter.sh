#!/bin/sh
# filter.sh FILTER: lines through the example between two pipes, the last one
# unfinished; and of an end that it cannot take it says which and why, once.
set -eu
got=$(printf 'a\nb\nlast' | "$1" | cat)
wanted=$(printf '     1  a\n     2  b\n     3  last')
[ "$got" = "$wanted" ] || { printf 'got: %s\n' "$got"; exit 1; }
lines=$(seq 100000 | "$1" | tail -1)
[ "$lines" = "100000  100000" ] || { printf 'last: %s\n' "$lines"; exit 1; }

# refused TEXT: it failed, and that is all it said
refused() {
    [ "$status" != 0 ] || { echo "taken: $1"; exit 1; }
    [ "$said" = "filter: $1" ] || { printf 'of "%s" it said: %s\n' "$1" "$said"; exit 1; }
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
said=$("$1" <"$0" 2>&1 >"$dir/file") || status=$?
refused 'standard input: neither a pipe nor a terminal'
status=0
said=$(echo line | "$1" 2>&1 >"$dir/file") || status=$?
refused 'standard output: neither a pipe nor a terminal'
[ ! -s "$dir/file" ] || { echo 'something was written'; exit 1; }
status=0
said=$("$1" 2>&1 <&- >"$dir/file") || status=$?
refused 'standard input: closed'
status=0
said=$(echo line | "$1" 2>&1 >&-) || status=$?
refused 'standard output: closed'
