# windows.sh: what the Windows jobs need: compiler, wine, CUnit. Sourced after lib.sh.
# shellcheck source=ci/cunit.sh
. "$top/ci/cunit.sh"
# shellcheck source=ci/openssl.sh
. "$top/ci/openssl.sh"
windows=$cache/windows
export WINEPREFIX=$windows/wine WINEDEBUG=-all
windows_tls=OFF # until need_windows_build has found OpenSSL
windows_cc=x86_64-w64-mingw32-gcc

# One processor: wake-ups across processors are very dear on virtual machines.
# shellcheck disable=SC2034
pin=(taskset -c "$(taskset -pc $$ | sed 's/.*[:,-] *//')")

need_windows() {
    need util-linux cmake ninja-build pkg-config dpkg-dev gcc-mingw-w64-x86-64 wine wine64
    mkdir -p "$windows"
    [ -d "$WINEPREFIX/drive_c" ] || wineboot -i </dev/null >/dev/null 2>&1 || true
    [ -d "$WINEPREFIX/drive_c" ] || die "wine makes no prefix in $WINEPREFIX"
    warm_wine
}

# A server that is there already, for a minute: else each test waits for one that it has
# started, and that holds its output.
warm_wine() {
    wineserver -p60 </dev/null >/dev/null 2>&1 || true
    wine cmd /c exit </dev/null >/dev/null 2>&1 || die "wine does not run"
}

need_windows_build() {
    need_windows
    need_cunit_for "$windows/prefix" "$windows_cc" x86_64-w64-mingw32-ar
    windows_tls=ON
    need_openssl_for_windows "$windows/prefix" || windows_tls=OFF
}

configure_windows() { # NAME [-D...]
    local name=$1
    shift
    PKG_CONFIG_LIBDIR=$windows/prefix/lib/pkgconfig \
        configure "$name" -DRUNNEL_TLS=$windows_tls -DOPENSSL_USE_STATIC_LIBS=ON -DRUNNEL_SYSROOT="$windows/prefix" -DCMAKE_TOOLCHAIN_FILE="$top/cmake/mingw-w64.cmake" \
        -DCMAKE_CROSSCOMPILING_EMULATOR="$top/ci/wine-run" "$@"
}
