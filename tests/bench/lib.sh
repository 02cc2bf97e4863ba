# What benches share; read in by each: . "$BENCH_LIB"
#
# A bench prints lines on standard output, and everything else on standard error:
#     sample THING MILLISECONDS    one measurement
#     ratio THING PEER             the table shows the quotient of the two medians
#     note TEXT                    printed below the table
set -eu
work=$PWD
mkdir -p etc
state=$work/state

# The program under test, with this bench's own state.
pkgjail() {
    "$BENCH_BIN/pkgjail" --state "$state" --config "$work/etc" --quiet --yes "$@"
}
# timed THING COMMAND…: a sample of it. COMMAND is a program; `timed_pkgjail` is for pkgjail's verbs.
timed() {
    thing=$1
    shift
    echo "sample $thing $("$BENCH_CLOCK" run "$@")"
}
timed_pkgjail() {
    thing=$1
    shift
    timed "$thing" "$BENCH_BIN/pkgjail" --state "$state" --config "$work/etc" --quiet --yes "$@"
}
# offer EDITION: the repository from now on.
offer() {
    printf '[repository demo]\nurl = file://%s/All\ntrust = none\n' "$BENCH_REPOSITORY/$1" >"$work/etc/repositories.conf"
}
# file_system TYPE MEBIBYTES DIRECTORY: a new one, in a file.
file_system() {
    mkdir -p "$3"
    truncate -s "$2M" "$3.image"
    case $1 in
    ext4) mkfs.ext4 -q -F "$3.image" >&2 ;;
    *) "mkfs.$1" -q -f "$3.image" >&2 ;;
    esac
    mount -t "$1" -o loop "$3.image" "$3"
    mounted="$3 ${mounted:-}"
}
rounds() {
    seq "$BENCH_ROUNDS"
}
end() {
    ended=$?
    trap - EXIT
    pkgjail destroy --all --with-data >&2 || ended=1
    for directory in ${mounted:-}; do
        umount -d "$directory" || ended=1
    done
    exit $ended
}
trap end EXIT
trap 'exit 1' INT TERM
offer 2026Q3
