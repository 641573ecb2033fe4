# cunit.sh: CUnit for another platform, from Debian's source package. Sourced after lib.sh.
#
# It is eight files, and its own build scripts know nothing of cross-compiling. What is
# built is kept outside the tree, in $cache.
cache=${RUNNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/runnel}

# source_package NAME FOLDER: Debian's source by the machine's own mirrors, unpacked; 1 if
# it cannot be had.
source_package() {
    local lists=$cache/apt parts=$cache/apt-sources file version
    need dpkg-dev
    rm -rf "$parts" && mkdir -p "$parts" "$lists/partial"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        [ -f "$file" ] || continue
        sed -e 's/^Types:.*/Types: deb-src/' -e '/^deb-src/d' -e 's/^deb /deb-src /' "$file" \
            >"$parts/src.${file##*.}"
    done
    local options=("${apt_options[@]}" -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$parts"
        -o "Dir::State::lists=$lists" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update || true
    # The newest may be named and not be there: a mirror can lag behind its index.
    for version in $(apt-cache "${options[@]}" showsrc --only-source "$1" 2>/dev/null |
        sed -n 's/^Version: //p' | sort -urV); do
        rm -rf "$2" && mkdir -p "$2"
        (cd "$2" && apt-get "${options[@]}" source "$1=$version" >/dev/null) && return 0
    done
    rm -rf "$2"
    return 1
}

# need_cunit_for PREFIX CC AR: installs it below PREFIX, with a .pc file.
need_cunit_for() {
    local prefix=$1 cc=$2 ar=$3 source f
    [ -f "$prefix/lib/pkgconfig/cunit.pc" ] && return 0
    [ -d "$cache/cunit" ] || source_package cunit "$cache/cunit" || die "no source package cunit"
    source=$(ls -d "$cache"/cunit/cunit-*/CUnit)
    rm -rf "$prefix" && mkdir -p "$prefix/include" "$prefix/lib/pkgconfig" "$prefix/o"
    cp -r "$source/Headers" "$prefix/include/CUnit"
    for f in Framework/{CUError,MyMem,TestDB,TestRun,Util} Basic/Basic Automated/Automated Console/Console; do
        "$cc" -O2 -w -DVERSION='"2.1-3"' -I"$source/Headers" -c "$source/Sources/$f.c" \
            -o "$prefix/o/$(basename "$f").o"
    done
    "$ar" rcs "$prefix/lib/libcunit.a" "$prefix"/o/*.o
    printf 'Name: cunit\nDescription: CUnit\nVersion: 2.1-3\nLibs: -L%s/lib -lcunit\nCflags: -I%s/include\n' \
        "$prefix" "$prefix" >"$prefix/lib/pkgconfig/cunit.pc"
}
