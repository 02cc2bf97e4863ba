#include "pkgjail/catalog/jails.hpp"

#include "catalog/fixture.hpp"
#include "pkgjail/catalog/address_overlap.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;
using base::ErrorKind;

namespace {

struct WithImages : Fixture {
    Jails jails{catalog};
    WithImages() {
        Images(catalog).add(image("i1"), {});
        Images(catalog).add(image("i2"), {});
    }
};

std::string show(const Generation& generation) {
    return std::to_string(generation.number) + " " + generation.image_id + " [" +
           test::show(generation.wishes) + "] " + generation.command + " | " + generation.reason + " | " +
           generation.outcome;
}

} // namespace

TEST_CASE("a jail comes back as it was put in", "[catalog][jails]") {
    WithImages fixture;
    Jail given = jail_named("web", "0123456789abcdef");
    given.limits_template = "web";
    given.settings = {{"port", "8080"}, {"it's", "100%"}};
    given.limit_overrides = {{"memory", "256M"}};
    given.wanted_running = true;
    given.claims = {{"tcp", "", 80}, {"tcp", "::1", 443}, {"tcp", "", 80}};
    given.operation = "upgrade.stopped";
    Generation first = generation_of("i1");
    first.wishes = {"nginx", "php>=8"};
    first.reason = "first";
    first.outcome = "done";
    fixture.jails.add(given, first);

    const auto found = fixture.jails.find("web");

    REQUIRE(found);
    CHECK(found->id == given.id);
    CHECK(found->name == "web");
    CHECK(found->recipe == "nginx");
    CHECK(found->profile == "high");
    CHECK(found->network == "host");
    CHECK(found->limits_template == "web");
    CHECK(found->settings == given.settings);
    CHECK(found->limit_overrides == given.limit_overrides);
    CHECK(found->wanted_running);
    CHECK(found->created_at == 2000);
    CHECK(found->current == 1);
    REQUIRE(found->claims.size() == 2);
    CHECK(found->claims[0].port == 80);
    CHECK(found->claims[1].address == "::1");
    CHECK(found->operation == "upgrade.stopped");
    CHECK(fixture.jails.find_by_id(given.id)->name == "web");
    CHECK(fixture.jails.contains(given.id));
    CHECK_FALSE(fixture.jails.contains("web"));
    CHECK_FALSE(fixture.jails.find("web2"));
    CHECK_FALSE(fixture.jails.find_by_id("web"));
    const auto generation = fixture.jails.generation(given.id, 1);
    REQUIRE(generation);
    CHECK(generation->created_at == 3000);
    CHECK(show(*generation) == "1 i1 [nginx php>=8] install nginx | first | done");
}

TEST_CASE("jails are listed by name", "[catalog][jails]") {
    WithImages fixture;
    for (const char* name : {"web", "db", "mail"})
        fixture.jails.add(jail_named(name, std::string("id of ") + name), generation_of("i1"));
    std::vector<std::string> names;
    for (const Jail& each : fixture.jails.all())
        names.push_back(each.name);
    CHECK(test::show(names) == "db mail web");
}

TEST_CASE("two jails cannot have one name, by making nor by renaming", "[catalog][jails]") {
    WithImages fixture;
    fixture.jails.add(jail_named("web", "j1"), generation_of("i1"));
    fixture.jails.add(jail_named("db", "j2"), generation_of("i1"));

    const auto made = error_of([&] { fixture.jails.add(jail_named("web", "j3"), generation_of("i1")); });
    const auto renamed = error_of([&] { fixture.jails.rename("j2", "web"); });

    for (const auto& error : {made, renamed}) {
        REQUIRE(error);
        CHECK(error->kind() == ErrorKind::conflict);
        CHECK(error->object() == "web");
        CHECK(error->cause() == "there is a jail of this name");
    }
    CHECK_FALSE(fixture.jails.find_by_id("j3"));
    CHECK(fixture.jails.find_by_id("j2")->name == "db");

    fixture.jails.rename("j2", "db");
    fixture.jails.rename("j2", "sql");
    fixture.jails.rename("j1", "db");
    CHECK(fixture.jails.find("db")->id == "j1");
    CHECK(fixture.jails.find("sql")->id == "j2");
    CHECK(error_of([&] { fixture.jails.rename("j9", "x"); })->kind() == ErrorKind::not_found);
}

TEST_CASE("a jail on an image that is not known is not made", "[catalog][jails]") {
    WithImages fixture;
    const auto error = error_of([&] { fixture.jails.add(jail_named("web", "j1"), generation_of("i9")); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
    CHECK(error->object() == "image i9");
    CHECK(fixture.jails.all().empty());
}

TEST_CASE("an update writes everything but id, name, current generation and settings", "[catalog][jails]") {
    WithImages fixture;
    Jail jail = jail_named("web", "j1");
    jail.settings = {{"port", "80"}, {"gone", "1"}};
    jail.claims = {{"tcp", "", 80}};
    fixture.jails.add(jail, generation_of("i1"));

    jail.name = "another";
    jail.current = 5;
    jail.recipe = "redis";
    jail.profile = "low";
    jail.network = "none";
    jail.limits_template = "small";
    jail.settings = {{"port", "81"}};
    jail.limit_overrides = {{"cpu", "50%"}};
    jail.wanted_running = true;
    jail.claims = {{"udp", "", 81}};
    jail.operation = "stopping";
    fixture.jails.update(jail);

    const auto found = fixture.jails.find_by_id("j1");
    REQUIRE(found);
    CHECK(found->name == "web");
    CHECK(found->current == 1);
    CHECK(found->recipe == "redis");
    CHECK(found->profile == "low");
    CHECK(found->network == "none");
    CHECK(found->limits_template == "small");
    CHECK(found->settings == std::map<std::string, std::string>{{"port", "80"}, {"gone", "1"}});
    CHECK(found->limit_overrides == jail.limit_overrides);
    CHECK(found->wanted_running);
    REQUIRE(found->claims.size() == 1);
    CHECK(found->claims[0].protocol == "udp");
    CHECK(found->operation == "stopping");
    CHECK(error_of([&] { fixture.jails.update(jail_named("x", "j9")); })->kind() == ErrorKind::not_found);
}

TEST_CASE("generations are numbered on, and the newest is current until another is set", "[catalog][jails]") {
    WithImages fixture;
    fixture.jails.add(jail_named("web", "j1"), generation_of("i1"));
    fixture.jails.add(jail_named("db", "j2"), generation_of("i1"));
    Generation next = generation_of("i2");
    next.number = 77;
    next.command = "upgrade web";

    CHECK(fixture.jails.add_generation("j1", next) == 2);
    CHECK(fixture.jails.find("web")->current == 2);
    fixture.jails.set_current("j1", 1);
    CHECK(fixture.jails.find("web")->current == 1);
    CHECK(fixture.jails.add_generation("j1", next) == 3);
    fixture.jails.set_outcome("j1", 2, "rolled back: not healthy");

    std::string history;
    for (const Generation& each : fixture.jails.generations("j1"))
        history += show(each) + "\n";
    CHECK(history == "1 i1 [nginx] install nginx |  | \n"
                     "2 i2 [nginx] upgrade web |  | rolled back: not healthy\n"
                     "3 i2 [nginx] upgrade web |  | \n");
    CHECK(fixture.jails.find("db")->current == 1);
    CHECK_FALSE(fixture.jails.generation("j1", 4));
    CHECK(fixture.jails.generations("j9").empty());
}

TEST_CASE("a generation that is not there cannot be made current", "[catalog][jails]") {
    WithImages fixture;
    fixture.jails.add(jail_named("web", "j1"), generation_of("i1"));
    CHECK(error_of([&] { fixture.jails.set_current("j1", 2); })->kind() == ErrorKind::not_found);
    CHECK(error_of([&] { fixture.jails.set_outcome("j1", 2, "x"); })->kind() == ErrorKind::not_found);
    CHECK(error_of([&] { fixture.jails.add_generation("j9", generation_of("i1")); })->kind() ==
          ErrorKind::not_found);
    CHECK(error_of([&] { fixture.jails.add_generation("j1", generation_of("i9")); })->kind() ==
          ErrorKind::not_found);
    CHECK(fixture.jails.find("web")->current == 1);
    // Not even past the functions here: the schema itself says so.
    CHECK(error_of([&] {
              fixture.catalog.database().execute("UPDATE jail SET current_generation = 9");
          })->kind() == ErrorKind::conflict);
}

TEST_CASE("a jail that is removed leaves nothing behind, and its name is free", "[catalog][jails]") {
    WithImages fixture;
    Jail jail = jail_named("web", "j1");
    jail.settings = {{"port", "80"}};
    jail.limit_overrides = {{"cpu", "50%"}};
    jail.claims = {{"tcp", "", 80}};
    fixture.jails.add(jail, generation_of("i1"));
    fixture.jails.add_generation("j1", generation_of("i2"));

    fixture.jails.remove("j1");

    CHECK(fixture.jails.all().empty());
    CHECK(fixture.jails.generations("j1").empty());
    CHECK(fixture.jails.claimants({"tcp", "", 80}).empty());
    for (const char* sql :
         {"SELECT 1 FROM generation_setting", "SELECT 1 FROM jail_limit", "SELECT 1 FROM generation_wish"})
        CHECK_FALSE(Statement(fixture.catalog.database(), sql).use().next());
    CHECK(error_of([&] { fixture.jails.remove("j1"); })->kind() == ErrorKind::not_found);
    fixture.jails.add(jail_named("web", "j2"), generation_of("i1"));
    CHECK(fixture.catalog.check().empty());
}

TEST_CASE("a jail has the settings of its current generation", "[catalog][jails]") {
    WithImages fixture;
    Jail jail = jail_named("web", "j1");
    jail.settings = {{"port", "80"}};
    fixture.jails.add(jail, generation_of("i1"));
    Generation next = generation_of("i1");
    next.settings = {{"port", "81"}, {"workers", "2"}};

    REQUIRE(fixture.jails.add_generation("j1", next) == 2);
    CHECK(fixture.jails.find("web")->settings == next.settings);
    CHECK(fixture.jails.generation("j1", 1)->settings == jail.settings);
    fixture.jails.set_current("j1", 1);

    CHECK(fixture.jails.find_by_id("j1")->settings == jail.settings);
    CHECK(fixture.jails.generation("j1", 2)->settings == next.settings);
}

TEST_CASE("the stage of an operation is kept until it is cleared", "[catalog][jails]") {
    WithImages fixture;
    fixture.jails.add(jail_named("web", "j1"), generation_of("i1"));
    CHECK_FALSE(fixture.jails.find("web")->operation);
    fixture.jails.set_operation("j1", "upgrade 2: stopped");
    CHECK(fixture.jails.find("web")->operation == "upgrade 2: stopped");
    fixture.jails.set_operation("j1", std::nullopt);
    CHECK_FALSE(fixture.jails.find("web")->operation);
    CHECK(error_of([&] { fixture.jails.set_operation("j9", "x"); })->kind() == ErrorKind::not_found);
}

TEST_CASE("holds come back by package, are replaced by an update and go with the jail", "[catalog][jails]") {
    WithImages fixture;
    Jail given = jail_named("web", "0123456789abcdef");
    given.holds = {{"nginx", "plugin not ported", 4000}, {"app", "", {}}};
    fixture.jails.add(given, generation_of("i1"));

    auto found = fixture.jails.find("web");
    REQUIRE(found);
    CHECK(found->holds == std::vector<Hold>{{"app", "", {}}, {"nginx", "plugin not ported", 4000}});
    found->holds = {{"app", "now with a reason", {}}};
    fixture.jails.update(*found);

    CHECK(fixture.jails.find("web")->holds == std::vector<Hold>{{"app", "now with a reason", {}}});
    fixture.jails.remove(given.id);
    fixture.jails.add(given = jail_named("web", "0123456789abcdef"), generation_of("i1"));
    CHECK(fixture.jails.find("web")->holds.empty());
}

TEST_CASE("addresses overlap as sockets do", "[catalog][jails]") {
    struct Case {
        const char* a;
        const char* b;
        bool overlap;
    };
    for (const Case& each : {Case{"", "", true},
                             {"", "127.0.0.1", true},
                             {"", "::1", true},
                             {"", "name", true},
                             {"0.0.0.0", "127.0.0.1", true},
                             {"0.0.0.0", "::1", false},
                             {"0.0.0.0", "name", true},
                             {"0.0.0.0", "::", true},
                             {"::", "127.0.0.1", true},
                             {"::", "::1", true},
                             {"::", "name", true},
                             {"127.0.0.1", "127.0.0.1", true},
                             {"127.0.0.1", "127.0.0.2", false},
                             {"127.0.0.1", "::1", false},
                             {"::1", "0:0:0:0:0:0:0:1", true},
                             {"FE80::1", "fe80::1", true},
                             {"::ffff:10.0.0.1", "10.0.0.1", true},
                             {"0.0.0.0", "::ffff:10.0.0.1", true},
                             {"name", "name", true},
                             {"name", "other", false},
                             {"name", "10.0.0.1", false}}) {
        INFO(each.a << " and " << each.b);
        CHECK(addresses_overlap(each.a, each.b) == each.overlap);
        CHECK(addresses_overlap(each.b, each.a) == each.overlap);
    }
}

TEST_CASE("those who claim a port are named once each, by name", "[catalog][jails]") {
    WithImages fixture;
    const auto add = [&](const std::string& name, std::vector<PortClaimRow> claims) {
        Jail jail = jail_named(name, "id of " + name);
        jail.claims = std::move(claims);
        fixture.jails.add(jail, generation_of("i1"));
    };
    add("local", {{"tcp", "127.0.0.1", 80}});
    add("everywhere", {{"tcp", "0.0.0.0", 80}, {"tcp", "::1", 80}});
    add("dns", {{"udp", "", 80}});
    add("other", {{"tcp", "", 8080}});

    CHECK(test::show(fixture.jails.claimants({"tcp", "", 80})) == "everywhere local");
    CHECK(test::show(fixture.jails.claimants({"tcp", "10.0.0.1", 80})) == "everywhere");
    CHECK(test::show(fixture.jails.claimants({"tcp", "::2", 80})).empty());
    CHECK(test::show(fixture.jails.claimants({"udp", "::", 80})) == "dns");
    CHECK(test::show(fixture.jails.claimants({"tcp", "", 81})).empty());
}

TEST_CASE("a generation keeps what its merge came to, each conflict until it is decided",
          "[catalog][jails][config]") {
    WithImages fixture;
    fixture.jails.add(jail_named("web", "j1"), generation_of("i1"));
    Generation second = generation_of("i2");
    second.merge = ConfigMerge{1, 2, 3, 4, 5};
    const std::string odd = "/etc/\xff\n'";
    second.conflicts = {{"/etc/a", "changed by both", ""},
                        {"/etc/group", "svc: changed", ""},
                        {"/etc/group", "adm: changed", ""},
                        {odd, "is a FIFO", ""}};
    fixture.jails.add_generation("j1", second);
    const auto show_conflicts = [&](std::int64_t number) {
        std::string text;
        const auto generation = fixture.jails.generation("j1", number); // outlives the loop
        for (const ConfigConflict& conflict : generation->conflicts)
            text += conflict.path + ": " + conflict.what +
                    (conflict.is_open() ? "" : ", " + conflict.decision) + "\n";
        return text;
    };

    CHECK(show_conflicts(1).empty());
    CHECK_FALSE(fixture.jails.generation("j1", 1)->merge);
    CHECK(show_conflicts(2) ==
          "/etc/a: changed by both\n/etc/group: svc: changed\n/etc/group: adm: changed\n" + odd +
              ": is a FIFO\n");
    const auto merge = fixture.jails.generations("j1").back().merge;
    REQUIRE(merge);
    CHECK(merge->added == 1);
    CHECK(merge->replaced == 2);
    CHECK(merge->removed == 3);
    CHECK(merge->kept == 4);
    CHECK(merge->merged == 5);

    CHECK(fixture.jails.decide("j1", 2, "/etc/group", "taken"));
    CHECK(fixture.jails.decide("j1", 2, odd, "kept"));
    CHECK_FALSE(fixture.jails.decide("j1", 2, "/etc/group", "kept"));
    CHECK_FALSE(fixture.jails.decide("j1", 2, "/etc/b", "kept"));
    CHECK_FALSE(fixture.jails.decide("j1", 1, "/etc/a", "kept"));

    CHECK(show_conflicts(2) == "/etc/a: changed by both\n/etc/group: svc: changed, taken\n"
                               "/etc/group: adm: changed, taken\n" +
                                   odd + ": is a FIFO, kept\n");
    fixture.jails.remove("j1");
    CHECK(fixture.catalog.check().empty());
}
