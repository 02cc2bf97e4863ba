// Archives that no honest program writes, put through the whole build: refused with the right kind, the
// package named, nothing left in the store and nothing outside touched.
#include "support/catch.hpp"

#include <cerrno>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "pkgjail/base/digest.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

std::string md5(std::string_view text) {
    return base::digest_of(base::DigestAlgorithm::md5, text);
}

TarMember file(const std::string& name, const std::string& content, unsigned mode = 0644) {
    TarMember member;
    member.name = name;
    member.content = content;
    member.mode = mode;
    return member;
}

TarMember link(const std::string& name, const std::string& target, char type = '2') {
    TarMember member;
    member.name = name;
    member.type = type;
    member.link_target = target;
    return member;
}

/// evil-1.0's metadata with these lines in its packing list, then the payload.
std::vector<TarMember> evil(const std::string& list, const std::vector<TarMember>& payload) {
    PackageSpec spec;
    spec.pkgname = "evil-1.0";
    std::vector<TarMember> members = package_members(spec);
    members[0].content = "@name evil-1.0\n@cwd /usr/pkg\n" + list;
    members.insert(members.end(), payload.begin(), payload.end());
    return members;
}

std::string listed(const std::string& name, const std::string& content) {
    return name + "\n@comment MD5:" + md5(content) + "\n";
}
std::string listed_link(const std::string& name, const std::string& target) {
    return name + "\n@comment Symlink:" + target + "\n";
}

struct Attack {
    std::string what;
    std::string kind;
    std::vector<TarMember> members;
};

std::vector<Attack> attacks(const std::string& canary) {
    const std::string bad = "evil\n";
    std::vector<Attack> all;
    const auto add = [&](const std::string& what, const std::string& kind, std::vector<TarMember> members) {
        all.push_back({what, kind, std::move(members)});
    };

    add("a link to the canary's directory, then a file through it", "corrupt",
        evil(listed_link("lib", canary) + listed("lib/file", bad),
             {link("lib", canary), file("lib/file", bad)}));
    add("the same with PREFIX/etc", "corrupt",
        evil(listed_link("etc", canary + "/sub") + listed("etc/passwd", bad),
             {link("etc", canary + "/sub"), file("etc/passwd", bad)}));
    add("PREFIX/etc alone as a link", "corrupt",
        evil(listed_link("etc", canary + "/sub"), {link("etc", canary + "/sub")}));
    add("PREFIX/etc as a file", "corrupt", evil(listed("etc", bad), {file("etc", bad)}));
    add("a link to /, then a file below it", "corrupt",
        evil(listed_link("lib", "/") + listed("lib" + canary + "/file", bad),
             {link("lib", "/"), file("lib" + canary + "/file", bad)}));
    add("a file through a link that the list does not order that way", "corrupt",
        evil(listed_link("x", canary), {link("x", canary), file("x/file", bad)}));

    for (const std::string& target :
         {std::string("../../canary/file"), canary + "/file", std::string("/etc/passwd")})
        add("a hard link to " + target, "corrupt",
            evil(listed("bin/x", bad) + listed("bin/y", bad),
                 {file("bin/x", bad), link("bin/y", target, '1')}));
    add("a hard link through a link of the package", "corrupt",
        evil(listed_link("lib", canary) + listed("bin/y", bad),
             {link("lib", canary), link("bin/y", "lib/file", '1')}));
    add("a hard link to a link of the package", "corrupt",
        evil(listed_link("lib", canary + "/file") + listed("bin/y", bad),
             {link("lib", canary + "/file"), link("bin/y", "lib", '1')}));
    {
        TarMember written_through = link("bin/y", "bin/x", '1');
        written_through.content = "written through";
        add("a hard link with content", "corrupt",
            evil(listed("bin/x", bad) + listed("bin/y", bad), {file("bin/x", bad), written_through}));
    }

    for (const char* name : {"..", "../", "./..", "a/../../canary/file", "/", "//x", "/etc/passwd", "./x",
                             "a//b", "a/./b", "a\nb", "a/"})
        add(std::string("a member named ") + name, "corrupt", evil(listed("x", bad), {file(name, bad)}));
    for (const char* name : {"../x", "a/../../x", "/etc/passwd", "a//b"})
        add(std::string("a list that names ") + name, "corrupt", evil(listed(name, bad), {file(name, bad)}));
    add("an empty name", "corrupt", evil(listed("x", bad), {file("", bad)}));
    {
        TarMember nul = file("x", bad);
        nul.pax.emplace_back("path", std::string("bin/x\0/../../etc", 16));
        add("a name with a NUL byte", "corrupt", evil(listed("x", bad), {nul}));
    }
    add("a name of 64 KiB", "corrupt", evil(listed("x", bad), {file(std::string(64u << 10, 'a'), bad)}));

    add("the same file twice", "corrupt",
        evil(listed("x", bad) + listed("y", bad), {file("x", bad), file("x", bad)}));
    add("metadata after the payload", "corrupt",
        evil(listed("x", bad), {file("x", bad), file("+DESC", bad)}));
    {
        std::vector<TarMember> twice = evil(listed("x", bad), {file("x", bad)});
        twice.insert(twice.begin() + 1, twice[0]);
        add("+CONTENTS twice", "corrupt", twice);
        std::vector<TarMember> linked = evil(listed("x", bad), {file("x", bad)});
        linked[1] = link("+COMMENT", canary + "/file");
        add("+COMMENT as a link", "corrupt", linked);
    }

    add("a file that the list does not name", "corrupt",
        evil(listed("x", bad), {file("x", bad), file("y", bad)}));
    add("a listed file that is missing", "corrupt",
        evil(listed("x", bad) + listed("y", bad), {file("x", bad)}));
    add("a file with another digest", "trust", evil(listed("x", "good"), {file("x", "evil")}));
    add("a file without a digest", "trust", evil("x\n", {file("x", bad)}));
    add("a link where a file is promised", "trust", evil(listed("x", bad), {link("x", canary + "/file")}));
    add("a link to somewhere else than promised", "trust",
        evil(listed_link("x", "y"), {link("x", canary + "/file")}));

    for (const char type : {'3', '4', '5', '6'}) {
        TarMember special = file("x", "");
        special.type = type;
        add(std::string("a member of type ") + type, "corrupt", evil(listed("x", ""), {special}));
    }
    {
        TarMember huge = file("x", bad);
        huge.claimed_size = 8ull << 60;
        add("a header that says 8 EiB", "corrupt", evil(listed("x", bad), {huge}));
        TarMember sparse = file("x", bad);
        sparse.pax = {
            {"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.realsize", "99999999999"}};
        add("a sparse file", "corrupt", evil(listed("x", bad), {sparse}));
        TarMember header = file("x", bad);
        header.pax.emplace_back("comment", std::string(8u << 20, 'c'));
        add("an extended header of 8 MiB", "corrupt", evil(listed("x", bad), {header}));
    }

    for (const char* name : {"pkgdb/other-1.0/+CONTENTS", "pkgdb/x", "pkgdb", "pkgdb.refcount/users/root/x"})
        add(std::string("a file at ") + name + ", in the package database", "corrupt",
            evil(listed(name, bad), {file(name, bad)}));
    add("a directory in the package database", "corrupt", evil("@pkgdir pkgdb/ghost-1.0\n", {}));
    add("another package's name", "corrupt", [&] {
        std::vector<TarMember> other = evil(listed("x", bad), {file("x", bad)});
        other[0].content = "@name good-1.0\n@cwd /usr/pkg\n" + listed("x", bad);
        return other;
    }());
    add("another prefix", "corrupt", [&] {
        std::vector<TarMember> other = evil(listed("x", bad), {file("x", bad)});
        other[0].content = "@name evil-1.0\n@cwd /\n" + listed("x", bad);
        return other;
    }());
    return all;
}

} // namespace

TEST_CASE("what a hostile archive tries is refused, and nothing is left or touched", "[store][hostile]") {
    StoreFixture at_work;
    const ScopedVariable walk("PKGJAIL_NO_OPENAT2", GENERATE(false, true) ? "1" : nullptr);

    for (const Attack& attack : attacks(at_work.canary().string())) {
        CAPTURE(attack.what);
        const std::string outcome = at_work.outcome([&] { at_work.build_raw("evil-1.0", attack.members); });
        CHECK(outcome.substr(0, outcome.find(':')) == attack.kind);
        CHECK(outcome.find("evil-1.0") != std::string::npos);
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("a hostile archive among good ones stops the image", "[store][hostile]") {
    StoreFixture at_work;
    store::BuildRequest request = at_work.request_of({small_package("good-1.0"), small_package("fine-1.0")});
    at_work.add_archive(request, "evil-1.0", tar_bytes(evil(listed("x", "good"), {file("x", "evil")})));

    CHECK(at_work.outcome([&] { at_work.build(request); }) ==
          "trust: unpack evil-1.0: evil-1.0.tgz: member x does not match the packing list: its MD5 is " +
              md5("evil") + ", and " + md5("good") + " is promised");
    CHECK(at_work.is_clean());
}

TEST_CASE("an archive that is not the one that was checked is refused", "[store][hostile]") {
    StoreFixture at_work;
    store::BuildRequest request = at_work.request_of({small_package("foo-1.0")});
    request.packages[0].sha256 = base::sha256("another archive");

    CHECK(at_work.outcome([&] { at_work.build(request); }) ==
          "trust: unpack foo-1.0: foo-1.0.tgz: the archive changed while it was unpacked");
    CHECK(at_work.is_clean());
}

TEST_CASE("unpacking stops at the size that was promised", "[store][hostile]") {
    StoreFixture at_work;
    PackageSpec bomb = small_package("bomb-1.0");
    bomb.files.push_back({"share/zeroes", std::string(8u << 20, '\0'), 0644});
    store::BuildRequest request = at_work.defaults;
    at_work.add_archive(request, "bomb-1.0", package_bytes(bomb, Compression::gzip));
    request.packages[0].limits.max_unpacked_bytes = 1u << 20;

    const std::string outcome = at_work.outcome([&] { at_work.build(request); });

    CHECK(outcome.find("corrupt: unpack bomb-1.0: bomb-1.0.tgz") == 0);
    CHECK(at_work.is_clean());
    request.packages[0].limits.max_unpacked_bytes = 16u << 20;
    CHECK(at_work.outcome([&] { at_work.build(request); }) == "built");
}

TEST_CASE("extended attributes are dropped and counted", "[store][hostile]") {
    StoreFixture at_work;
    PackageSpec spec = small_package("foo-1.0");
    std::vector<TarMember> members = package_members(spec);
    members.back().pax.emplace_back("SCHILY.xattr.user.note", "x");
    // linux/capability.h: version 2, CAP_NET_RAW permitted and in effect.
    members.back().pax.emplace_back("SCHILY.xattr.security.capability",
                                    std::string("\x01\0\0\x02\0\x20", 6) + std::string(14, '\0'));
    members.back().pax.emplace_back("SCHILY.acl.access",
                                    "user::rw-,user:daemon:rwx:1,group::r--,mask::rwx,other::r--");

    const store::BuiltImage built = at_work.build_raw("foo-1.0", members);

    CHECK(built.warnings == std::vector<std::string>{"foo-1.0: extended attributes of 1 files were dropped"});
    const std::string file = at_work.layout.image_tree(built.id) / "bin/foo";
    REQUIRE(std::filesystem::exists(file));
#ifdef __linux__
    for (const char* name : {"user.note", "security.capability", "system.posix_acl_access"}) {
        INFO(name);
        char value[64];
        CHECK(::lgetxattr(file.c_str(), name, value, sizeof value) < 0);
        CHECK((errno == ENODATA || errno == ENOTSUP)); // or this file system keeps none of that name
    }
#endif
}

TEST_CASE("two packages with the same file are a conflict that names both", "[store][conflict]") {
    StoreFixture at_work;
    PackageSpec one = small_package("one-1.0"), two = small_package("two-1.0");
    one.files.push_back({"share/both", "1", 0644});
    two.files.push_back({"share/both", "2", 0644});

    CHECK(at_work.outcome([&] {
        at_work.build({one, two});
    }) == "conflict: install two-1.0: /usr/pkg/share/both: is in both one-1.0 and two-1.0");
    CHECK(at_work.is_clean());
}

TEST_CASE("a file of one package that is a directory of another is a conflict that names both",
          "[store][conflict]") {
    StoreFixture at_work;
    PackageSpec name = small_package("name-1.0"), below = small_package("below-1.0");
    below.files.push_back({"share/thing/file", "1", 0644});
    SECTION("as a file") {
        name.files.push_back({"share/thing", "2", 0644});
    }
    SECTION("as a link to the canary") {
        name.symlinks.push_back({"share/thing", at_work.canary().string()});
    }

    CHECK(at_work.outcome([&] {
        at_work.build({below, name});
    }) == "conflict: install name-1.0: /usr/pkg/share/thing: is a directory of below-1.0, and a file or "
          "link of name-1.0");
    CHECK(at_work.outcome([&] {
        at_work.build({name, below});
    }) == "conflict: install below-1.0: /usr/pkg/share/thing: is a file or link of name-1.0, and a directory "
          "for below-1.0");
    CHECK(at_work.is_clean());
}

TEST_CASE("the same package twice is a conflict", "[store][conflict]") {
    StoreFixture at_work;

    CHECK(at_work.outcome([&] {
        at_work.build({small_package("a-1"), small_package("a-1")});
    }) == "conflict: install a-1: a-1: the package database has an entry for it before it is installed");
    CHECK(at_work.is_clean());
}

TEST_CASE("set-id files follow the policy, and each name is listed once, as the package's",
          "[store][setid]") {
    StoreFixture at_work;
    PackageSpec spec = small_package("suid-1.0");
    spec.files.push_back({"bin/su", "su", 04755});
    spec.files.push_back({"bin/su as group", "su", 02755});
    spec.hardlinks.push_back({"bin/sudo", "bin/su"});
    spec.hardlinks.push_back({"bin/sulogin", "bin/sudo"});
    const auto mode_of = [&](const store::BuiltImage& built, const char* path) {
        return at_work.image(built).stat(at(path))->permissions();
    };

    SECTION("strip") {
        const store::BuiltImage built = at_work.build({spec});
        CHECK(built.setid == std::vector<std::string>{"/usr/pkg/bin/su 4755 suid-1.0: stripped",
                                                      "/usr/pkg/bin/su as group 2755 suid-1.0: stripped",
                                                      "/usr/pkg/bin/sudo 4755 suid-1.0: stripped",
                                                      "/usr/pkg/bin/sulogin 4755 suid-1.0: stripped"});
        CHECK(mode_of(built, "/tree/bin/su") == 0755);
        CHECK(mode_of(built, "/tree/bin/sudo") == 0755);
        CHECK(show(built.manifest, "/tree/bin/su") == "f 0755 2 suid-1.0 /tree/bin/su\n");
    }
    SECTION("keep") {
        at_work.defaults.setid = jail::SetidPolicy::keep;
        const store::BuiltImage built = at_work.build({spec});
        CHECK(built.setid == std::vector<std::string>{"/usr/pkg/bin/su 4755 suid-1.0: kept",
                                                      "/usr/pkg/bin/su as group 2755 suid-1.0: kept",
                                                      "/usr/pkg/bin/sudo 4755 suid-1.0: kept",
                                                      "/usr/pkg/bin/sulogin 4755 suid-1.0: kept"});
        CHECK(mode_of(built, "/tree/bin/su") == 04755);
        CHECK(show(built.manifest, "/tree/bin/su") == "f 4755 2 suid-1.0 /tree/bin/su\n");
    }
    SECTION("refuse") {
        at_work.defaults.setid = jail::SetidPolicy::refuse;
        CHECK(at_work.outcome([&] { at_work.build({spec}); }) ==
              "denied: unpack suid-1.0: /usr/pkg/bin/su: suid-1.0 makes it a file set-id (mode 4755), and "
              "pkgjail.conf says `setid = refuse`");
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("what was set-id for somebody unknown does not become set-id for root", "[store][setid]") {
    StoreFixture at_work;
    at_work.defaults.setid = jail::SetidPolicy::keep;
    PackageSpec spec = small_package("game-1.0");
    spec.files.push_back({"bin/hack", "hack", 02755, "root", "games"});

    const store::BuiltImage built = at_work.build({spec});

    CHECK(built.setid == std::vector<std::string>{"/usr/pkg/bin/hack 2755 game-1.0: stripped"});
    CHECK(built.warnings ==
          std::vector<std::string>{"game-1.0: files of unknown owner games belong to root now"});
    CHECK(show(built.manifest, "/tree/bin/hack") == "f 0755 4 game-1.0 /tree/bin/hack\n");
}
