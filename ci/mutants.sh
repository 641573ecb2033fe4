#!/usr/bin/env bash
# Makes the core wrong in many small ways: does a test notice? [full|N], seed in SEED.
#
# N mutations (8), chosen by the seed, or all of them; each must be caught by the
# conformance run of 2,000 scripts and by a fuzz target that starts from its corpus; those of
# cost, timers and parsing by a test program.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ $# -le 1 ] || misuse "one word is wanted, a number or full, not $#"
[ "${1-8}" = full ] || is_number "${1-8}" || misuse "not a number of mutations from 1 up, nor full: \"$1\""
need gcc libc6-dev python3 libcunit1-dev
python3 tests/conformance/mutants.py "${1:-8}" ${SEED:+--seed "$SEED"}
