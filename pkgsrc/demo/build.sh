# Writes packages and summaries. Read by demo-repository, which sets: here (this directory), work (an empty directory),
# packages (in dependency order), deb_arch.
#
#   work/debs/DEB/          what a .deb holds; ELF files already have their run path
#   work/versions/DEB       its upstream version
#   work/stage/             the package being made: metadata (+…) and files as below the prefix
#   work/libraries/SONAME   the package that has the library
#   work/records/EDITION/   one pkg_summary record a package, one file of dependencies and sizes
#   work/editions/EDITION/All/
#
# A package that an edition does not change is the same file in both, as a hard link.

prefix=/usr/pkg
D=$work/debs
S=$work/stage
mkdir -p "$D" "$work/versions" "$work/records" "$work/editions"

case $deb_arch in
amd64) machine_arch=x86_64 ;;
arm64) machine_arch=aarch64 ;;
armhf) machine_arch=earmv7hf ;;
*) machine_arch=$deb_arch ;;
esac
os_version=$(uname -r | sed 's/^\([0-9.]*\).*/\1/')

# Where the base system keeps a library that no package has.
base_library() { # SONAME
    for directory in /lib/*-linux-gnu* /lib64 /lib; do
        if [ -e "$directory/$1" ]; then
            echo "$directory/$1"
            return
        fi
    done
    fail "$package needs $1, which neither a package nor the system has"
}

# Unpacks a .deb and points the run path of its programs and libraries at the prefix.
unpack() { # DEB FILE
    mkdir "$D/$1"
    dpkg-deb -x "$2" "$D/$1" || fail "$2 cannot be unpacked" "remove it from the cache"
    # 1:1.2.13.dfsg-1+b2 → 1.2.13: without epoch, Debian's revision and the mark of a repacked source. A version of
    # pkgsrc has no "-": 2.1.12-stable → 2.1.12, 3.1-20221030 → 3.1.20221030; 0~20171227 → 20171227.
    dpkg-deb -f "$2" Version | sed -e 's/^[0-9]*://' -e 's/-[^-]*$//' -e 's/[.+]\(dfsg\|ds\|repack\).*//' \
        -e 's/-stable$//' -e 's/^0~//' -e 's/-\([0-9]\)/.\1/' \
        >"$work/versions/$1"
    find "$D/$1" -type f \( -path '*/bin/*' -o -path '*/sbin/*' -o -name '*.so*' \) -exec sh -c '
        for file; do
            case $(head -c 4 "$file" | tr -d "\000" | od -An -c | tr -d " ") in
            177ELF) patchelf --set-rpath "$0/lib" "$file" ;;
            esac
        done' $prefix {} +
}

# --- what a description's stage() may call: all paths of the package are relative to the prefix

put() { # FILE PATH MODE
    install -D -m "$3" "$1" "$S/$2"
}
data() { # DEB PATH-IN-DEB PATH
    put "$D/$1/$2" "$3" 0644
}
own() { # FILE-OF-OURS PATH MODE
    put "$here/$1" "$2" "$3"
}
program() { # DEB PATH-IN-DEB PATH
    mkdir -p "$S/${3%/*}"
    ln "$(readlink -f "$D/$1/$2")" "$S/$3"
    chmod 0755 "$S/$3"
}
same_file() { # PATH OTHER-PATH
    ln "$S/$1" "$S/$2"
}
library() { # DEB SONAME: the library, and the link by which programs find it
    found=$(find "$D/$1" -name "$2" | head -n 1)
    [ -n "$found" ] || fail "$1 has no $2"
    real=$(readlink -f "$found")
    mkdir -p "$S/lib"
    ln "$real" "$S/lib/${real##*/}"
    chmod 0755 "$S/lib/${real##*/}"
    [ "${real##*/}" = "$2" ] || ln -s "${real##*/}" "$S/lib/$2"
}
plugin() { # DEB PATH-BELOW-LIB
    found=$(find "$D/$1" -path "*/$2" | head -n 1)
    [ -n "$found" ] || fail "$1 has no $2"
    mkdir -p "$S/lib/${2%/*}"
    ln "$found" "$S/lib/$2"
    chmod 0755 "$S/lib/$2"
}
link() { # TARGET PATH
    mkdir -p "$S/${2%/*}"
    ln -s "$1" "$S/$2"
}
text() { # PATH: what comes on standard input
    mkdir -p "$S/${1%/*}"
    cat >"$S/$1"
    chmod 0644 "$S/$1"
}
whole_tree() { # DEB PATH-IN-DEB PATH: its files
    (cd "$D/$1/$2" && find . -type f) >"$work/tree"
    [ -s "$work/tree" ] || fail "package $1 of the distribution has no files in $2"
    while read -r file; do
        data "$1" "$2/${file#./}" "$3/${file#./}"
    done <"$work/tree"
}
rc_script() { # NAME COMMAND ARGUMENTS [USER [PIDFILE]]
    mkdir -p "$S/share/examples/rc.d"
    {
        echo "#!/bin/sh"
        echo "#"
        echo "# PROVIDE: $1"
        echo "# REQUIRE: DAEMON"
        echo
        echo ". /etc/rc.subr"
        echo
        echo "name=\"$1\""
        echo 'rcvar=$name'
        echo "command=\"$2\""
        [ -z "$3" ] || echo "command_args=\"$3\""
        [ -z "${4:-}" ] || echo "$1_user=\"$4\""
        [ -z "${5:-}" ] || echo "pidfile=\"$5\""
        echo
        echo 'load_rc_config $name'
        echo 'run_rc_command "$1"'
    } >"$S/share/examples/rc.d/$1"
    chmod 0755 "$S/share/examples/rc.d/$1"
}
manual() { # DEB MANN/PAGE.N [MANN/NEW-NAME.N]
    mkdir -p "$S/man/${2%/*}"
    zcat "$D/$1/usr/share/man/$2.gz" >"$S/man/${3:-$2}"
    chmod 0644 "$S/man/${3:-$2}"
}

# --- one package

# Reads a description into variables. Prints nothing; sets absent=yes when the edition does not have the package.
describe() { # PACKAGE
    package=$1
    absent="" rebuilt="" revision="" depends="" conflicts="" supersedes=""
    directories="" install_data="" display="" options="" sysconfdir=""
    # shellcheck source=/dev/null
    . "$here/packages/$1"
    version=$(cat "$work/versions/${debs%% *}")
    pkgname=$1-$version${revision:+nb$revision}
    # A package's dates are those of the edition that last changed it.
    case $edition in
    2026Q3) build_date="2026-07-04 02:00:00 +0000" ;;
    2026Q4) build_date="2026-10-03 02:00:00 +0000" ;;
    *) build_date="2026-10-05 02:00:00 +0000" ;;
    esac
}

# Both scripts of a package, as the pkginstall framework puts them together.
write_scripts() {
    for script in INSTALL DEINSTALL; do
        echo "$install_data" | sh "$here/install-script" $script "$package" "$prefix" >"$S/+$script"
        chmod 0755 "$S/+$script"
    done
}

# Which libraries the staged files have (PROVIDES) and load from elsewhere (REQUIRES).
write_libraries() {
    find "$S" \( -type f -o -type l \) -name 'lib*.so*' -printf "PROVIDES=$prefix/%P\n" >"$work/provides"
    find "$S" -type f \( -path '*/bin/*' -o -path '*/sbin/*' -o -path '*/libexec/*' -o -name '*.so*' \) -print0 |
        xargs -0 -r -n 1 patchelf --print-needed 2>/dev/null | sort -u >"$work/needed" || :
    while read -r soname; do
        [ ! -e "$S/lib/$soname" ] || continue
        owner=
        [ ! -f "$work/libraries/$soname" ] || owner=$(cat "$work/libraries/$soname")
        case " $needs " in
        *" ${owner:-.} "*) path=$prefix/lib/$soname ;;
        *) path=$(base_library "$soname") ;;
        esac
        echo "REQUIRES=$path"
    done <"$work/needed" >"$work/requires"
    sed -n "s|^PROVIDES=$prefix/lib/\\([^/]*\\)\$|\\1|p" "$work/provides" | while read -r soname; do
        echo "$package" >"$work/libraries/$soname"
    done
}

# Makes the described package: archive, summary record, sizes.
build_package() {
    rm -rf "$S"
    mkdir -p "$S"
    stage
    # The licence goes with the files. Some of the distribution's packages share another's.
    for deb in $debs; do
        [ ! -f "$D/$deb/usr/share/doc/$deb/copyright" ] || [ -f "$S/share/doc/$package/copyright" ] ||
            put "$D/$deb/usr/share/doc/$deb/copyright" "share/doc/$package/copyright" 0644
    done
    [ -f "$S/share/doc/$package/copyright" ] || fail "$package: no copyright file in $debs"

    # The packing list: type, path, link target, size; tabs between.
    (cd "$S" && find . \( -type f -o -type l \) -printf '%P\t%y\t%l\t%s\n' | sort) >"$work/files"
    (cd "$S" && find . -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$work/md5"

    needs=
    {
        echo "@name $pkgname"
        echo "@cwd $prefix"
        echo "$depends" | while read -r base pattern; do
            [ -n "$base" ] || continue
            echo "@blddep $(cat "$records/$base.name")"
            echo "@pkgdep $pattern"
        done
        echo "$conflicts" | tr ' ' '\n' | sed -n 's/./@pkgcfl &/p'
        awk -F '\t' -v sums="$work/md5" '
            BEGIN { while ((getline line < sums) > 0) sum[substr(line, 35)] = substr(line, 1, 32) }
            { print $1; print "@comment " ($2 == "l" ? "Symlink:" $3 : "MD5:" sum[$1]) }' "$work/files"
        for directory in $directories; do
            echo "@pkgdir $directory"
        done
    } >"$S/+CONTENTS"

    : >"$work/closure"
    for base in $(echo "$depends" | awk 'NF { print $1 }'); do
        needs="$needs $base"
        cat "$records/$base.sizes" >>"$work/closure"
    done
    size=$(awk -F '\t' '{ sum += $4 } END { print sum }' "$work/files")
    { cat "$work/closure"; echo "$package $size"; } | sort -u >"$records/$package.sizes"
    echo "$pkgname" >"$records/$package.name"
    write_libraries

    echo "$comment" >"$S/+COMMENT"
    printf '%s\n\nHomepage:\n%s\n' "$description" "$homepage" >"$S/+DESC"
    [ -z "$install_data" ] || write_scripts
    [ -z "$display" ] || cp "$here/$display" "$S/+DISPLAY"
    {
        echo "BUILD_DATE=$build_date"
        echo "CATEGORIES=${pkgpath%%/*}"
        echo "HOMEPAGE=$homepage"
        echo "LICENSE=$license"
        echo "LOCALBASE=$prefix"
        echo "MACHINE_ARCH=$machine_arch"
        echo "OPSYS=Linux"
        echo "OS_VERSION=$os_version"
        echo "PKGPATH=$pkgpath"
        echo "PKGTOOLS_VERSION=20091115"
        [ -z "$options" ] || echo "PKG_OPTIONS=$options"
        echo "PKG_SYSCONFBASE=$prefix/etc"
        echo "PKG_SYSCONFDIR=${sysconfdir:-$prefix/etc}"
        echo "PREFIX=$prefix"
        [ -z "$supersedes" ] || echo "SUPERSEDES=$supersedes"
        echo "VARBASE=/var"
        cat "$work/provides" "$work/requires"
    } | sort >"$S/+BUILD_INFO"
    echo "$size" >"$S/+SIZE_PKG"
    awk '{ sum += $2 } END { print sum }' "$records/$package.sizes" >"$S/+SIZE_ALL"

    metadata="+COMMENT +DESC"
    for member in +INSTALL +DEINSTALL +DISPLAY; do
        [ ! -f "$S/$member" ] || metadata="$metadata $member"
    done
    metadata="$metadata +BUILD_INFO +SIZE_PKG +SIZE_ALL"
    {
        echo "@cwd $prefix"
        for member in $metadata; do
            echo "@ignore"
            echo "$member"
        done
    } >>"$S/+CONTENTS"

    # Metadata first, then the files in the order of the list; no directories.
    {
        echo "+CONTENTS"
        for member in $metadata; do
            echo "$member"
        done
        cut -f 1 "$work/files"
    } >"$work/members"
    tar -C "$S" --format=ustar --owner=root:0 --group=root:0 --mtime="$build_date" --no-recursion \
        --verbatim-files-from -T "$work/members" -cf "$work/archive"
    gzip -n -6 <"$work/archive" >"$all/$pkgname.tgz"
    write_record
}

# The package's record of pkg_summary, as pkg_info -X writes it, with the digest that some repositories add.
write_record() {
    {
        echo "PKGNAME=$pkgname"
        sed -n -e 's/^@pkgdep /DEPENDS=/p' -e 's/^@pkgcfl /CONFLICTS=/p' "$S/+CONTENTS"
        echo "COMMENT=$comment"
        echo "SIZE_PKG=$size"
        grep -E '^(BUILD_DATE|CATEGORIES|HOMEPAGE|LICENSE|MACHINE_ARCH|OPSYS|OS_VERSION|PKGPATH|PKGTOOLS_VERSION)=' \
            "$S/+BUILD_INFO"
        grep -E '^(PKG_OPTIONS|PROVIDES|REQUIRES|SUPERSEDES)=' "$S/+BUILD_INFO" || :
        echo "FILE_NAME=$pkgname.tgz"
        echo "FILE_SIZE=$(stat -c %s "$all/$pkgname.tgz")"
        echo "FILE_CKSUM=sha512 $(sha512sum "$all/$pkgname.tgz" | cut -d ' ' -f 1)"
        sed 's/^/DESCRIPTION=/' "$S/+DESC"
        echo
    } >"$records/$package.record"
}

# --- one edition

# The edition that a package is taken from when this one does not change it.
previous_edition() {
    case $name_of_edition in
    2026Q3) ;;
    *-recipes)
        case " $packages " in
        *" $package "*) echo "$edition" ;;
        *) [ "$edition" = 2026Q3 ] || echo 2026Q3-recipes ;;
        esac
        ;;
    2026Q4) echo 2026Q3 ;;
    *) echo 2026Q4 ;;
    esac
}

# Whether this edition has its own build of the described package.
changed() {
    case $name_of_edition in
    *-recipes)
        case " $packages " in
        *" $package "*) return 1 ;;
        *) [ "$edition" = 2026Q3 ] || [ -n "$revision$rebuilt" ] ;;
        esac
        return
        ;;
    esac
    case $edition in
    2026Q3) return 0 ;;
    2026Q4) [ -n "$revision$rebuilt" ] || [ ! -f "$before/$package.name" ] ;;
    *) [ "$package" = nginx ] ;;
    esac
}

# NAME: 2026Q3 and the like; 2026Q3-recipes is that with more packages.
build_edition() {
    name_of_edition=$1
    edition=${1%-recipes}
    all=$work/editions/$1/All
    records=$work/records/$1
    mkdir -p "$all" "$records" "$work/libraries"
    more=
    [ "$edition" = "$1" ] || more=$recipe_packages
    for package in $packages $more; do
        describe "$package"
        [ -z "$absent" ] || continue
        before=$work/records/$(previous_edition)
        if changed; then
            build_package
        else
            for kind in name sizes record; do
                cp "$before/$package.$kind" "$records/"
            done
            pkgname=$(cat "$records/$package.name")
            ln "$work/editions/$(previous_edition)/All/$pkgname.tgz" "$all/"
        fi
    done
    cat "$records"/*.record >"$all/pkg_summary"
    gzip -n -9 -c "$all/pkg_summary" >"$all/pkg_summary.gz"
    bzip2 -c "$all/pkg_summary" >"$all/pkg_summary.bz2"
    xz -c "$all/pkg_summary" >"$all/pkg_summary.xz"
    zstd -q -c "$all/pkg_summary" >"$all/pkg_summary.zst"
}
