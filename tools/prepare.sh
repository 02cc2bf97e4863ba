# Sourced by ./quickstart and ./check: installs or names what is missing. Sets `top` (the source directory) and `build` (the build directory).
# Everything is said in one line a step; what the steps print themselves goes to a log, shown when one fails.

set -u
top=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
build=${PKGJAIL_BUILD:-$top/build}
mkdir -p "$build"
log=$build/setup.log
: >"$log"

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$(basename -- "$0")" "$1" >&2
    shift
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}

# step TEXT COMMAND…: runs it quietly; when it fails, the end of what it printed is shown.
step() {
    text=$1
    shift
    start=$(date +%s)
    printf '%s … ' "$text"
    if "$@" >>"$log" 2>&1; then
        printf 'done (%s s)\n' $(($(date +%s) - start))
    else
        printf 'FAILED\n'
        tail -n 30 "$log" >&2
        die "\"$text\" failed" "the whole output is in $log"
    fi
}

have() { command -v "$1" >/dev/null 2>&1; }

debian_packages="g++ cmake ninja-build ccache pkg-config libcurl4-openssl-dev libarchive-dev libsqlite3-dev libssl-dev
libboost-program-options-dev libfmt-dev nlohmann-json3-dev catch2 runc
ca-certificates curl xz-utils bzip2 zstd patchelf procps"
netbsd_packages="cmake ninja-build ccache pkgconf curl libarchive sqlite3 openssl boost-libs boost-headers fmtlib nlohmann_json catch2"

missing_debian() {
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
    done
}

# install_packages [MORE…]: the packages above and MORE, from the system's own package manager.
install_packages() {
    case $(uname -s) in
    Linux)
        have dpkg-query || die "this is not Debian, so nothing is installed by itself" \
            "install a C++20 compiler, CMake, ninja, libcurl, libarchive, SQLite, OpenSSL, Boost.Program_options, fmt, nlohmann-json, Catch2 and runc or crun; then: cmake -B build -G Ninja && ninja -C build"
        missing=$(missing_debian $debian_packages "$@")
        [ -z "$missing" ] && return 0
        [ "$(id -u)" = 0 ] || die "these Debian packages are missing: $missing" "as root: apt-get install $missing"
        step "install $(echo $missing | wc -w) Debian packages" install_debian $missing
        ;;
    NetBSD)
        have pkgin || die "pkgin is missing" "install pkgin, or build these pkgsrc packages: $netbsd_packages"
        [ "$(id -u)" = 0 ] || die "pkgin needs root to install: $netbsd_packages"
        step "install packages with pkgin" pkgin -y install $netbsd_packages
        ;;
    *)
        die "$(uname -s) is not supported" "pkgjail runs on NetBSD and Linux"
        ;;
    esac
}
install_debian() {
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

configure() {
    [ -f "$build/build.ninja" ] && return 0
    step "configure" cmake -S "$top" -B "$build" -G Ninja "$@"
}
