// Other numbers for owners: account files, access lists, manifests.
#include <unistd.h>

#include <sys/stat.h>

#include <functional>

#include "base/tree_fixture.hpp"
#include "pkgjail/store/renumber.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
using store::Renumbering;

namespace {

const Renumbering swapped = {{{20000, 20001}, {20001, 20000}}, {{20000, 20007}}};

std::string refusal_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const base::Error& error) {
        return error.cause();
    }
    return "done";
}

} // namespace

TEST_CASE("account files get other numbers and keep everything else", "[store][renumber]") {
    CHECK(store::renumbered_accounts("passwd",
                                     "root:*:0:0:Charlie &:/root:/bin/sh\n"
                                     "# 20000:20000\n"
                                     "www:*:20000:20000:20000:/:/sbin/nologin\n"
                                     "db:*:20001:39::/:\n"
                                     "malformed\n"
                                     "odd:*:x:20000\n"
                                     "last:*:20000:0",
                                     swapped) == "root:*:0:0:Charlie &:/root:/bin/sh\n"
                                                 "# 20000:20000\n"
                                                 "www:*:20001:20007:20000:/:/sbin/nologin\n"
                                                 "db:*:20000:39::/:\n"
                                                 "malformed\n"
                                                 "odd:*:x:20007\n"
                                                 "last:*:20001:0");
    CHECK(store::renumbered_accounts("group", "www:*:20000:a,20000\nw2:*:20001:\n", swapped) ==
          "www:*:20007:a,20000\nw2:*:20001:\n");
    CHECK(store::renumbered_accounts("group", "", swapped).empty());
}

TEST_CASE("a number that somebody else has already is refused", "[store][renumber]") {
    CHECK_THAT(refusal_of([] { store::renumbered_accounts("group", "mine:*:20007:\n", swapped); }),
               ContainsSubstring("gid 20007"));
    // Two that change places are no such case.
    CHECK(refusal_of([] { store::renumbered_accounts("passwd", "a:*:20001:0\nb:*:20000:0\n", swapped); }) ==
          "done");
    if (::geteuid() != 0)
        return;
    TreeFixture fixture;
    fixture.tree.create_file(at("/f"), 0644);
    fixture.tree.set_owner(at("/f"), {0, 20007});
    CHECK_THAT(refusal_of([&] { store::renumber(fixture.tree, swapped); }), ContainsSubstring("gid 20007"));
}

TEST_CASE("owners change once for each file, and modes stay", "[store][renumber][root]") {
    if (::geteuid() != 0)
        return;
    TreeFixture fixture;
    fixture.tree.create_file(at("/a"), 0644);
    fixture.tree.set_owner(at("/a"), {20000, 20000});
    fixture.tree.set_permissions(at("/a"), 06750);
    fixture.tree.make_hard_link(fixture.tree, at("/a"), at("/b"));
    fixture.tree.make_symlink("a", at("/l"));
    fixture.tree.set_owner(at("/l"), {20001, 5});

    store::renumber(fixture.tree, swapped);

    const auto owner = [&](const char* path) {
        const auto entry = fixture.tree.stat(at(path));
        return std::to_string(entry->status.st_uid) + ":" + std::to_string(entry->status.st_gid) + " " +
               std::to_string(entry->permissions());
    };
    CHECK(owner("/a") == "20001:20007 " + std::to_string(06750));
    CHECK(owner("/b") == owner("/a"));
    CHECK(owner("/l") == "20000:5 " + std::to_string(0777));
    CHECK(fixture.canary_is_intact());
}

TEST_CASE("a seed names the accounts that have numbers of a host", "[store][renumber]") {
    TreeFixture fixture;
    fixture.tree.make_directories(at("/etc"));
    const auto accounts = [&](const std::string& passwd) {
        fixture.tree.write(at("/etc/passwd"), passwd, 0644, me());
        try {
            std::string text;
            for (const auto& [name, number] : store::seed_accounts(fixture.tree, false))
                text += name + " " + std::to_string(number) + "; ";
            return text;
        } catch (const base::Error& error) {
            return error.cause();
        }
    };
    CHECK(accounts("root:*:0:0:::\nwww:*:20000:20000:::\n# c:*:1:\nshort:*\ndb:*:20001:1:::") ==
          "db 20001; www 20000; ");
    CHECK(accounts("toor:*:0:0:::\nrun:*:1:1:::\n").empty()); // numbers that every root has
    CHECK_THAT(accounts("a:*:20000:0\nb:*:20000:0\n"), ContainsSubstring("two names"));
    CHECK_THAT(accounts("a/b:*:20000:0\n"), ContainsSubstring("no package may declare"));
}
