#include "flow/foreign_root.hpp"

#include <fstream>

#include "pkgjail/base/digest.hpp"
#include "support/catch.hpp"

namespace pkgjail::test {

namespace fs = std::filesystem;

namespace {
const std::string example = "level = 1\n";
} // namespace

PackageSpec foreign_web(const std::string& pkgname) {
    PackageSpec spec = package(pkgname, {"lib>=1"});
    spec.files.push_back({"share/examples/web.conf", example});
    spec.files.push_back({"sbin/web", "#!/bin/sh\n# " + pkgname + "\n", 0755});
    return spec;
}

void write_below(const fs::path& file, const std::string& text) {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

std::string text_of(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

void add_foreign(const fs::path& prefix, const PackageSpec& spec, bool automatic) {
    const fs::path entry = prefix / "pkgdb" / spec.pkgname;
    std::string contents = "@name " + spec.pkgname + "\n@cwd /usr/pkg\n";
    for (const PackageFile& file : spec.files) {
        write_below(prefix / file.path, file.content);
        contents +=
            file.path + "\n@comment MD5:" + base::digest_of(base::DigestAlgorithm::md5, file.content) + "\n";
    }
    write_below(entry / "+CONTENTS", contents);
    if (automatic)
        write_below(entry / "+INSTALLED_INFO", "automatic=yes\n");
}

Chroot::Chroot() : shop_({foreign_web("web-1.1"), package("lib-1.0"), package("other-2.0")}) {
    host().write_config("recipes.d/web.recipe", "[recipe]\nsummary = a test\npackage = web\n"
                                                "[service]\ncommand = ${prefix}/sbin/web\n"
                                                "[data]\npath = /var/db/web\n"
                                                "[file ${prefix}/etc/recipe.conf]\nsource = recipe.conf\n");
    host().write_config("recipes.d/recipe.conf", "of the recipe\n");
    REQUIRE(host().run({"update"}).status == 0);
    add_foreign(prefix(), foreign_web("web-1.0"), false);
    add_foreign(prefix(), package("lib-1.0"), true);
    write_below(prefix() / "etc/web.conf", example);
    write_below(prefix() / "etc/more/web.conf", "level = 2\n");
    write_below(root() / "var/db/web/rows", "1 2 3\n");
    write_below(root() / "etc/passwd", "root:x:0:0::/:/bin/sh\n");
}

CommandResult Chroot::import(std::vector<std::string> more) const {
    more.insert(more.begin(), {"import", "--from", "dir", root().string(), "site", "--no-start"});
    return host().run(more);
}

fs::path Chroot::jail() const {
    REQUIRE(!fs::is_empty(host().state() / "jails"));
    return fs::directory_iterator(host().state() / "jails")->path();
}

std::string taken(const CommandResult& result) {
    std::string text;
    const nlohmann::json document = result.json();
    for (const auto& one : document["taken"])
        text += one["kind"].get<std::string>() + " " + one["from"].get<std::string>() + " " +
                one["to"].get<std::string>() + (one["over_recipe"] == true ? " over" : "") + "\n";
    return text;
}

std::string left(const CommandResult& result) {
    std::string text;
    const nlohmann::json document = result.json();
    for (const auto& one : document["left"])
        text += one["path"].get<std::string>() + ": " + one["why"].get<std::string>() + "\n";
    return text;
}

std::string remedy(const CommandResult& result, const std::string& path) {
    const nlohmann::json document = result.json();
    for (const auto& one : document["left"])
        if (one["path"] == path)
            return one["remedy"].get<std::string>();
    return "not told";
}

} // namespace pkgjail::test
