#include "pkgjail/jail/manifest.hpp"

#include "jail/show.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::failure;

namespace {

const std::string digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

Manifest example() {
    Manifest manifest;
    manifest.entries = {
        {base::RootPath::parse("/tree/bin/a b"), EntryType::file, 04755, 0, 10, 1234, digest, "",
         "nginx-1.26.1nb2"},
        {base::RootPath::parse("/seed/config"), EntryType::directory, 0755, 0, 0, 0, "", "", ""},
        {base::RootPath::parse("/tree/lib/ü\\"), EntryType::symlink, 0777, 1, 2, 9, digest, "../a -> b",
         "lib-1.0"},
    };
    return manifest;
}

const std::string example_text = "pkgjail manifest 1\n"
                                 "d 0755 0 0 0 - - /seed/config\n"
                                 "f 4755 0 10 1234 " +
                                 digest +
                                 " nginx-1.26.1nb2 /tree/bin/a\\x20b\n"
                                 "l 0777 1 2 9 " +
                                 digest + " lib-1.0 /tree/lib/\\xc3\\xbc\\x5c -> ../a\\x20->\\x20b\n";

std::string wrong(std::string from, const std::string& to) {
    std::string text = example_text;
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
    return failure([&] { Manifest::parse(text); }, base::ErrorKind::corrupt);
}

} // namespace

TEST_CASE("a manifest is text with one line an entry, sorted by path", "[jail][manifest]") {
    CHECK(example().text() == example_text);
    CHECK(example().total_bytes() == 1234);
    CHECK(Manifest().text() == "pkgjail manifest 1\n");
}

TEST_CASE("a manifest that was read is the one that was written", "[jail][manifest]") {
    const Manifest manifest = Manifest::parse(example_text);

    CHECK(manifest.text() == example_text);
    CHECK(manifest.entries.size() == 3);
    CHECK(manifest.entries.at(1) == example().entries.at(0));
    CHECK(manifest.entries.at(2).link_target == "../a -> b");
    CHECK(Manifest::parse("pkgjail manifest 1\n").entries.empty());
}

TEST_CASE("the id depends on what is in the image and not on the order of its entries", "[jail][manifest]") {
    Manifest other = example();
    std::swap(other.entries.at(0), other.entries.at(2));
    CHECK(other.id() == example().id());
    CHECK(example().id().size() == 64);
    other.entries.at(0).mode = 0755;
    CHECK(other.id() != example().id());
}

TEST_CASE("a manifest that is not written as we write it is refused with its line", "[jail][manifest]") {
    CHECK(failure([] { Manifest::parse(""); }, base::ErrorKind::corrupt) == "manifest:1: it is empty");
    CHECK(wrong("manifest 1", "manifest 2") ==
          "manifest:1: found \"pkgjail manifest 2\", allowed: \"pkgjail manifest 1\"");
    CHECK(wrong("-> ../a\\x20->\\x20b\n", "-> ../a\\x20->\\x20b") ==
          "manifest:4: the last line is cut short");
    CHECK(wrong("/seed/config", "/tree/config") == "manifest:3: /tree/bin/a b is out of order");
    CHECK(wrong("/seed/config", "/tree/bin/a\\x20b") == "manifest:3: /tree/bin/a b is out of order");
    CHECK(wrong("d 0755", "x 0755") == "manifest:2: found \"x 0755 0 0 0 - - /seed/config\", allowed: TYPE "
                                       "MODE UID GID SIZE SHA256 PACKAGE PATH");
    const std::vector<std::pair<std::string, std::string>> changes = {
        {"d 0755", "d 755"},
        {"d 0755", "d 10755"},
        {"d 0755", "d 0855"},
        {"d 0755 0", "d 0755 00"},
        {"d 0755 0", "d 0755 -1"},
        {"d 0755 0 0 0 -", "d 0755 0 0 1 -"},
        {"0 10 1234", "0 10 0x4"},
        {"0 10", "0 4294967296"},
        {digest, "-"},
        {digest, digest.substr(1)},
        {"e3b0", "E3B0"},
        {"/seed/config", "seed/config"},
        {"/seed/config", "/seed/.."},

        {"/seed/config", ""},
        {"a\\x20b", "a b"},
        {"\\xc3", "\\xC3"},
        {"\\x5c", "\\"},
        {"\\x5c", "\\x5"},
        {"\\x5c", "\\x61"},
        {"\\x5c", "\\x0a"},
        {" -> ../a", " => ../a"},
        {" -> ../a", " -> ../aa"},
        {" 9 ", " 8 "},
        {"nginx-1.26.1nb2", ""},
        {"\nf 4755", "\n\nf 4755"},
        {"/seed/config", "/seed/config -> x"},
    };
    for (const auto& [from, to] : changes) {
        INFO(from << " to " << to);
        CHECK(wrong(from, to).starts_with("manifest:"));
    }
}
