# What benches share; read in by each: . "$BENCH_LIB"
#
# A bench prints lines on standard output, and everything else on standard error. results.hpp has all that it may print;
# the words below print them.
set -eu
work=$PWD
mkdir -p etc
state=$work/state
quick=$BENCH_QUICK

# The program under test, with this bench's own state.
pkgjail() {
    "$BENCH_BIN/pkgjail" --state "$state" --config "$work/etc" --quiet --yes "$@"
}
# timed THING COMMAND…: a sample of it. COMMAND is a program; `timed_pkgjail` is for pkgjail's verbs.
timed() {
    thing=$1
    shift
    took=$("$BENCH_CLOCK" run "$@")
    echo "sample $thing $took"
}
timed_pkgjail() {
    thing=$1
    shift
    timed "$thing" "$BENCH_BIN/pkgjail" --state "$state" --config "$work/etc" --quiet --yes "$@"
}
# memory_of_pkgjail THING VERB…: the most memory that it held.
memory_of_pkgjail() {
    thing=$1
    shift
    held=$("$BENCH_CLOCK" memory "$BENCH_BIN/pkgjail" --state "$state" --config "$work/etc" --quiet --yes "$@")
    echo "value $thing MiB $held"
}
# point_of_pkgjail CURVE SERIES X VERB…: a point of a growth curve.
point_of_pkgjail() {
    point="$1 $2 $3"
    shift 3
    took=$("$BENCH_CLOCK" run "$BENCH_BIN/pkgjail" --state "$state" --config "$work/etc" --quiet --yes "$@")
    echo "point $point ${took%% *}"
}
note() { echo "note $*"; }
versus() { echo "versus $*"; }
goal() { echo "goal $*"; }
missing() { echo "missing $*"; }
# peer PROGRAM [WHY]: whether it is there; if not, the report says so.
peer() {
    command -v "$1" >/dev/null 2>&1 && return 0
    missing "$1, which is not installed"
    return 1
}
# offer EDITION: the demo repository from now on.
offer() {
    offer_directory "$BENCH_REPOSITORY/$1/All"
}
offer_directory() {
    printf '[repository bench]\nurl = file://%s\ntrust = none\n' "$1" >"$work/etc/repositories.conf"
}
# data KIND [COUNT]: sets `data` to a directory with what `bench_data KIND [COUNT]` makes. It is made once, and again when
# its maker has changed.
data() {
    data=$BENCH_DATA/$(cksum <"$BENCH_MAKER.cpp" | cut -d ' ' -f 1)/$1${2:+-$2}
    [ ! -d "$data" ] || return 0
    rm -rf "$data.new"
    mkdir -p "$data.new"
    if [ "$1" = index ]; then
        "$BENCH_DATA_PROGRAM" index "$2" >"$data.new/pkg_summary"
    else
        "$BENCH_DATA_PROGRAM" "$@" "$data.new"
    fi
    mv "$data.new" "$data"
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
