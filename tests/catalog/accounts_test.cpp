#include "pkgjail/catalog/accounts.hpp"

#include "catalog/fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::catalog;
using namespace pkgjail::test;

TEST_CASE("a name has one number for ever", "[catalog][accounts]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    {
        Catalog catalog = Catalog::open(file);
        Accounts accounts(catalog);
        CHECK_FALSE(accounts.find(AccountKind::user, "nginx"));
        CHECK(accounts.allocate(AccountKind::user, "nginx") == 20000);
        CHECK(accounts.allocate(AccountKind::user, "redis") == 20001);
    }
    Catalog catalog = Catalog::open(file);
    Accounts accounts(catalog);

    CHECK(accounts.allocate(AccountKind::user, "redis") == 20001);
    CHECK(accounts.allocate(AccountKind::user, "redis", 999) == 20001);
    CHECK(accounts.find(AccountKind::user, "nginx") == 20000);
    CHECK_FALSE(accounts.find(AccountKind::group, "nginx"));
}

TEST_CASE("numbers stay when the images and jails that brought them are removed", "[catalog][accounts]") {
    Fixture fixture;
    Accounts accounts(fixture.catalog);
    accounts.allocate(AccountKind::user, "nginx");
    Images(fixture.catalog).add(image("i1"), {});
    Jails(fixture.catalog).add(jail_named("web", "j1"), generation_of("i1"));

    Jails(fixture.catalog).remove("j1");
    Images(fixture.catalog).remove("i1");

    CHECK(accounts.allocate(AccountKind::user, "other") == 20001);
    CHECK(accounts.find(AccountKind::user, "nginx") == 20000);
}

TEST_CASE("a user gets the number of its group, and a group that of its user", "[catalog][accounts]") {
    Fixture fixture;
    Accounts accounts(fixture.catalog);
    accounts.allocate(AccountKind::group, "first");
    accounts.allocate(AccountKind::group, "nginx");
    accounts.allocate(AccountKind::user, "redis");

    CHECK(accounts.allocate(AccountKind::user, "nginx") == 20001);
    CHECK(accounts.allocate(AccountKind::group, "redis") == 20002);
    CHECK(accounts.all(AccountKind::group) ==
          std::map<std::string, std::uint32_t>{{"first", 20000}, {"nginx", 20001}, {"redis", 20002}});
    CHECK(accounts.all(AccountKind::user) ==
          std::map<std::string, std::uint32_t>{{"nginx", 20001}, {"redis", 20002}});
}

TEST_CASE("a wanted number is given when it is free and reasonable", "[catalog][accounts]") {
    Fixture fixture;
    Accounts accounts(fixture.catalog);

    CHECK(accounts.allocate(AccountKind::user, "mail", 8) == 8);
    CHECK(accounts.allocate(AccountKind::user, "mail2", 8) == 20000);
    CHECK(accounts.allocate(AccountKind::group, "mail2", 8) == 8);
    CHECK(accounts.allocate(AccountKind::user, "toor", 0) == 20001);
    CHECK(accounts.allocate(AccountKind::user, "person", 1000) == 20002);
    CHECK(accounts.allocate(AccountKind::user, "restored", 30000) == 30000);
    CHECK(accounts.allocate(AccountKind::user, "huge", 4294967295u) == 20003);
}

TEST_CASE("when the range is used up, that is a conflict and nothing is given", "[catalog][accounts]") {
    Fixture fixture;
    fixture.catalog.database().execute(
        "WITH RECURSIVE n (i) AS (SELECT 20000 UNION ALL SELECT i + 1 FROM n WHERE i < 59998)"
        " INSERT INTO account SELECT 'user', 'u' || i, i FROM n");
    Accounts accounts(fixture.catalog);
    CHECK(accounts.allocate(AccountKind::user, "last") == 59999);

    const auto error = error_of([&] { accounts.allocate(AccountKind::user, "late"); });

    REQUIRE(error);
    CHECK(error->kind() == base::ErrorKind::conflict);
    CHECK(error->object() == "late");
    CHECK(error->cause() == "no number is free for this account: 20000 to 59999 are given out");
    CHECK_FALSE(accounts.find(AccountKind::user, "late"));
}

TEST_CASE("two processes that ask at once get different numbers", "[catalog][accounts]") {
    TempDir directory;
    const auto file = directory / "catalog.sqlite";
    Catalog::open(file);
    const auto ask = [&](const std::string& prefix) {
        return [&file, prefix] {
            Catalog catalog = Catalog::open(file, std::chrono::seconds(60));
            Accounts accounts(catalog);
            for (int i = 0; i < 30; ++i)
                accounts.allocate(AccountKind::user, prefix + std::to_string(i));
            return 0;
        };
    };
    const pid_t second = ::fork();
    if (second == 0)
        ::_exit(in_child(ask("b")));
    const int first_status = in_child(ask("a"));
    int second_status = -1;
    ::waitpid(second, &second_status, 0);

    REQUIRE(first_status == 0);
    REQUIRE(second_status == 0);
    Catalog catalog = Catalog::open(file);
    CHECK(Accounts(catalog).all(AccountKind::user).size() == 60);
    CHECK(Accounts(catalog).allocate(AccountKind::user, "next") == 20060);
}
