#!/usr/bin/env bash
# Compares with CPython's asyncio: [N|full|--newest] random scripts, seed in SEED.
#
#   ci/conformance.sh            20,000 random scripts, all else once
#   ci/conformance.sh 1000000    as many as you like
#   ci/conformance.sh full       a million, each Python found, every cut of the small world
#   ci/conformance.sh --newest [N]   with CPython 3.15, which is installed under build/
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
here=$top/tests/conformance
count=20000 mode=plain
case ${1-} in
--newest) mode=newest && shift ;;
full) mode=full count=1000000 && shift ;;
esac
if [ $# = 1 ] && [ "$mode" != full ]; then
    is_number "$1" || misuse "not a number of scripts from 1 up, nor full or --newest: \"$1\""
    count=$1
elif [ $# != 0 ]; then
    misuse "wanted: a number of scripts, or full, or --newest and perhaps a number; beside it stands \"${*: -1}\""
fi

# A Debian of its own with the newest CPython, as an ordinary folder.
set_up_newest() {
    local mirror root=$out/newest
    if [ ! -x "$root/usr/bin/python3.15" ]; then
        need debootstrap
        mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | head -1)
        [ -n "$mirror" ] || die "apt names no mirror"
        say "CPython 3.15 from $mirror"
        rm -rf --one-file-system "$root"
        as_root debootstrap --variant=minbase --include=python3 sid "$root" "$mirror" >"$out/newest.log" 2>&1 ||
            { tail -5 "$out/newest.log"; skip "no Debian to be had from $mirror"; }
        as_root chroot "$root" apt-get "${apt_options[@]}" install -y python3.15 >>"$out/newest.log" 2>&1 ||
            { tail -5 "$out/newest.log"; skip "$mirror has no python3.15"; }
        echo '127.0.0.1 localhost' | as_root tee "$root/etc/hosts" >/dev/null
    fi
    as_root rm -rf "$root/conformance"
    as_root mkdir -p "$root/conformance"
    as_root cp "$here"/*.py "$root/conformance"
    export RUNNEL_ORACLE_DIR=/conformance RUNNEL_ORACLE_ROOT=$root RUNNEL_PYTHON="chroot $root python3.15"
    [ "$(id -u)" = 0 ] || RUNNEL_PYTHON="sudo $RUNNEL_PYTHON"
}

need_build
need python3 python3-hypothesis
configure conformance -DRUNNEL_EXAMPLES=OFF -DCMAKE_BUILD_TYPE=Release
build conformance conformance_core conformance_task conformance_peer conformance_replay conformance_exhaustive
bin=$out/conformance/tests/conformance
# Whichever python3 has Hypothesis drives; which one is the oracle is another matter.
driver=python3
for candidate in $(type -ap python3); do
    if "$candidate" -c 'import hypothesis' 2>/dev/null; then driver=$candidate; break; fi
done
compare() {
    "$driver" "$here/conformance.py" --core "$bin/conformance_core" --task "$bin/conformance_task" \
        --peer "$bin/conformance_peer" ${SEED:+--seed "$SEED"} "$@"
}

say "vectors, without Python"
"$bin/conformance_replay" "$here"/vectors/*.txt
if [ "$mode" != newest ]; then
    say "the small world against a model"
    "$bin/conformance_exhaustive"
fi
[ "$mode" = newest ] && set_up_newest
say "against asyncio"
if [ "$mode" = full ]; then
    compare --every --count 20000
fi
compare --count "$count"
