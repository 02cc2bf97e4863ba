#include "faults/acts.hpp"

#include <fstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "flow/flow.hpp"
#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/digest.hpp"
#include "support/catch.hpp"
#include "support/framework_script.hpp"
#include "support/old_catalog.hpp"

namespace pkgjail::test {

namespace fs = std::filesystem;

namespace {

void nothing(const World&) {}

void with_jail_file(const World& world, const std::string& path, const std::string& text) {
    for (const auto& jail : fs::directory_iterator(world.state() / "jails"))
        if (fs::exists(jail.path() / path))
            std::ofstream(jail.path() / path) << text;
}

/// The archive is another one than the index says.
void break_archive(const World& world) {
    std::ofstream(world.shop() / "web-1.2.tgz", std::ios::app) << "more";
}

void declare(const World& world) {
    world.write("etc/jails.d/fleet.jail", "[jail]\npackage = more\n");
}

/// A list of vulnerabilities that concerns nothing here, written just now.
void publish_list(const World& world) {
    const std::string stamp = base::format_time(base::wall_now()); // 2026-11-21T23:40:00Z
    const std::string counted = "#FORMAT 1.1.0\nnowhere<2\teol\thttps://example.org/eol\n"
                                "web<1\tdenial-of-service\thttps://example.org/1\n";
    std::ofstream(world.shop() / "pkg-vulnerabilities")
        << "# $NetBSD: pkg-vulnerabilities,v 1.7 " << stamp.substr(0, 4) << '/' << stamp.substr(5, 2) << '/'
        << stamp.substr(8, 2) << ' ' << stamp.substr(11, 8) << " x Exp $\n"
        << counted << "#CHECKSUM SHA512 " << base::digest_of(base::DigestAlgorithm::sha512, counted) << '\n';
    world.write("etc/pkgjail.conf",
                "[vulnerabilities]\nurl = file://" + (world.shop() / "pkg-vulnerabilities").string() + "\n");
}

/// "svc", whose newer version has data that the older one has not.
PackageSpec growing_package(const std::string& version, const std::string& data) {
    PackageSpec spec = package("svc-" + version);
    spec.files.push_back({"share/examples/svc/first", "first\n"});
    spec.install_script = framework_script(data);
    return spec;
}

void grow(const World& world) {
    world.offer({growing_package("1.0", "DIR: etc/svc m\n")});
    world.well({"update"});
    world.well({"install", "svc", "--no-start"});
    world.offer({growing_package("1.1", "DIR: /var/db/svc m 0750\nDIR: /var/db/svc/sub m 0700\n"
                                        "FILE: /var/db/svc/first c share/examples/svc/first 0640\n")});
    world.well({"update"});
}

PackageSpec package_of_user(const std::string& name, const std::string& user) {
    PackageSpec spec = package(name + "-1.0");
    spec.install_script =
        framework_script("GROUP: " + user + "g\nUSER: " + user + ":" + user + "g\nDIR: /var/db/" + name +
                         " mo 0750 " + user + " " + user + "g\n");
    return spec;
}

/// What another host has exported, where its user has another number than here.
void export_elsewhere(const World& world) {
    world.offer({package_of_user("mail", "mailer")});
    world.well({"update"});
    world.well({"install", "mail", "--no-start"});
    world.well({"export", "mail", (world.top() / "out/mail.tar").string()});
    fs::remove_all(world.state());
    world.offer({package_of_user("news", "newser"), package_of_user("notes", "mailer")});
    world.well({"update"});
    world.well({"install", "news", "--no-start"});
    world.well({"install", "notes", "--no-start"});
}

/// There is a generation too many.
void outlive_generations(const World& world) {
    for (const char* package : {"more", "lib"})
        world.well({"install", package, "-j", "web"});
    world.write("etc/pkgjail.conf", "[generations]\nkeep = 1\nkeep-for = 0s\n");
}

/// What pkgjail of the schema before has left.
void make_catalog_older(const World& world) {
    fs::remove_all(world.state());
    world.well({"update"});
    int newest = 0;
    for ([[maybe_unused]] const auto& migration : fs::directory_iterator(PKGJAIL_SOURCE_DIR "/db/migrations"))
        ++newest;
    make_old_catalog(world.state() / "catalog.sqlite", newest - 1);
}

/// An index that key "ours" has signed.
void sign(const World& world, const std::string& pkgname) {
    const fs::path archives = world.top() / "out/All";
    make_repository(archives, {package(pkgname)});
    fs::remove(archives / "pkg_summary.gz"); // which is not signed
    world.well({"repo", "index", archives.string(), "--sign", "--id", "ours", "--key",
                (world.top() / "etc/keys/ours.key").string()});
}

/// tool-1.0 in a signed repository, which is read, and is the only one; key "next" is there as well.
void publish_signed(const World& world) {
    for (const char* name : {"ours", "next"})
        world.well({"repo", "key", "new", name});
    sign(world, "tool-1.0");
    std::string key;
    std::ifstream(world.top() / "etc/keys/ours.pub") >> key;
    world.write("etc/repositories.conf", "[repository ours]\nurl = file://" +
                                             (world.top() / "out/All").string() +
                                             "\ntrust = index-signed\nkey = " + key + "\n");
    world.well({"update"});
}

void publish_signed_twice(const World& world) {
    publish_signed(world);
    sign(world, "tool-1.1");
}

/// Another network, other ports and name servers for jail web.
void declare_network(const World& world) {
    world.write("etc/jails.d/web.jail", "[jail]\nrecipe = web\nstate = stopped\nnetwork = private\n"
                                        "publish = tcp:8090:8080\nnat = no\nresolv = servers=192.0.2.53\n");
}

/// A jail with snapshots cannot go without its data.
void drop_snapshot(const World& world) {
    world.well({"drop", "web", "one", "--yes"});
}

} // namespace

void cut(const World& world, const std::vector<std::string>& command, const std::string& step) {
    const CommandResult result = world.run(command, {{"PKGJAIL_STOP_AT", step}});
    INFO(fmt::format("{} at {}: {}", fmt::join(command, " "), step, result.err));
    REQUIRE(result.status == 128 + 9);
}

const std::vector<Act>& resting_acts() {
    static const std::vector<Act> table = {
        {"update", {"update"}, [](const World& world) { world.offer(edition("1.3")); }, {}, {}},
        {"audit --fetch", {"audit", "--fetch"}, publish_list, {}, {}},
        {"update on an empty host",
         {"update"},
         [](const World& world) { fs::remove_all(world.state()); },
         {},
         {}},
        {"install into a new jail", {"install", "more", "-j", "fresh"}, nothing, {}, {}},
        {"install with a recipe",
         {"install", "web", "-j", "second", "--no-start", "--set", "port=8081", "--volume", "logs:/logs"},
         [](const World& world) {
             world.well({"volume", "create", "logs"});
         },
         {},
         {}},
        {"install into a jail", {"install", "more", "-j", "other"}, nothing, {}, {}},
        {"install of what another jail has", {"install", "extra", "-j", "fresh"}, nothing, {}, {}},
        {"install as another jail was asked for",
         {"install", "extra", "-j", "fresh"},
         [](const World& world) {
             world.well({"install", "extra", "-j", "earlier"});
         },
         {},
         {}},
        {"install with a private network",
         {"install", "web", "-j", "second", "--no-start", "--set", "port=8081", "--network", "private",
          "--publish", "tcp:8090:8081", "--nat", "no", "--resolv", "servers=192.0.2.53"},
         nothing,
         {},
         {}},
        {"install --locked",
         {"install", "--locked", "OUT/web.lock", "-j", "same", "--set", "port=8081", "--no-start"},
         [](const World& world) {
             world.well({"lock", "web", (world.top() / "out/web.lock").string()});
         },
         {},
         {}},
        // The index is read first.
        {"install where the catalog is older",
         {"install", "more", "-j", "fresh"},
         make_catalog_older,
         {},
         {},
         0,
         false,
         true},
        {"remove",
         {"remove", "more", "-j", "other"},
         [](const World& world) {
             world.well({"install", "more", "-j", "other"});
         },
         {},
         {5}},
        {"autoremove",
         {"autoremove", "-j", "third"},
         [](const World& world) {
             world.well({"install", "lib", "-j", "third"});
             world.well({"install", "more", "-j", "third"});
         },
         {},
         {}},
        {"hold", {"hold", "web", "-j", "web"}, nothing, {}, {}},
        {"unhold", {"unhold", "lib", "-j", "web"}, nothing, {}, {5}},
        {"lock", {"lock", "web", "OUT/web.lock"}, nothing, {}, {6}},
        {"upgrade", {"upgrade", "web"}, nothing, {}, {}},
        {"upgrade to a damaged archive", {"upgrade", "web"}, break_archive, {}, {}, 7},
        // What has its place in the data stays there.
        {"upgrade that adds to the data", {"upgrade", "svc"}, grow, {}, {}, 0, false, true},
        {"rollback", {"rollback", "web", "1"}, nothing, {}, {}},
        // Files first, then the commit: cut in between, the conflict is still open.
        {"config --take",
         {"config", "web", "--take", "/usr/pkg/etc/web/web.conf"},
         nothing,
         {},
         {5, 6},
         0,
         false,
         true},
        {"config --keep", {"config", "web", "--keep", "/usr/pkg/etc/web/web.conf"}, nothing, {}, {5, 6}},
        {"stop", {"stop", "web"}, nothing, {}, {}},
        {"limits", {"limits", "web", "memory=300M"}, nothing, {}, {}},
        {"snapshot", {"snapshot", "web", "two"}, nothing, {}, {6}},
        {"restore",
         {"restore", "web", "one", "--yes"},
         [](const World& world) { with_jail_file(world, "data/var/db/web/rows", "other rows"); },
         {},
         {},
         0,
         true},
        {"drop", {"drop", "web", "one", "--yes"}, nothing, {}, {5}},
        {"clone", {"clone", "web", "twin", "--set", "port=8082", "--no-start"}, nothing, {}, {6}},
        {"clone of a snapshot",
         {"clone", "web@one", "twin", "--set", "port=8082", "--no-start", "--with-secrets"},
         nothing,
         {},
         {6}},
        {"export", {"export", "other", "OUT/other.tar"}, nothing, {}, {6}},
        {"export --format oci", {"export", "other", "OUT/other.oci", "--format", "oci"}, nothing, {}, {6}},
        {"import",
         {"import", "OUT/other.tar", "back", "--no-start"},
         [](const World& world) {
             world.well({"export", "other", (world.top() / "out/other.tar").string()});
         },
         {},
         {6}},
        {"import on another host",
         {"import", "OUT/mail.tar", "back", "--no-start"},
         export_elsewhere,
         {},
         {6}},
        {"import --from sailor",
         {"import", "--from", "sailor", "OUT/site.conf", "--set", "port=8083", "--no-start"},
         [](const World& world) {
             world.write("out/site.conf", "services=\"web\"\nshipname=site\npackages=\"web more\"\n"
                                          "shippath=\"/ships/site\"\n");
         },
         {},
         {6}},
        {"import --from dir",
         {"import", "--from", "dir", "OUT/root", "back", "--set", "port=8083", "--no-start"},
         [](const World& world) {
             const std::filesystem::path root = world.top() / "out/root";
             for (const auto& [file, text] :
                  {std::pair("usr/pkg/pkgdb/web-1.0/+CONTENTS", "@name web-1.0\n@cwd /usr/pkg\n"),
                   std::pair("usr/pkg/etc/own.conf", "own\n"), std::pair("var/db/web/rows", "1 2 3\n")}) {
                 std::filesystem::create_directories((root / file).parent_path());
                 std::ofstream(root / file) << text;
             }
         },
         {},
         {6}},
        {"rename", {"rename", "web", "site"}, nothing, {}, {5}},
        {"rename with a log",
         {"rename", "web", "site"},
         [](const World& world) { world.write("state/log/web.log", "of its service\n"); },
         {},
         {5}},
        {"destroy", {"destroy", "web", "--yes"}, drop_snapshot, {}, {5}},
        {"destroy --with-data", {"destroy", "web", "--with-data", "--yes"}, nothing, {}, {5}},
        {"destroy --all", {"destroy", "--all", "--with-data", "--yes"}, nothing, {}, {5}, 0, false, true},
        {"apply", {"apply"}, declare, {}, {}},
        {"apply of a private network", {"apply", "web"}, declare_network, {}, {}, 0, false, true},
        {"apply --remove-orphans",
         {"apply", "--orphans", "--remove-orphans", "--yes"},
         [](const World& world) {
             declare(world);
             drop_snapshot(world);
         },
         {},
         {},
         0,
         false,
         true},
        {"volume create", {"volume", "create", "new"}, nothing, {}, {6}},
        {"volume destroy", {"volume", "destroy", "spare", "--yes"}, nothing, {}, {5}},
        {"volume attach", {"volume", "attach", "web", "spare:/spare"}, nothing, {}, {6}},
        {"volume detach", {"volume", "detach", "web", "/srv"}, nothing, {}, {5}},
        {"secret set", {"secret", "set", "web", "token"}, nothing, "another secret", {}},
        {"secret remove", {"secret", "remove", "web", "tls.key"}, nothing, {}, {5}},
        {"gc",
         {"gc"},
         [](const World& world) {
             world.write("etc/pkgjail.conf", "[generations]\nkeep = 1\nkeep-for = 0s\n");
             world.well({"upgrade", "web"});
             std::ofstream(world.state() / "log/gone.log") << "of a jail that is gone\n";
         },
         {},
         {}},
        {"gc of generations", {"gc"}, outlive_generations, {}, {}},
        {"gc after a restore that was cut",
         {"gc"},
         [](const World& world) {
             cut(world, {"restore", "web", "one", "--yes"}, "restore.data_aside");
         },
         {},
         {}},
        {"gc after an install that was cut",
         {"gc"},
         [](const World& world) {
             cut(world, {"install", "more", "-j", "fresh"}, "jail.placed");
         },
         {},
         {}},
        {"gc after a rename that was cut",
         {"gc"},
         [](const World& world) {
             cut(world, {"rename", "web", "site"}, "rename.files_written");
         },
         {},
         {}},
        {"catalog backup", {"catalog", "backup", "OUT/backup.tar"}, nothing, {}, {6}},
        {"catalog rebuild", {"catalog", "rebuild"}, nothing, {}, {}},
        {"repo index",
         {"repo", "index", "OUT/All"},
         [](const World& world) {
             make_repository(world.top() / "out/All", {package("tool-1.0"), package("tool2-1.0")});
             fs::remove(world.top() / "out/All/pkg_summary.gz");
         },
         {},
         {},
         0,
         false,
         true}, // several files, each of them whole
        {"repo index --sign",
         {"repo", "index", "OUT/All", "--sign"},
         [](const World& world) {
             publish_signed(world);
             make_repository(world.top() / "out/All", {package("tool-1.1")});
             fs::remove(world.top() / "out/All/pkg_summary.gz");
         },
         {},
         {},
         0,
         false,
         true},
        {"repo key new", {"repo", "key", "new", "third"}, publish_signed, {}, {6}, 0, false, true},
        {"repo key revoke", {"repo", "key", "revoke", "next"}, publish_signed, {}, {}},
        {"update from a signed repository", {"update"}, publish_signed_twice, {}, {}},
        {"install from a signed repository", {"install", "tool"}, publish_signed, {}, {}},
        // A directory, and files in it, each of them whole.
        {"generate", {"generate", "systemd", "--output", "OUT/units"}, nothing, {}, {}, 0, false, true},
        {"metrics --textfile", {"metrics", "--textfile", "OUT/pkgjail.prom"}, nothing, {}, {}},
    };
    return table;
}

const std::vector<Act>& acts() {
    static const std::vector<Act> all = [] {
        std::vector<Act> both = resting_acts();
        both.insert(both.end(), running_acts().begin(), running_acts().end());
        return both;
    }();
    return all;
}

const std::set<std::string>& verbs_left_out() {
    static const std::set<std::string> verbs = {
        "search", "avail", "info", "files", "which", "why", "history", "diff", "list", "status", "logs",
        "snapshots", "verify", "sbom", "learned", "ps", "top", "serve", "du", "recipe list", "recipe show",
        "recipe check", "repo list", "repo key list", "volume list", "secret list", "catalog check", "doctor",
        "complete", "help", "version",
        // It is exec, with a terminal:
        "shell"};
    return verbs;
}

} // namespace pkgjail::test
