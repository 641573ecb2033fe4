#!/bin/sh
# ci/fuzz.sh SECONDS [TARGET]: fuzzes each target, or one, for that long.
#
# Each target runs in two AFL++ builds side by side, each on a core of its own:
# plain (for speed) and with ASan and UBSan (for what does not crash by itself).
# They share what they find. Prints executions per second, counts crashes and
# hangs; a crash is minimised and ends the job with the command that replays it.
# RUNNEL_FUZZ_DIR: where to build and keep findings (default: build-fuzz).
set -eu
cd "$(dirname "$0")/.."
targets="readuntil readuntil_any reader writer find timerq hostport script tls_engine tls_handshake"
misuse() {
    echo "error: $*; usage: ci/fuzz.sh SECONDS [TARGET]" >&2
    exit 2
}
[ $# -gt 0 ] && [ $# -le 2 ] || misuse "one or two words are wanted, not $#"
case $1 in
'' | 0* | *[!0-9]* | ??????????*) misuse "not a number of seconds from 1 up: \"$1\"" ;;
esac
seconds=$1
if [ $# = 2 ]; then
    case $2 in '' | *[!a-z_]*) misuse "no target is called \"$2\"; there are: $targets" ;; esac
    case " $targets " in *" $2 "*) ;; *) misuse "no target is called \"$2\"; there are: $targets" ;; esac
    targets=$2
fi
out=${RUNNEL_FUZZ_DIR:-build-fuzz}
# What the TLS targets need besides.
tls="fuzz/tls_kit.c $(find src/tls -maxdepth 1 -name "*.c" ! -name "*_win.c" | sort | tr "\n" " ") -lssl -lcrypto"
last_core=$(($(nproc) - 1))

export AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
export AFL_TRY_AFFINITY=1 AFL_QUIET=1 AFL_BENCH_UNTIL_CRASH=1
export AFL_KILL_SIGNAL=15 # which fuzz/afl.c expects
export AFL_LLVM_DENYLIST=$PWD/fuzz/denylist
export ASAN_OPTIONS=abort_on_error=1:symbolize=0:detect_leaks=0
export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1

install() {
    local apt=(apt-get -o Acquire::Retries=4 -o DPkg::Lock::Timeout=300)
    [ "$(id -u)" = 0 ] || apt=(sudo "${apt[@]}")
    "${apt[@]}" install -y "$@" >/dev/null || { "${apt[@]}" update >/dev/null && "${apt[@]}" install -y "$@" >/dev/null; }
}
command -v afl-clang-fast >/dev/null || install afl++

# parts NAME DIR: what a target links besides the core, itself and support
parts() {
    case $1 in
    read*) echo "$2/pair.o $2/model.o" ;;
    tls_*) echo "$tls" ;;
    script) echo "$2/scripted.o $2/model.o $2/lib/librunnel.a -lpthread" ;;
    esac
}

# library DIR CC: for `script`, the whole library, and the kernel that is a script
library() {
    case " $targets " in *" script "*) ;; *) return 0 ;; esac
    { command -v cmake && command -v ninja; } >/dev/null || install cmake ninja-build
    {
        cmake -S . -B "$1/lib" -G Ninja -DCMAKE_C_COMPILER="$2" -DCMAKE_BUILD_TYPE=Release \
            -DRUNNEL_TESTS=OFF -DRUNNEL_EXAMPLES=OFF && ninja -C "$1/lib" librunnel.a
    } >"$1/lib.log" 2>&1 || {
        tail -20 "$1/lib.log" >&2
        return 1
    }
    "$2" -std=c11 -O2 -g -D_POSIX_C_SOURCE=200809L -Iinclude -Itests/conformance -DRNL_STATIC \
        -c tests/conformance/scripted.c -o "$1/scripted.o"
}

# objects VARIANT FLAGS...: the core, with its work counted, and what targets share
objects() {
    dir=$out/$1
    shift
    mkdir -p "$dir"
    for source in src/core/*.c; do
        afl-clang-fast -std=c11 -O2 -g "$@" -Iinclude -Isrc -DRNL_STATIC -DRNLI_COUNT_WORK \
            -include fuzz/count.h -c "$source" -o "$dir/core_$(basename "$source" .c).o"
    done
    for source in support model pair afl; do
        afl-clang-fast -std=gnu11 -O2 -g "$@" -Iinclude -Isrc -Ifuzz -DRNL_STATIC \
            -c "fuzz/$source.c" -o "$dir/$source.o"
    done
    library "$dir" afl-clang-fast
    for name in $targets; do
        # shellcheck disable=SC2046
        afl-clang-fast -std=c11 -O2 -g "$@" -Iinclude -Isrc -Ifuzz -Itests/conformance \
            -DRNL_STATIC "fuzz/$name.c" "$dir/afl.o" "$dir"/core_*.o "$dir/support.o" \
            $(parts "$name" "$dir") -o "$dir/$name"
    done
}

# The plain programs that replay, by the system's own compiler.
replayers() {
    dir=$out/replay
    mkdir -p "$dir"
    for source in src/core/*.c; do
        cc -std=c11 -g -Iinclude -Isrc -DRNL_STATIC -DRNLI_COUNT_WORK -include fuzz/count.h \
            -c "$source" -o "$dir/core_$(basename "$source" .c).o"
    done
    for source in support model pair replay; do
        cc -std=gnu11 -g -Iinclude -Isrc -Ifuzz -DRNL_STATIC -c "fuzz/$source.c" -o "$dir/$source.o"
    done
    library "$dir" cc
    for name in $targets; do
        # shellcheck disable=SC2046
        cc -std=c11 -g -Iinclude -Isrc -Ifuzz -Itests/conformance -DRNL_STATIC "fuzz/$name.c" \
            "$dir/support.o" "$dir/replay.o" "$dir"/core_*.o $(parts "$name" "$dir") -o "$dir/$name"
    done
}

# run NAME VARIANT ROLE CORE
run() {
    log=$out/found/$1.$2.log
    nice taskset -c "$4" afl-fuzz -V "$seconds" -G 1024 -t 2000 -m none -x "fuzz/dict/$1.dict" \
        -i "fuzz/corpus/$1" -o "$out/found/$1" "$3" "$2" -- "$out/$2/$1" >"$log" 2>&1 || {
        echo "$1 ($2): afl-fuzz ended with an error:" >&2
        tail -20 "$log" >&2
        return 1
    }
}

stat() {
    sed -n "s/^$2 *: *//p" "$1/fuzzer_stats"
}

# Minimises the first crash or hang of NAME VARIANT and says how to replay it.
show_finding() {
    for kind in crashes hangs; do
        first=$(find "$out/found/$1/$2/$kind" -name 'id*' 2>/dev/null | sort | head -1)
        [ -n "$first" ] || continue
        small=$out/$1.$2.$kind
        [ "$kind" = hangs ] ||
            afl-tmin -m none -t 2000 -i "$first" -o "$small" -- "$out/$2/$1" >/dev/null 2>&1 ||
            cp "$first" "$small"
        [ -f "$small" ] || cp "$first" "$small"
        echo "$1 ($2): $kind; minimised: $small"
        echo "    replay: $out/replay/$1 -v $small"
        echo "    with sanitizers: $out/asan/$1 <$small"
    done
}

report() {
    dir=$out/found/$1/$2
    execs=$(stat "$dir" execs_done)
    time=$(stat "$dir" run_time)
    crashes=$(stat "$dir" saved_crashes)
    hangs=$(stat "$dir" saved_hangs)
    printf '%-14s %-6s %12s %10s %8s %6s %8s\n' "$1" "$2" "$execs" \
        $((execs / (time > 0 ? time : 1))) "$crashes" "$hangs" "$(stat "$dir" corpus_count)"
    [ $((crashes + hangs)) = 0 ] || show_finding "$1" "$2"
    return $((crashes + hangs > 0))
}

replayers
objects plain
AFL_USE_ASAN=1 AFL_USE_UBSAN=1
export AFL_USE_ASAN AFL_USE_UBSAN
objects asan
unset AFL_USE_ASAN AFL_USE_UBSAN

rc=0
rm -rf "$out/found"
mkdir -p "$out/found"
printf '%-14s %-6s %12s %10s %8s %6s %8s\n' target build execs execs/s crashes hangs corpus
for name in $targets; do
    "$out/replay/$name" -v "fuzz/corpus/$name" >"$out/found/$name.corpus.log" 2>&1 || {
        echo "$name: its corpus fails, so it is not fuzzed; the last file named is the one:"
        tail -3 "$out/found/$name.corpus.log"
        echo "    replay: $out/replay/$name -v fuzz/corpus/$name"
        rc=1
        continue
    }
    run "$name" plain -S 0 &
    plain=$!
    run "$name" asan -S "$last_core" || rc=1
    wait "$plain" || rc=1
    for variant in plain asan; do
        [ ! -f "$out/found/$name/$variant/fuzzer_stats" ] || report "$name" "$variant" || rc=1
    done
done
exit "$rc"
