// Volumes in the catalog, and who has them.
#include "pkgjail/catalog/volumes.hpp"

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

struct WithVolumes : Fixture {
    Jails jails{catalog};
    Volumes volumes{catalog};
    WithVolumes() {
        Images(catalog).add(image("i1"), {});
        volumes.add({"v1", "data", 1000, true});
        volumes.add({"v2", "logs", 2000, true});
    }
    void add(const std::string& name, const std::vector<VolumeUseRow>& uses,
             const std::vector<HostMountRow>& mounts = {}) {
        Jail jail = jail_named(name, "id-" + name);
        jail.volumes = uses;
        jail.mounts = mounts;
        jails.add(jail, generation_of("i1"));
    }
    std::string users(const std::string& id) {
        std::string text;
        for (const VolumeUser& user : volumes.users(id))
            text += user.jail + ":" + user.path + (user.writable ? " " : ":ro ");
        return text;
    }
};

} // namespace

TEST_CASE("what a jail has mounted comes back in the order of its paths", "[catalog][volumes]") {
    WithVolumes fixture;
    const HostMountRow www{"/srv/www", "/srv/www", false, true};
    fixture.add("web", {{"v2", "", "/var/log/x", true}, {"v1", "", "/srv/data", false}}, {www});

    Jail found = *fixture.jails.find("web");

    CHECK(found.volumes ==
          std::vector<VolumeUseRow>{{"v1", "data", "/srv/data", false}, {"v2", "logs", "/var/log/x", true}});
    CHECK(found.mounts == std::vector<HostMountRow>{www});
    found.volumes.pop_back();
    found.mounts.clear();
    fixture.jails.update(found);
    CHECK(fixture.jails.find("web")->volumes.size() == 1);
    CHECK(fixture.jails.find("web")->mounts.empty());
}

TEST_CASE("a volume in use stays, and goes when nobody has it", "[catalog][volumes]") {
    WithVolumes fixture;
    fixture.add("web", {{"v1", "", "/srv", true}});
    fixture.add("app", {{"v1", "", "/data", false}});
    CHECK(fixture.users("v1") == "app:/data:ro web:/srv ");

    const auto refused = error_of([&] { fixture.volumes.remove("v1"); });
    REQUIRE(refused);
    CHECK(refused->kind() == ErrorKind::conflict);

    fixture.jails.remove("id-web");
    fixture.jails.remove("id-app");
    CHECK(fixture.users("v1").empty());
    CHECK(fixture.volumes.find("data"));
    fixture.volumes.remove("v1");
    CHECK_FALSE(fixture.volumes.find("data"));
    CHECK(error_of([&] { fixture.volumes.remove("v1"); })->kind() == ErrorKind::not_found);
}

TEST_CASE("a volume's name is taken once, and its first use is remembered", "[catalog][volumes]") {
    WithVolumes fixture;
    CHECK(error_of([&] { fixture.volumes.add({"v3", "data", 1, true}); })->kind() == ErrorKind::conflict);
    CHECK(fixture.volumes.find_by_id("v1")->fresh);

    fixture.volumes.set_used("v1");

    CHECK_FALSE(fixture.volumes.find("data")->fresh);
    CHECK(fixture.volumes.find("logs")->fresh);
    CHECK(fixture.volumes.all().size() == 2);
}

TEST_CASE("a jail cannot be given a volume that there is not", "[catalog][volumes]") {
    WithVolumes fixture;
    const auto error = error_of([&] { fixture.add("web", {{"v9", "", "/srv", true}}); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
    CHECK_FALSE(fixture.jails.find("web"));
}
