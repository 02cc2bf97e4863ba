// A backup in the place of the catalog, which does not know what is newer; and what it does not know because
// it was never committed.
#include "flow/lives.hpp"
#include "pkgjail/base/lock.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::CommandResult;
using test::first_of;
using test::Host;
using test::KeptJail;
using test::names_in;
using test::remove_catalog;
using test::well;

TEST_CASE("a backup in the catalog's place costs no jail that is newer than it", "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const test::TempDir elsewhere;
    const auto backup = elsewhere / "catalog.backup";
    well(host, {"catalog", "backup", backup.string()});
    well(host, {"install", "extra", "-j", "newer"});
    const auto jail = kept.jail_directory("newer");
    test::write_bytes(jail / "data/var/precious", "value");
    well(host, {"volume", "create", "files"});
    well(host, {"snapshot", "newer", "one"});
    well(host, {"snapshot", "web", "two"});
    const auto all = [&] {
        std::string names;
        for (const char* directory : {"jails", "images", "snapshots", "volumes"})
            names += names_in(host.state() / directory) + "\n";
        return names;
    };
    const std::string before = all();
    const std::string contents = test::listing(jail);
    const std::string known = well(host, {"list", "--json"}).out + well(host, {"snapshots", "--json"}).out;
    remove_catalog(host);
    std::filesystem::copy_file(backup, host.state() / "catalog.sqlite");

    const CommandResult held = well(host, {"hold", "lib", "-j", "web"});
    CHECK_THAT(held.err, ContainsSubstring("the catalog does not know jail newer (" +
                                           jail.filename().string() + "), snapshot "));
    CHECK_THAT(held.err, ContainsSubstring("pkgjail catalog rebuild"));
    CHECK(held.err.find("removed") == std::string::npos);
    const CommandResult doctor = host.run({"doctor"});
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("does not know jail newer"));
    const CommandResult again = host.run({"install", "extra", "-j", "newer"});
    CHECK(again.status == 65);
    CHECK_THAT(again.err, ContainsSubstring("hint: pkgjail catalog rebuild"));
    CHECK(host.run({"gc"}).status == 65);
    CHECK(host.run({"-n", "gc"}).status == 65);
    well(host, {"unhold", "lib", "-j", "web"});
    CHECK(all() == before);
    CHECK(test::listing(jail) == contents);

    well(host, {"catalog", "rebuild"});
    CHECK(well(host, {"list", "--json"}).out + well(host, {"snapshots", "--json"}).out == known);
    CHECK(well(host, {"hold", "lib", "-j", "web"}).err.find("does not know") == std::string::npos);
    test::check_sound(host);
}

TEST_CASE("an image that only a lost jail needs stays when the last known one goes",
          "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    well(host, {"install", "extra", "-j", "older"});
    const test::TempDir elsewhere;
    const auto backup = elsewhere / "catalog.backup";
    well(host, {"catalog", "backup", backup.string()});
    well(host, {"clone", "older", "newer"});
    remove_catalog(host);
    std::filesystem::copy_file(backup, host.state() / "catalog.sqlite");
    const std::string images = names_in(host.state() / "images");

    well(host, {"destroy", "older", "--with-data", "--yes"});

    CHECK(names_in(host.state() / "images") == images);
    well(host, {"catalog", "rebuild"});
    CHECK_THAT(well(host, {"list"}).out, ContainsSubstring("newer"));
    test::check_sound(host);
}

TEST_CASE("beside a lost jail a known one's newer generation stays for the rebuild",
          "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const test::TempDir elsewhere;
    const auto backup = elsewhere / "catalog.backup";
    well(host, {"catalog", "backup", backup.string()});
    kept.upgrade("1.1");
    well(host, {"install", "extra", "-j", "newer"});
    remove_catalog(host);
    std::filesystem::copy_file(backup, host.state() / "catalog.sqlite");

    CHECK_THAT(well(host, {"update"}).err, ContainsSubstring("nothing is cleared away"));
    CHECK(kept.generations() == "1*");
    well(host, {"catalog", "rebuild"});
    CHECK(kept.generations() == "1 2*");
    test::check_sound(host);
}

TEST_CASE("what a pkgjail without marks left stays until somebody decides", "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const auto leave = [&](const std::vector<std::string>& command, const char* step, const char* directory) {
        REQUIRE(host.run(command, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
        for (const auto& entry : std::filesystem::directory_iterator(host.state() / directory))
            std::filesystem::remove(entry.path() / "uncommitted");
    };
    leave({"install", "extra", "-j", "cut"}, "jail.placed", "jails");
    leave({"snapshot", "web", "cut"}, "snapshot.placed", "snapshots");
    const std::string jails = names_in(host.state() / "jails");
    const bool has_record = GENERATE(true, false);
    if (!has_record) // half removed
        for (const auto& entry : std::filesystem::directory_iterator(host.state() / "snapshots"))
            std::filesystem::remove(entry.path() / "snapshot.json");

    CHECK_THAT(well(host, {"hold", "lib", "-j", "web"}).err, ContainsSubstring("nothing is cleared away"));
    CHECK(names_in(host.state() / "jails") == jails);
    CHECK(names_in(host.state() / "snapshots") != "");
    CHECK_THAT(host.run({"doctor"}).out, ContainsSubstring("pkgjail catalog rebuild"));
    const CommandResult rebuilt = host.run({"catalog", "rebuild"});
    if (!has_record) {
        CHECK(rebuilt.status == 65);
        CHECK_THAT(rebuilt.err, ContainsSubstring("move it out of the state directory"));
        const std::string half = first_of(host.state() / "snapshots");
        const test::TempDir elsewhere;
        std::filesystem::rename(half, elsewhere / "half");
        well(host, {"catalog", "rebuild"});
    } else {
        CHECK(rebuilt.status == 0);
        well(host, {"drop", "web", "cut", "--yes"});
    }
    well(host, {"destroy", "cut", "--with-data", "--yes"});
    CHECK(names_in(host.state() / "snapshots") == "");
    CHECK(well(host, {"list"}).out.find("cut") == std::string::npos);
    test::check_sound(host);
}

TEST_CASE("with a jail goes what a restore that cannot be undone has set aside",
          "[flow][catalog][lost][crash]") {
    const KeptJail kept;
    const Host& host = kept.host();
    well(host, {"snapshot", "web", "one"});
    const std::string snapshot = first_of(host.state() / "snapshots");
    REQUIRE(
        host.run({"restore", "web", "one", "--yes"}, {{"PKGJAIL_STOP_AT", "restore.aside_made"}}).status ==
        128 + 9);
    std::string aside;
    for (const auto& entry : std::filesystem::directory_iterator(host.state() / "snapshots"))
        if (entry.path() != snapshot)
            aside = entry.path().filename().string();
    REQUIRE_FALSE(aside.empty());
    const auto in_the_way = host.state() / "snapshots" / ("gone-" + aside);
    std::filesystem::create_directories(in_the_way / "full");
    {
        const auto held =
            base::Lock::try_take(store::Layout(host.state()).store_lock(), base::LockMode::shared, "install");
        REQUIRE(held); // or it would be swept first
        const CommandResult destroyed = host.run({"destroy", "web", "--with-data", "--yes"});
        INFO(destroyed.err);
        CHECK(destroyed.status != 0);
        CHECK_THAT(destroyed.err, ContainsSubstring("the next command tries again"));
    }

    const CommandResult next = well(host, {"install", "extra", "-j", "other"});
    CHECK(next.err.find("does not know") == std::string::npos);
    CHECK(names_in(host.state() / "snapshots") == "");
    test::check_sound(host);
}

TEST_CASE("what was not committed when its command died, or was to go, is swept",
          "[flow][catalog][lost][crash]") {
    const KeptJail kept;
    const Host& host = kept.host();
    well(host, {"snapshot", "web", "one"});
    const std::string jails = names_in(host.state() / "jails");
    const std::string snapshots = names_in(host.state() / "snapshots");
    const auto kill = [&](const std::vector<std::string>& command, const char* step) {
        INFO(step);
        REQUIRE(host.run(command, {{"PKGJAIL_STOP_AT", step}}).status == 128 + 9);
    };
    const auto next = [&] {
        const CommandResult result = well(host, {"hold", "lib", "-j", "web"});
        well(host, {"unhold", "lib", "-j", "web"});
        return result.err;
    };

    kill({"install", "extra", "-j", "cut"}, "jail.placed");
    CHECK_THAT(next(), ContainsSubstring("that was never recorded"));
    CHECK(names_in(host.state() / "jails") == jails);
    kill({"clone", "web", "cut"}, "clone.placed");
    CHECK_THAT(next(), ContainsSubstring("that was never recorded"));
    CHECK(names_in(host.state() / "jails") == jails);
    kill({"snapshot", "web", "cut"}, "snapshot.placed");
    CHECK_THAT(next(), ContainsSubstring("that was never recorded"));
    CHECK(names_in(host.state() / "snapshots") == snapshots);
    kill({"install", "extra", "-j", "cut"}, "jail.placed");
    kill({"hold", "lib", "-j", "web"}, "mark.trashed");
    CHECK_THAT(next(), ContainsSubstring("half-removed jail"));
    kill({"snapshot", "web", "cut"}, "snapshot.placed");
    kill({"hold", "lib", "-j", "web"}, "mark.trashed");
    CHECK_THAT(next(), ContainsSubstring("half-removed snapshot"));
    CHECK(names_in(host.state() / "jails") == jails);
    CHECK(names_in(host.state() / "snapshots") == snapshots);

    kill({"install", "extra", "-j", "made"}, "install.committed");
    const auto made = kept.jail_directory("made");
    CHECK(std::filesystem::exists(made / "uncommitted"));
    CHECK(next().empty());
    CHECK_FALSE(std::filesystem::exists(made / "uncommitted"));
    well(host, {"snapshot", "made", "one"});
    kill({"drop", "made", "one", "--yes"}, "mark.made");
    CHECK(next().empty());
    CHECK_THAT(well(host, {"snapshots", "made"}).out, ContainsSubstring("one"));
    kill({"drop", "made", "one", "--yes"}, "drop.forgotten");
    CHECK_THAT(next(), ContainsSubstring("snapshot"));
    well(host, {"snapshot", "made", "two"});
    kill({"destroy", "made", "--with-data", "--yes"}, "mark.made");
    CHECK(next().empty());
    CHECK_FALSE(std::filesystem::exists(made / "uncommitted"));
    kill({"destroy", "made", "--with-data", "--yes"}, "destroy.forgotten");
    next();
    CHECK(names_in(host.state() / "jails") == jails);
    CHECK(names_in(host.state() / "snapshots") == snapshots);
    test::check_sound(host);
}

TEST_CASE("an image whose directory is gone is built again, as doctor says", "[flow][catalog][lost]") {
    const KeptJail kept;
    const Host& host = kept.host();
    const auto jail = kept.jail_directory();
    test::write_bytes(jail / "data/var/precious", "value");
    const std::string image = first_of(host.state() / "images");
    const std::string before = test::read_bytes(image + "/manifest");
    std::filesystem::remove_all(image);

    const CommandResult doctor = host.run({"doctor"});
    CHECK(doctor.status == 2);
    CHECK_THAT(doctor.out, ContainsSubstring("pkgjail install web -j web builds it again"));
    const std::string which = GENERATE("web", "second");
    const CommandResult again = well(host, {"install", "web", "-j", which});

    INFO(again.out << again.err);
    CHECK(test::read_bytes(image + "/manifest") == before);
    CHECK(host.run({"doctor"}).out.find(" is not on disk") == std::string::npos);
    well(host, {"verify"});
    CHECK(test::read_bytes(jail / "data/var/precious") == "value");
    CHECK(kept.generations() == "1*");
    test::check_sound(host);
}
