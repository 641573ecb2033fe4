#!/bin/bash -eu
# Builds each target with the engine, its seeds and its dictionary, as OSS-Fuzz
# wants them: $CC, $CFLAGS, $LIB_FUZZING_ENGINE and $OUT come from its image.
include="-Iinclude -Isrc -Ifuzz -DRNL_STATIC"
work=${WORK:-/tmp}/runnel
mkdir -p "$work"

for source in src/core/*.c; do
    # shellcheck disable=SC2086
    $CC $CFLAGS -std=c11 $include -DRNLI_COUNT_WORK -include fuzz/count.h \
        -c "$source" -o "$work/core_$(basename "$source" .c).o"
done
for source in support model pair; do
    # shellcheck disable=SC2086
    $CC $CFLAGS -std=c11 $include -c "fuzz/$source.c" -o "$work/$source.o"
done

# For `script`: the whole library, and the kernel that is a script.
include="$include -Itests/conformance"
cmake -S . -B "$work/lib" -G Ninja -DCMAKE_C_COMPILER="$CC" -DCMAKE_C_FLAGS="$CFLAGS" \
    -DRUNNEL_TESTS=OFF -DRUNNEL_EXAMPLES=OFF
ninja -C "$work/lib" librunnel.a
# shellcheck disable=SC2086
$CC $CFLAGS -std=c11 -D_POSIX_C_SOURCE=200809L $include \
    -c tests/conformance/scripted.c -o "$work/scripted.o"

for name in readuntil readuntil_any reader writer find timerq hostport script; do
    shared=
    case $name in
    read*) shared="$work/pair.o $work/model.o" ;;
    script) shared="$work/scripted.o $work/model.o $work/lib/librunnel.a -lpthread" ;;
    esac
    # shellcheck disable=SC2086
    $CC $CFLAGS -std=c11 $include -c "fuzz/$name.c" -o "$work/$name.o"
    # shellcheck disable=SC2086
    $CXX $CXXFLAGS "$work/$name.o" "$work"/core_*.o "$work/support.o" $shared \
        $LIB_FUZZING_ENGINE -o "$OUT/$name"
    zip -qj "$OUT/${name}_seed_corpus.zip" "fuzz/corpus/$name"/*
    cp "fuzz/dict/$name.dict" "$OUT/"
done
