#!/bin/sh
# Reads the sources against the house's figure of floors:
#
#     5   cli
#     4   ops
#     3   solve  repo  store  catalog  supervise
#     2   confine
#     1   format  jail
#     0   base
#
# A file may include headers of its own room and of strictly lower floors. Foreign libraries, programs of the host, the
# terminal, SQL and the platform each have their few places. Prints every line that stands elsewhere; exit status 1 when
# there is one.
#
#     floors.sh DIRECTORY      the directory that holds pkgjail/
#     floors.sh --self-test    in the samples below bad/, every line marked BAD is found and no other
set -eu
LC_ALL=C
export LC_ALL
here=$(cd "$(dirname "$0")" && pwd)

check() {
    find "$1/pkgjail" -type f \( -name '*.cpp' -o -name '*.hpp' -o -name '*.sample' \) | sort | while read -r file; do
        awk -v path="${file#"$1"/}" '
        function complain(why) { print path ":" FNR ": " why ": " $0 }
        function only_in(places, what) { if (path !~ "^pkgjail/(" places ")") complain(what) }
        BEGIN {
            split("base 0 format 1 jail 1 confine 2 solve 3 repo 3 store 3 catalog 3 supervise 3 ops 4 cli 5", f, " ")
            for (i = 1; i in f; i += 2) floor[f[i]] = f[i + 1]
            split(path, part, "/")
            room = part[2]
            if (!(room in floor)) { print path ": stands in no room"; exit }
        }
        # Comments and preprocessor text are read too, but a line that is only a comment says nothing to the compiler.
        /^[ \t]*\/\// { next }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split($0, quoted, "\"")
            if (split(quoted[2], to, "/") != 3 || to[1] != "pkgjail")
                complain("include is not of the form pkgjail/ROOM/NAME")
            else if (!(to[2] in floor))
                complain("includes a room that there is not")
            else if (to[2] == "catalog" && to[3] == "sqlite.hpp" && room != "catalog")
                complain("the database is for catalog")
            else if (quoted[2] == "pkgjail/format/archive_library.hpp" && path !~ "^pkgjail/format/archive")
                complain("libarchive is for format/archive")
            else if (to[2] != room && floor[to[2]] >= floor[room])
                complain(room " may not include " to[2])
            next
        }
        /^[ \t]*#[ \t]*include[ \t]*<sqlite3/      { only_in("catalog/sqlite[._]", "SQLite is for catalog/sqlite") }
        /^[ \t]*#[ \t]*include[ \t]*<curl\//       { only_in("repo/fetch[._]", "curl is for repo/fetch") }
        /^[ \t]*#[ \t]*include[ \t]*<archive/      { only_in("format/archive[._]", "libarchive is for format/archive") }
        /^[ \t]*#[ \t]*include[ \t]*<dlfcn/      { only_in("base/shared_library[.]", "libraries are loaded by base/shared_library") }
        /^[ \t]*#[ \t]*include[ \t]*<openssl\//    { only_in("(base/digest|format/signature)[._]", "OpenSSL is for digests and signatures") }
        /^[ \t]*#[ \t]*include[ \t]*<iostream>/    { only_in("cli/", "the terminal is for cli") }
        /^[ \t]*#.*__(linux|NetBSD|FreeBSD|OpenBSD|APPLE)__/ { only_in("(base|confine)/", "platforms differ in base and confine only") }
        /^[ \t]*#/ { next }
        {
            code = $0
            gsub(/\\"/, "", code)            # escaped quotes
            text = code
            gsub(/"[^"]*"/, "\"\"", code)    # what a string says is no call
            sub(/\/\/.*/, "", code)
        }
        code ~ /(^|[^A-Za-z0-9_.>])(::|std::)?(system|popen|wordexp|execlp|execvp|execvpe|posix_spawnp)[ \t]*\(/ \
            { complain("runs a program through a shell or PATH") }
        code ~ /std::c(out|err|log)|(^|[^A-Za-z0-9_])(std::|::)?(printf|vprintf|puts|putchar|perror)[ \t]*\(|fmt::print[ \t]*\(|f(printf|puts|write)[ \t]*\(.*std(out|err)|(^|[^A-Za-z0-9_.>])(write|write_all|dprintf)[ \t]*\([ \t]*(1|2|STDOUT_FILENO|STDERR_FILENO)[ \t]*,/ \
            { only_in("(cli/|supervise/(main|announcement)[.]cpp)", "the terminal is for cli") }
        # A statement is one literal with ? or :name in it. Built is: glued with +, or formatted. In catalog keywords may be
        # in lower case; elsewhere that would be English.
        {
            verb = "(SELECT|INSERT|REPLACE|UPDATE|DELETE|CREATE|DROP|ALTER)[ \t]"
            word = "(FROM|INTO|SET|WHERE|VALUES|TABLE|INDEX|VIEW)[ \t(]"
            upper = room == "catalog" ? toupper(text) : text
            is_sql = upper ~ ("\"[^\"]*" verb "[^\"]*" word) || upper ~ /"[ \t]*(SELECT|INSERT|UPDATE|DELETE)[ \t]/
            if (is_sql && room != "catalog")
                complain("SQL is for catalog")
            else if (is_sql && text ~ /fmt::format|"[ \t]*\+|\+=?[ \t]*(R?"|std::string)/)
                complain("SQL is built from pieces")
            else if (was_sql && code ~ /^[ \t]*\+/)
                complain("SQL is built from pieces")
            else if (room == "catalog" && text ~ /^[^"]*\)"[ \t]*\+/)
                complain("SQL is built from pieces")
            was_sql = is_sql
        }
        /(TODO|FIXME|XXX)([^A-Za-z0-9_]|$)/ { complain("is not done") }
        ' "$file"
    done
}

if [ "${1:-}" = --self-test ]; then
    # Every line of the samples that ends in "// BAD" is to be found, and no other.
    expected=$(cd "$here/bad" && grep -rn '// BAD$' pkgjail | cut -d: -f1,2 | sort)
    found=$(check "$here/bad" | cut -d: -f1,2 | sort -u)
    if [ "$expected" != "$found" ]; then
        printf 'expected to be found:\n%s\nfound:\n%s\n' "$expected" "$found"
        exit 1
    fi
    [ -n "$expected" ]
    exit
fi

found=$(check "${1:?which directory}")
[ -z "$found" ] && exit 0
printf '%s\n' "$found"
exit 1
