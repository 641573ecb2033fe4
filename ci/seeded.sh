# seeded.sh: mistakes made in a source file on purpose; a test program has to notice. Sourced after lib.sh.
#
# The program is linked again from the objects of a build, the wrong object before the library.
seeded_noticed=0 seeded_missed=0

# seeded BUILD CC LINK SOURCE EDIT TEST COMMAND...: BUILD is one made by `configure` with RUNNEL_FAULTS, CC its compiler
# and LINK what the linking wants besides. SOURCE, changed by the sed script EDIT, has to make the program TEST
# (ROOM_NAME) fail. COMMAND runs it, named @, by an emulator, say, and with arguments.
seeded() {
    local build=$1 cc=$2 link=$3 source=$4 edit=$5 test=$6 dir name code=0 objects
    shift 6
    name=$(basename "$source")
    dir=$out/$build/seeded
    mkdir -p "$dir"
    sed -E -e "$edit" "$source" >"$dir/$name"
    if cmp -s "$source" "$dir/$name"; then
        printf 'BAD  %s: "%s" changes nothing\n' "$name" "$edit"
        seeded_missed=$((seeded_missed + 1))
        return 0
    fi
    mapfile -d '' objects < <(find "$out/$build/tests/CMakeFiles/$test.dir" -name 'test_*.o' -print0
        find "$out/$build/tests/CMakeFiles/${test%%_*}_helpers.dir" -name '*.o' -print0)
    # shellcheck disable=SC2086 # LINK is several words
    "$cc" -std=c11 -O2 -DNDEBUG -DRNLI_FAULTS -DRNL_BUILDING -Iinclude -Isrc -iquote "$(dirname "$source")" \
        -c "$dir/$name" -o "$dir/wrong.o" &&
        "$cc" -o "$dir/$test" "${objects[@]}" "$dir/wrong.o" "$out/$build/librunnel.a" $link ||
        die "$name with \"$edit\" does not build"
    timeout --kill-after=5 "${seeded_patience:-120}" "${@/#@/$dir/$test}" >"$dir/log" 2>&1 || code=$?
    if [ "$code" = 0 ]; then
        printf 'BAD  %s: "%s" is not noticed by %s\n' "$name" "$edit" "$test"
        seeded_missed=$((seeded_missed + 1))
    else
        seeded_noticed=$((seeded_noticed + 1))
    fi
}
