// volume: made, listed, given to jails and taken from them, removed; without a jail that runs.
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "flow/flow.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/catalog/jails.hpp"
#include "pkgjail/store/layout.hpp"
#include "support/catch.hpp"
#include "support/host_steps.hpp"

using namespace pkgjail;
using test::check_fails;
using test::CommandResult;
using test::Host;

namespace {

/// A jail without a service, with files as a real one has them.
std::string record(const Host& host, const std::string& name) {
    const std::string id = test::record_jail(host, name, {"tool-1.0"});
    catalog::Catalog catalog = test::open_catalog(host);
    catalog::Jail jail = catalog::Jails(catalog).find(name).value();
    jail.limits_template = "default";
    catalog::Jails(catalog).update(jail);
    const store::Layout layout(host.state());
    for (const char* directory : {"config/1", "data/var", "data/home", "data/root", "root"})
        std::filesystem::create_directories(layout.jail(id) / directory);
    return id;
}

std::string mounts(const Host& host, const std::string& jail) {
    const auto view = host.run({"status", jail, "--json"}).json()["jails"][0];
    return view["volumes"].dump() + view["mounts"].dump();
}

nlohmann::json volume(const Host& host, const std::string& name) {
    return host.run({"volume", "list", name, "--json"}).json()["volumes"][0];
}

} // namespace

TEST_CASE("a volume is made, listed and removed", "[flow][volume]") {
    const Host host;
    CHECK(host.run({"volume", "list"}).out == "no volumes; pkgjail volume create VOLUME makes one\n");
    CHECK_FALSE(std::filesystem::exists(host.state()));

    CHECK(well(host, {"volume", "create", "data"}).out == "volume data: made\n");

    const std::filesystem::path files = volume(host, "data")["path"].get<std::string>();
    CHECK(std::filesystem::is_directory(files));
    std::ofstream(files / "kept") << "x";
    check_fails(host, {"volume", "create", "data"}, 6,
                "pkgjail: volume: data: there is a volume of this name\n");
    check_fails(host, {"volume", "destroy", "date"}, 5,
                "pkgjail: volume: date: there is no volume of this name\nhint: did you mean \"data\"?\n");
    CHECK(host.run({"volume", "destroy", "data"}).status == 64); // nobody can be asked
    CHECK(host.run({"volume", "destroy", "data", "-n"}).out == "volume data: would be removed\n");
    CHECK(std::filesystem::exists(files / "kept"));
    CHECK(host.run({"gc"}).status == 0);
    CHECK(std::filesystem::exists(files / "kept"));

    CHECK(well(host, {"volume", "destroy", "data", "--yes"}).out == "volume data: removed\n");
    CHECK(std::filesystem::is_empty(host.state() / "volumes"));
    CHECK(host.run({"volume", "list", "--json"}).json()["volumes"].empty());
}

TEST_CASE("what volume does not know is refused", "[flow][volume]") {
    const Host host;
    for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
             {"volume"},
             {"volume", "make", "x"},
             {"volume", "create"},
             {"volume", "create", "a", "b"},
             {"volume", "attach", "web"},
             {"volume", "detach", "web"},
         }) {
        INFO(fmt::format("{}", fmt::join(wrong, " ")));
        CHECK(host.run(wrong).status == 64);
    }
    record(host, "web");
    CHECK(host.run({"volume", "attach", "web", "data:srv"}).status == 64);
    CHECK(host.run({"volume", "create", "Data"}).status == 64);
}

TEST_CASE("a jail gets volumes and loses them, and they stay", "[flow][volume]") {
    const Host host;
    record(host, "web");
    record(host, "app");

    const CommandResult first = well(host, {"volume", "attach", "web", "data:/srv/data"});
    CHECK(first.out == "jail web: has data:/srv/data\n");
    CHECK_THAT(first.err, ContainsSubstring("volume data was made"));
    CHECK(well(host, {"volume", "attach", "web", "data:/srv/data"}).out == "jail web: nothing to do\n");
    CHECK(host.run({"volume", "attach", "app", "data:/var/x:ro", "-n"}).out ==
          "jail app: would have data:/var/x:ro\n");
    CHECK(mounts(host, "app") == "[][]");
    well(host, {"volume", "attach", "app", "data:/var/x:ro"});

    CHECK(mounts(host, "web") ==
          R"([{"path":"/srv/data","shared_with":["app"],"volume":"data","writable":true}][])");
    CHECK(mounts(host, "app") ==
          R"([{"path":"/var/x","shared_with":["web"],"volume":"data","writable":false}][])");
    CHECK_THAT(host.run({"status", "web"}).out,
               ContainsSubstring("volume      data at /srv/data, shared with app"));
    CHECK_THAT(host.run({"volume", "list"}).out, ContainsSubstring("app:/var/x:ro web:/srv/data"));
    check_fails(host, {"volume", "destroy", "data"}, 6,
                "pkgjail: volume: data: is in use by jail app at /var/x\n"
                "hint: pkgjail volume detach app /var/x\n");
    check_fails(host, {"volume", "detach", "web", "/srv"}, 5,
                "pkgjail: volume: /srv: nothing is mounted there in jail web\n"
                "hint: pkgjail status web shows what is\n");

    well(host, {"volume", "detach", "app", "/var/x"});
    const CommandResult gone = well(host, {"destroy", "web", "--with-data", "--yes"});
    CHECK_THAT(gone.err, ContainsSubstring("volume data stays; pkgjail volume destroy data removes it"));
    CHECK(volume(host, "data")["jails"].empty());
    CHECK(std::filesystem::is_directory(volume(host, "data")["path"].get<std::string>()));
}

TEST_CASE("places that cannot be covered are refused with the reason", "[flow][volume]") {
    const Host host;
    record(host, "web");
    well(host, {"volume", "attach", "web", "data:/srv/data"});
    const auto refused = [&](const std::string& path) {
        const CommandResult result = host.run({"volume", "attach", "web", "more:" + path});
        CHECK(result.status == 6);
        const std::string text = test::failure_text(result);
        const std::string begin = "pkgjail: volume: " + path + ": ";
        CHECK(text.starts_with(begin));
        return text.substr(begin.size(), text.find(',') - begin.size());
    };
    CHECK(refused("/proc/x") == "is the kernel's own");
    CHECK(refused("/dev") == "is the kernel's own");
    CHECK(refused("/usr/pkg/share/x") == "holds the image");
    CHECK(refused("/usr/pkg") == "holds the image");
    CHECK(refused("/usr") == "holds the image");
    CHECK(refused("/etc/ssl") == "holds the configuration");
    CHECK(refused("/run/x") == "is fresh at each start");
    CHECK(refused("/var") == "is fresh at each start"); // /var/run is
    CHECK(refused("/usr/share/doc") == "belongs to the base");
    CHECK(refused("/bin") == "belongs to the base");
    CHECK_THAT(test::failure_text(host.run({"volume", "attach", "web", "more:/srv"})),
               ContainsSubstring("meets /srv, where something is mounted, and nothing can be mounted there"));
    CHECK(refused("/srv/data/more") == "meets /srv/data");
    CHECK(host.run({"volume", "list", "--json"}).json()["volumes"].size() == 1); // none was made for these
}

TEST_CASE("nothing of the host is mounted that pkgjail.conf does not allow, and some things never",
          "[flow][volume]") {
    const Host host;
    record(host, "web");
    check_fails(host, {"volume", "attach", "web", "/srv/www:/srv/www"}, 77,
                "pkgjail: volume: /srv/www: nothing of the host may be mounted into jails\n"
                "hint: allow-mount = /srv in pkgjail.conf allows it\n");
    host.write_config("pkgjail.conf",
                      "[pkgjail]\nallow-mount = /srv\nallow-mount = /proc\nallow-mount = /run\n"
                      "allow-mount = /var\nallow-mount = " +
                          host.state().string() + "\nallow-mount = " + host.etc().parent_path().string() +
                          "\n");
    check_fails(
        host, {"volume", "attach", "web", "/opt/www:/srv/www"}, 77,
        "pkgjail: volume: /opt/www: may not be mounted into jails, allowed: what lies in /srv, /proc, "
        "/run, /var, STATE, " +
            host.etc().parent_path().string() + "\nhint: allow-mount = /opt in pkgjail.conf allows it\n");
    const auto why = [&](const std::string& source) {
        const CommandResult result = host.run({"volume", "attach", "web", source + ":/srv/x"});
        CHECK(result.status == 77);
        return test::with_names(host, test::failure_text(result));
    };
    CHECK_THAT(why("/proc/self"), ContainsSubstring("belongs to /proc, which is the kernel's and cannot"));
    CHECK_THAT(why("/run/docker.sock"),
               ContainsSubstring("belongs to /run/docker.sock, by which the host is governed and cannot"));
    CHECK_THAT(why("/var/run/containerd/x"), ContainsSubstring("belongs to /run/containerd"));
    CHECK_THAT(why("/run"), ContainsSubstring("holds /run/docker.sock, by which"));
    CHECK_THAT(why(host.state().string() + "/jails"),
               ContainsSubstring("belongs to STATE, which is pkgjail's own"));
    CHECK_THAT(why(host.etc().parent_path().string()),
               ContainsSubstring("holds STATE, which is pkgjail's own"));
    CHECK_THAT(why(host.etc().string()), ContainsSubstring("belongs to ETC, which is pkgjail's own"));

    if (::geteuid() != 0) {
        CHECK_THAT(why("/srv/www"), ContainsSubstring("can only be mounted into a jail of root's"));
        return;
    }
    CHECK(well(host, {"volume", "attach", "web", "/srv/www:/srv/www"}).out ==
          "jail web: has /srv/www:/srv/www:ro\n");
    CHECK(well(host, {"volume", "attach", "web", "/srv/www:/srv/www:rw"}).out ==
          "jail web: has /srv/www:/srv/www:rw\n");
    CHECK(mounts(host, "web") ==
          R"([][{"executable":false,"path":"/srv/www","source":"/srv/www","writable":true}])");
}

TEST_CASE("catalog check finds volumes that are not there, and those that nobody knows", "[flow][volume]") {
    const Host host;
    record(host, "web");
    host.write_config("pkgjail.conf", "[pkgjail]\nallow-mount = /srv\n");
    well(host, {"volume", "attach", "web", "data:/srv/data"});
    if (::geteuid() == 0)
        well(host, {"volume", "attach", "web", "/srv/www:/srv/www"});
    well(host, {"volume", "create", "spare"});
    const std::filesystem::path files = volume(host, "data")["path"].get<std::string>();
    std::ofstream(files / "kept") << "x";
    const std::string before = mounts(host, "web");
    // Images that are recorded only cannot be rebuilt.
    const auto check = host.run({"catalog", "check"});
    CHECK(check.out.find("volume") == std::string::npos);

    std::filesystem::create_directories(host.state() / "volumes" / "0123456789abcdef" / "data");
    std::ofstream(host.state() / "volumes" / "0123456789abcdef" / "data" / "kept") << "x";
    const std::filesystem::path spare = volume(host, "spare")["path"].get<std::string>();
    std::filesystem::rename(spare, spare.string() + "-away");

    const std::string found = host.run({"catalog", "check"}).out;
    CHECK_THAT(found, ContainsSubstring("volume 0123456789abcdef is on disk and not in the catalog"));
    CHECK_THAT(found, ContainsSubstring("volume spare: is not on disk"));
    CHECK(mounts(host, "web") == before);
}

TEST_CASE("a declaration's volumes and mounts are compared with the jail's", "[flow][volume][apply]") {
    if (::geteuid() != 0) {
        WARN("skipped: only root's jails have mounts");
        return;
    }
    const Host host;
    record(host, "web");
    host.write_config("pkgjail.conf", "[pkgjail]\nallow-mount = /srv\n");
    host.write_config("jails.d/web.jail",
                      "[jail]\npackage = tool\nvolume = data:/srv/data\nmount = /srv/www:/srv/www\n");

    const CommandResult dry = host.run({"apply", "-n"});
    CHECK(dry.status == 2);
    CHECK(dry.out ==
          "jail web: would get other volumes and mounts: volume data:/srv/data is declared and not "
          "there; mount /srv/www:/srv/www:ro is declared and not there\n");
    CHECK(well(host, {"apply"}).out.starts_with("jail web: has other volumes and mounts; before: "));
    CHECK(well(host, {"apply"}).out == "jail web: nothing to do\n");
    CHECK(host.run({"apply", "-n"}).status == 0);
    const std::string printed = well(host, {"apply", "--export", "web"}).out;
    CHECK_THAT(printed, ContainsSubstring("volume = data:/srv/data\nmount = /srv/www:/srv/www:ro\n"));

    host.write_config("jails.d/web.jail", "[jail]\npackage = tool\nvolume = data:/srv/data:ro\n");
    CHECK(host.run({"apply", "-n"}).out ==
          "jail web: would get other volumes and mounts: volume data:/srv/data:ro is declared and not there; "
          "volume data:/srv/data is there and not declared; mount /srv/www:/srv/www:ro is there and not "
          "declared\n");
    well(host, {"apply"});
    CHECK(mounts(host, "web") ==
          R"([{"path":"/srv/data","shared_with":[],"volume":"data","writable":false}][])");

    host.write_config("jails.d/web.jail", "[jail]\npackage = tool\nmount = /opt/x:/srv/x\n");
    const CommandResult denied = host.run({"apply", "-n"});
    CHECK(denied.status == 78);
    CHECK_THAT(denied.err, ContainsSubstring("web.jail:3: mount: found /opt/x, which may not be mounted into "
                                             "jails, allowed: what lies in /srv\n"));
    host.write_config("jails.d/web.jail", "[jail]\npackage = tool\nvolume = data:/usr/bin\n");
    CHECK_THAT(host.run({"apply", "-n"}).err,
               ContainsSubstring("web.jail:3: volume: found /usr/bin, which belongs to the base"));
}

TEST_CASE("a volume that was being removed is there again, and an empty unknown one goes", "[flow][volume]") {
    const Host host;
    well(host, {"volume", "create", "data"});
    const std::string id = volume(host, "data")["id"];
    const store::Layout layout(host.state());
    std::ofstream(layout.volume_data(id) / "kept") << "x";
    std::filesystem::rename(layout.volume(id), layout.volume_trash(id));
    std::filesystem::create_directories(layout.volume("1111111111111111") / "data");
    std::filesystem::create_directories(layout.volume_staging("2222222222222222") / "data");
    std::filesystem::create_directories(layout.volume("3333333333333333") / "data" / "full");

    const CommandResult next = well(host, {"gc"});

    CHECK_THAT(next.err, ContainsSubstring("half-done removal of volume " + id + ", which is there again"));
    CHECK(std::filesystem::exists(layout.volume_data(id) / "kept"));
    CHECK_FALSE(std::filesystem::exists(layout.volume("1111111111111111")));
    CHECK_FALSE(std::filesystem::exists(layout.volume_staging("2222222222222222")));
    CHECK(std::filesystem::exists(layout.volume("3333333333333333") / "data" / "full"));
    std::filesystem::remove(layout.catalog());
    CHECK(host.run({"gc"}).status == 65); // an empty catalog would forget them
}

TEST_CASE("du counts volumes apart from jails", "[flow][volume]") {
    const Host host;
    record(host, "web");
    record(host, "app");
    well(host, {"volume", "attach", "web", "data:/srv/data"});
    well(host, {"volume", "create", "spare"});
    std::ofstream(std::filesystem::path(volume(host, "data")["path"].get<std::string>()) / "file")
        << std::string(100'000, 'x');

    const auto all = well(host, {"du", "--json"}).json();

    REQUIRE(all["volumes"].size() == 2);
    CHECK(all["volumes"][0]["volume"] == "data");
    CHECK(all["volumes"][0]["size"]["disk_bytes"].get<int>() >= 100'000);
    CHECK(all["volumes"][0]["jails"] == nlohmann::json{"web"});
    CHECK(all["total"]["disk_bytes"].get<int>() >= 100'000);
    CHECK(host.run({"du", "web", "--json"}).json()["volumes"].size() == 1);
    CHECK(host.run({"du", "app", "--json"}).json()["volumes"].empty());
}
