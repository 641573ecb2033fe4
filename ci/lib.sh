# lib.sh: what the scripts of this folder share. Sourced.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
out=$top/build # everything that is built, by name of build

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
# What is asked for makes no sense: a job says so before it builds or installs anything.
misuse() { printf 'error: %s\n' "$*" >&2; exit 2; }
# is_number WORD: a whole number from 1 up, of at most nine digits.
is_number() { [[ $1 =~ ^[1-9][0-9]{0,8}$ ]]; }
# A job that cannot run here says why, and is counted as skipped.
skip() { printf 'skipped: %s\n' "$*"; exit 77; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# A mirror that stumbles is asked again; whoever else installs is waited for.
apt_options=(-qq -o Acquire::Retries=4 -o DPkg::Lock::Timeout=300)
apt_get() { as_root apt-get "${apt_options[@]}" "$@"; }

apt_updated=
# need PACKAGE...: installs those that are missing.
need() {
    local missing=() p
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed' || missing+=("$p")
    done
    [ ${#missing[@]} = 0 ] && return 0
    command -v apt-get >/dev/null || die "please install: ${missing[*]}"
    say "installing ${missing[*]}"
    if [ -z "$apt_updated" ]; then apt_get update >/dev/null || true; apt_updated=1; fi
    apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null || {
        apt_get update >/dev/null || true # the lists may be older than what the mirror holds
        apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null
    }
}

need_build() { need gcc g++ libc6-dev cmake ninja-build pkg-config libcunit1-dev libssl-dev; }

# configure NAME [-D...]: a build folder of that name, warnings being errors.
configure() {
    local name=$1
    shift
    cmake -S "$top" -B "$out/$name" -G Ninja -DRUNNEL_WERROR=ON "$@" >"$out/$name.log" 2>&1 ||
        { cat "$out/$name.log"; die "cmake failed for the build '$name'"; }
}

# build NAME [TARGET...]
build() {
    local name=$1
    shift
    ninja -C "$out/$name" "$@" >"$out/$name.log" 2>&1 || { tail -60 "$out/$name.log"; die "the build '$name' failed"; }
}

# rooms NAME: the targets that are the test programs of core, backend, task and stream.
rooms() { ninja -C "$out/$1" -t targets all | sed -nE '/_helpers: /d; s/^((core|backend|task|stream)_[a-z0-9_]+): phony$/\1/p'; }

# run_tests NAME [ctest arguments]
run_tests() {
    local name=$1
    shift
    ctest --test-dir "$out/$name" --output-on-failure --no-tests=error "$@"
}

mkdir -p "$out"
