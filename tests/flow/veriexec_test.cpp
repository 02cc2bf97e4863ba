// verify --veriexec: fingerprints from manifests.
#include "flow/flow.hpp"
#include "flow/keeping.hpp"
#include "flow/recorded.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/ops/veriexec.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using test::Host;
using test::package;
using test::Shop;

namespace {

/// STATE/images/<id> and STATE/jails/<id> as IMAGE and JAIL.
std::string without_ids(const Host& host, std::string text) {
    for (const auto& [directory, name] : {std::pair{"images", "IMAGE"}, std::pair{"jails", "JAIL"}})
        for (const auto& entry : std::filesystem::directory_iterator(host.state() / directory))
            for (std::size_t at = text.find(entry.path().string()); at != std::string::npos;
                 at = text.find(entry.path().string()))
                text.replace(at, entry.path().string().size(), name);
    return text;
}

/// The line that has `path` in it.
std::string line_with(const std::string& text, const std::string& path) {
    const std::size_t at = text.find(path);
    if (at == std::string::npos)
        return "";
    const std::size_t begin = text.rfind('\n', at) + 1;
    return text.substr(begin, text.find('\n', at) - begin);
}

} // namespace

TEST_CASE("a fingerprint is a line of veriexec(5), or nothing where it could be read as another",
          "[flow][veriexec]") {
    CHECK(ops::veriexec_line({"/a/b", "12", true}) == "/a/b SHA256 12 direct, indirect, file\n");
    CHECK(ops::veriexec_line({"/a b", "12", false}) == "/a\\ b SHA256 12 file\n");
    for (const char* path : {"/a#b", "/a\nb", "/a\tb", "/a\\b", "/a\x7f"})
        CHECK(ops::veriexec_line({path, "12", false}).empty());
}

TEST_CASE("every program file that jails run has its fingerprint, and no other file has",
          "[flow][veriexec]") {
    test::PackageSpec web = package("web-1.0");
    web.files.push_back({"bin/web", "#!/bin/sh\n", 0755});
    web.files.push_back({"share/web/a b", "text"});
    const Shop shop({web});
    const Host& host = shop.host();
    test::well(host, {"install", "web", "--no-start"});
    test::well(host, {"install", "web", "--no-start", "-j", "other"});

    const std::string text = without_ids(host, host.run({"verify", "--veriexec"}).out);

    CHECK(line_with(text, "/tree/bin/web ") ==
          "IMAGE/tree/bin/web SHA256 " + base::sha256("#!/bin/sh\n") + " direct, indirect, file");
    CHECK(line_with(text, "/tree/share/web/a") ==
          "IMAGE/tree/share/web/a\\ b SHA256 " + base::sha256("text") + " file");
    CHECK(text.find("/seed/") == std::string::npos);
    CHECK(text.find("JAIL") == std::string::npos);
    CHECK(without_ids(host, host.run({"verify", "--veriexec", "other"}).out) == text);

    INFO("a jail that runs has its prefix below its root, where the host sees it");
    for (const auto& jail : std::filesystem::directory_iterator(host.state() / "jails"))
        std::filesystem::create_directories(jail.path() / "root/usr/pkg/pkgdb");
    const std::string mounted = without_ids(host, host.run({"verify", "--veriexec"}).out);
    CHECK(line_with(mounted, "JAIL/root/usr/pkg/bin/web ") ==
          "JAIL/root/usr/pkg/bin/web SHA256 " + base::sha256("#!/bin/sh\n") + " direct, indirect, file");
    CHECK(host.run({"--json", "verify", "--veriexec"}).json()["fingerprints"].size() > 5);
    CHECK(host.run({"verify", "--veriexec", "nobody"}).status == 5);
}

TEST_CASE("a file whose name veriexec(5) cannot have is left out, and that is said", "[flow][veriexec]") {
    test::PackageSpec web = package("web-1.0");
    web.files.push_back({"share/web/a#b", "text"});
    const Shop shop({web});
    test::well(shop.host(), {"install", "web", "--no-start"});

    const test::CommandResult result = shop.host().run({"verify", "--veriexec"});

    CHECK(result.status == 0);
    CHECK(result.out.find("a#b") == std::string::npos);
    CHECK_THAT(result.err,
               ContainsSubstring("/tree/share/web/a#b: veriexec(5) has no way to write this name; left out"));
}
