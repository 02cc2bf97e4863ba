// ZFS without ZFS: a program that takes the place of zfs(8), knows the calls that are to come, in their order
// and to the letter, answers each in the form that OpenZFS documents (written by hand: no ZFS was at hand),
// and keeps directories and mount table as the kernel would. A call that is not the next one fails, and the
// test with it.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/freeze.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/snapshot_files.hpp"
#include "pkgjail/store/zfs.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using base::HostPath;

namespace {

constexpr const char* fake = R"sh(#!/bin/sh
# Beside this file: N.expect, N.out, N.err, N.status of call N; `mounts`, a line "POINT DATASET" each.
here=$(dirname "$0")
number=$(($(cat "$here/number") + 1))
echo $number >"$here/number"
env | sed 's/=.*//' | grep -vxE 'PATH|LC_ALL|PWD|OLDPWD|SHLVL|_' >>"$here/environment"
said=
for word in "$@"; do said="$said<$word>"; done
# What is random reads as a star, and the state directory as STATE.
plain=$(printf '%s' "$said" | sed "s/pkgjail-[0-9a-f]\{16\}/pkgjail-*/g; s|$here/state|STATE|g")
if [ "$plain" != "$(cat "$here/$number.expect" 2>/dev/null)" ]; then
    echo "call $number: $plain" >>"$here/unexpected"
    echo "unexpected call" >&2
    exit 99
fi
cat "$here/$number.err" >&2
sed "s|DATASET|$(eval echo \${$#})|" "$here/$number.out"
status=$(cat "$here/$number.status")
[ "$status" = 0 ] || exit "$status"
forget() { grep -v " $1\$" "$here/mounts" >"$here/mounts.new"; mv "$here/mounts.new" "$here/mounts"; }
case $1 in
create) mkdir "${3#mountpoint=}" && echo "${3#mountpoint=} $4" >>"$here/mounts" ;;
clone)
    mkdir "${3#mountpoint=}" && echo "${3#mountpoint=} $5" >>"$here/mounts"
    from=$(sed -n "s| ${4%@*}\$||p" "$here/mounts")
    cp -a "$from/." "${3#mountpoint=}"
    ;;
set)
    from=$(sed -n "s| $3\$||p" "$here/mounts")
    to=${2#mountpoint=}
    if [ "$from" != "$to" ] && [ -d "$from" ]; then mkdir "$to"; cp -a "$from/." "$to"; rm -rf "$from"; mkdir "$from"; fi
    forget "$3"
    echo "$to $3" >>"$here/mounts"
    ;;
destroy)
    case $2 in
    -d | *@*) ;;
    *)
        from=$(sed -n "s| $2\$||p" "$here/mounts")
        rm -rf "$from"; mkdir "$from"; forget "$2"
        ;;
    esac
    ;;
esac
exit 0
)sh";

/// The exchange, and the place of this host's ZFS for as long as it lives.
class Exchange {
  public:
    Exchange() : zfs_(directory_ / "zfs", [this] { return mounts(); }), layout(directory_ / "state") {
        std::ofstream(directory_ / "zfs") << fake;
        std::filesystem::permissions(directory_ / "zfs", std::filesystem::perms::owner_all);
        std::ofstream(directory_ / "number") << "0\n";
        std::ofstream(directory_ / "mounts") << layout.state().string() << " tank/pkgjail\n";
        layout.create();
        store::Zfs::replace_host(&zfs_);
    }
    ~Exchange() {
        store::Zfs::replace_host(nullptr);
        CHECK(content("unexpected").empty());
        CHECK(content("environment").empty());
        CHECK(content("number") == std::to_string(calls_) + "\n");
    }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;

    void expect(const std::string& words, const std::string& out = "", const std::string& err = "",
                int status = 0) {
        const std::string number = std::to_string(++calls_);
        std::ofstream(directory_ / (number + ".expect")) << words;
        std::ofstream(directory_ / (number + ".out")) << out;
        std::ofstream(directory_ / (number + ".err")) << err;
        std::ofstream(directory_ / (number + ".status")) << status << "\n";
    }
    /// A jail "j" with data on a dataset of its own.
    void make_jail() {
        const HostPath data = layout.jail_data("j");
        std::filesystem::create_directories(data / "var");
        std::filesystem::create_directories(layout.jail_config("j", 1) / "etc");
        std::ofstream(data / "var/file") << "kept";
        std::ofstream(directory_ / "mounts", std::ios::app)
            << data.string() << " tank/pkgjail/pkgjail-0123456789abcdef\n";
    }
    void mount(const std::string& line) const {
        std::ofstream(directory_ / "mounts", std::ios::app) << line << "\n";
    }
    /// "jails/j/data pkgjail-*", a line each.
    std::string mounted() const {
        std::string text;
        for (const base::Mount& mount : mounts())
            if (const std::size_t at = mount.source.rfind("/pkgjail-"); at != std::string::npos)
                text += HostPath(mount.point).lexically_relative(layout.state()).string() + "\n";
        return text;
    }

  private:
    std::string content(const std::string& name) const {
        std::ifstream stream(directory_ / name);
        return {std::istreambuf_iterator<char>(stream), {}};
    }
    std::vector<base::Mount> mounts() const {
        std::vector<base::Mount> table = {{"/", "ext4", "/dev/sda1"}};
        std::istringstream lines(content("mounts"));
        for (std::string point, source; lines >> point >> source;)
            table.push_back({point, source.starts_with("/dev/") ? "ext4" : "zfs", source});
        return table;
    }

    test::TempDir directory_;
    store::Zfs zfs_;
    int calls_ = 0;

  public:
    store::Layout layout;
};

std::string failure(const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error.what();
    }
    return "no error";
}

constexpr const char* snapshot = "<snapshot><tank/pkgjail/pkgjail-*@pkgjail-*>";
constexpr const char* destroy_later = "<destroy><-d><tank/pkgjail/pkgjail-*@pkgjail-*>";
constexpr const char* list = "<list><-H><-t><snapshot><-d><1><-o><name,clones><tank/pkgjail/pkgjail-*>";
constexpr const char* destroy = "<destroy><tank/pkgjail/pkgjail-*>";

std::string set(const std::string& place) {
    return "<set><mountpoint=STATE/" + place + "><tank/pkgjail/pkgjail-*>";
}
std::string clone(const std::string& place) {
    return "<clone><-o><mountpoint=STATE/" + place +
           "><tank/pkgjail/pkgjail-*@pkgjail-*><tank/pkgjail/pkgjail-*>";
}

} // namespace

TEST_CASE("on ZFS the data of a new jail are a dataset below that of the state directory", "[store][zfs]") {
    Exchange exchange;
    std::filesystem::create_directory(exchange.layout.jail_staging("j"));
    exchange.expect("<create><-o><mountpoint=STATE/jails/new-j/data><tank/pkgjail/pkgjail-*>");
    exchange.expect(set("jails/j/data"));

    store::make_freezable_directory(exchange.layout.jail_staging("j") / "data");
    store::move_frozen(exchange.layout.jail_staging("j"), exchange.layout.jail("j"));

    CHECK(exchange.mounted() == "jails/j/data\n");
}

TEST_CASE("on ZFS a snapshot is a clone of the data's dataset, and goes with its dataset", "[store][zfs]") {
    Exchange exchange;
    exchange.make_jail();
    exchange.expect(snapshot);
    exchange.expect(clone("snapshots/new-s/data"));
    exchange.expect(destroy_later);
    exchange.expect(set("snapshots/s/data"));
    {
        store::SnapshotStaging staging(exchange.layout, "s");
        CHECK(store::freeze_means_name(staging.freeze_data("j")) == "dataset");
        staging.freeze_config("j", 1); // a directory of the state's own dataset: copied
        staging.place("{}\n", store::SnapshotStaging::Known::by_note);
    }

    CHECK(exchange.mounted() == "jails/j/data\nsnapshots/s/data\n");
    CHECK(base::read_file(exchange.layout.snapshot_data("s") / "var/file") == "kept");

    exchange.expect(set("snapshots/gone-s/data"));
    exchange.expect(list);
    exchange.expect(destroy);
    store::remove_snapshot(exchange.layout, "s");

    CHECK(exchange.mounted() == "jails/j/data\n");
    CHECK(std::filesystem::is_empty(exchange.layout.snapshots()));
}

TEST_CASE("a restore on ZFS exchanges the places of datasets", "[store][zfs]") {
    Exchange exchange;
    exchange.make_jail();
    exchange.expect(snapshot);
    exchange.expect(clone("snapshots/new-s/data"));
    exchange.expect(destroy_later);
    exchange.expect(set("snapshots/s/data"));
    {
        store::SnapshotStaging staging(exchange.layout, "s");
        staging.freeze_data("j");
        staging.freeze_config("j", 1);
        staging.place("{}\n", store::SnapshotStaging::Known::by_note);
    }
    std::ofstream(exchange.layout.jail_data("j") / "var/file") << "later";
    std::filesystem::create_directory(exchange.layout.snapshot("aside"));
    exchange.expect(snapshot);
    exchange.expect(clone("jails/j/new-data"));
    exchange.expect(destroy_later);
    exchange.expect(set("snapshots/aside/data"));
    exchange.expect(set("jails/j/data"));

    store::prepare_restore(exchange.layout, "s", "j", 2);
    store::set_data_aside(exchange.layout, "j", "aside");
    store::place_restored_data(exchange.layout, "j");

    CHECK(base::read_file(exchange.layout.jail_data("j") / "var/file") == "kept");
    CHECK(base::read_file(exchange.layout.snapshot_data("aside") / "var/file") == "later");
    CHECK_FALSE(std::filesystem::exists(exchange.layout.jail_new_data("j")));
}

TEST_CASE("data on ZFS outlive those that were made from them", "[store][zfs]") {
    Exchange exchange;
    exchange.make_jail();
    exchange.expect(set("jails/gone-j/data"));
    exchange.expect(list, "DATASET@pkgjail-aaaaaaaaaaaaaaaa\ttank/pkgjail/pkgjail-1111111111111111\n"
                          "DATASET@hourly\t-\n"
                          "DATASET@pkgjail-bbbbbbbbbbbbbbbb\ttank/pkgjail/pkgjail-2222222222222222,tank/x\n");
    exchange.expect("<promote><tank/pkgjail/pkgjail-*>");
    exchange.expect(list, "DATASET@daily\t\n");
    exchange.expect("<destroy><tank/pkgjail/pkgjail-*@daily>");
    exchange.expect(destroy);

    store::remove_jail(exchange.layout, "j");

    CHECK(exchange.mounted().empty());
    CHECK(std::filesystem::is_empty(exchange.layout.jails()));
}

TEST_CASE("a jail that is removed without its data leaves their dataset", "[store][zfs]") {
    Exchange exchange;
    exchange.make_jail();
    exchange.expect(set("jails/keep-j/data"));
    exchange.expect(set("jails/j/data"));

    store::remove_jail_but_data(exchange.layout, "j", [] {});

    CHECK(exchange.mounted() == "jails/j/data\n");
    CHECK(base::read_file(exchange.layout.jail_data("j") / "var/file") == "kept");
}

TEST_CASE("what zfs says when it fails is told, and nothing is left", "[store][zfs]") {
    Exchange exchange;
    exchange.make_jail();
    SECTION("no snapshot") {
        exchange.expect(snapshot, "", "cannot create snapshot 'tank/x@y': out of space\n", 1);
        CHECK_THAT(failure([&] { store::SnapshotStaging(exchange.layout, "s").freeze_data("j"); }),
                   ContainsSubstring("cannot create snapshot 'tank/x@y': out of space"));
    }
    SECTION("no clone") {
        exchange.expect(snapshot);
        exchange.expect(clone("snapshots/new-s/data"), "",
                        "cannot create 'tank/pkgjail/x': permission denied\n", 1);
        exchange.expect("<destroy><tank/pkgjail/pkgjail-*@pkgjail-*>");
        CHECK_THAT(failure([&] { store::SnapshotStaging(exchange.layout, "s").freeze_data("j"); }),
                   ContainsSubstring("cannot create 'tank/pkgjail/x': permission denied"));
    }
    SECTION("a dataset with others in it") {
        exchange.expect(set("jails/gone-j/data"));
        exchange.expect(list);
        exchange.expect(destroy, "",
                        "cannot destroy 'tank/x': filesystem has children\nuse '-r' to destroy the following "
                        "datasets:\ntank/x/y\n",
                        1);
        CHECK_THAT(failure([&] { store::remove_jail(exchange.layout, "j"); }),
                   ContainsSubstring("filesystem has children use '-r' to destroy"));
        CHECK(base::read_file(exchange.layout.jail_trash("j") / "data/var/file") == "kept");
    }
    CHECK(std::filesystem::is_empty(exchange.layout.snapshots()));
}

TEST_CASE("zfs is not called where data are no dataset, or it is another pool", "[store][zfs]") {
    Exchange exchange;
    const HostPath from = exchange.layout.jails() / "from";
    std::filesystem::create_directories(from);
    CHECK(store::Zfs::host().copy(from, exchange.layout.jails() / "to") == false);
    exchange.mount(from.string() + " other/data");
    CHECK(store::Zfs::host().copy(from, exchange.layout.jails() / "to") == false);
    exchange.mount(exchange.layout.images().string() + " /dev/sda2");
    CHECK(store::Zfs::host().make(exchange.layout.images() / "new") == false);
    CHECK(store::Zfs::host().move(exchange.layout.images(), exchange.layout.jails() / "to") == false);
    exchange.mount(from.string() + " /dev/sda3"); // covers the dataset
    CHECK(store::Zfs::host().move(from, exchange.layout.jails() / "to") == false);
}

TEST_CASE("only datasets that pkgjail made are destroyed, and others keep a jail in place", "[store][zfs]") {
    Exchange exchange;
    exchange.make_jail();
    const std::string inner = (exchange.layout.jail_data("j") / "var").string();
    exchange.mount(inner + " tank/operators-own");

    CHECK_THAT(failure([&] { store::remove_jail(exchange.layout, "j"); }),
               ContainsSubstring(inner + " is still mounted"));
    CHECK(base::read_file(exchange.layout.jail_data("j") / "var/file") == "kept");
}

TEST_CASE("a name that zfs could take for something else never gets to it", "[store][zfs]") {
    for (const char* name : {"-r", "tank/x@snapshot", "tank//x", "tank/x;rm", "/tank", "tank/"}) {
        INFO(name);
        Exchange exchange;
        const HostPath from = exchange.layout.jails() / "from";
        std::filesystem::create_directories(from);
        exchange.mount(from.string() + " " + name);
        CHECK_THAT(failure([&] { store::Zfs::host().copy(from, exchange.layout.jails() / "to"); }),
                   ContainsSubstring("is no name of a ZFS dataset"));
    }
}
