# openssl.sh: OpenSSL for Windows, from Debian's source package. Sourced after cunit.sh.
#
# Two static libraries and their headers, as they are in the package but for what nothing
# here needs; hardly optimized, for compiling is what costs. A minute or two on two idle
# processors; kept, so that only the first run pays.

# need_openssl_for_windows PREFIX: installs it below PREFIX; 1, and $no_openssl says why, if
# its source cannot be had.
need_openssl_for_windows() {
    local prefix=$1 source=$cache/openssl build=$cache/openssl-build tree
    no_openssl=
    [ -f "$prefix/lib/pkgconfig/openssl.pc" ] && return 0
    need perl make
    say "OpenSSL for Windows, from its source package"
    if ! source_package openssl "$source"; then
        # shellcheck disable=SC2034
        no_openssl="no source package openssl can be had from the mirrors of apt"
        return 1
    fi
    tree=$(ls -d "$source"/openssl-*/)
    rm -rf "$build" && mkdir -p "$build"
    (openssl_made "$tree" "$build" "$prefix") >"$out/openssl.log" 2>&1 ||
        { tail -20 "$out/openssl.log"; die "OpenSSL does not build"; }
    rm -rf "$build" "$source"
}

openssl_made() { # SOURCE BUILD PREFIX
    cd "$2" &&
        perl "$1/Configure" mingw64 --cross-compile-prefix=x86_64-w64-mingw32- --prefix="$3" \
            --libdir=lib no-shared no-tests no-module no-engine no-legacy no-comp "CFLAGS=-O1 -w" &&
        make -s build_generated && make -s -j2 libcrypto.a libssl.a && make -s install_dev
}
