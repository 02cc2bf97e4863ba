// Declared jails: what is read, written and refused. Wrong values of single keys are in wrong_value_test.
#include "jail/show.hpp"
#include "pkgjail/jail/declaration.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using namespace pkgjail::test;
using jail::Declaration;

namespace {

std::string refusal(const std::string& text) {
    return failure([&] { jail::parse_declaration(text, "web.jail"); });
}

} // namespace

TEST_CASE("a declaration that was read is written as it was", "[jail][declaration]") {
    const std::string text = "[jail]\n"
                             "recipe = nginx\n"
                             "package = nginx>=1.20\n"
                             "package = tree\n"
                             "limits = web\n"
                             "network = host\n"
                             "requires = db\n"
                             "requires = cache\n"
                             "autostart = no\n"
                             "label = owner=the web team\n"
                             "label = tier=front=1\n"
                             "state = stopped\n"
                             "\n[limits]\n"
                             "memory = 25%\n"
                             "require = any\n"
                             "\n[set]\n"
                             "port = 8081\n";

    const Declaration declaration = jail::parse_declaration(text, "/etc/jails.d/web.jail");

    CHECK(declaration.name == "web");
    CHECK(declaration.labels.at("owner") == "the web team");
    CHECK(declaration.labels.at("tier") == "front=1");
    CHECK_FALSE(declaration.running);
    CHECK(declaration.autostart == false);
    CHECK(jail::declaration_text(declaration) == text);
}

TEST_CASE("what is not said in a declaration is the least surprising", "[jail][declaration]") {
    const Declaration declaration = jail::parse_declaration("[jail]\nrecipe = nginx\n", "web.jail");

    CHECK(declaration.running);
    CHECK_FALSE(declaration.autostart.has_value());
    CHECK(declaration.limits.empty());
    CHECK(declaration.packages.empty());
    CHECK(jail::declaration_text(declaration) == "[jail]\nrecipe = nginx\nstate = running\n");
}

TEST_CASE("what makes no sense together is refused", "[jail][declaration]") {
    CHECK(refusal("") == "web.jail: found no section [jail]");
    CHECK(refusal("[jail]\nlimits = web\n") ==
          "web.jail:1: package: found neither recipe nor package, allowed: a recipe, or one package or more");
    CHECK(refusal("[jail]\npackage = tree\nstate = running\n") ==
          "web.jail:3: state: found it in a jail without a service, allowed: only beside recipe = NAME");
    CHECK(refusal("[jail]\npackage = tree\nrequires = db\n") ==
          "web.jail:3: requires: found it in a jail without a service, allowed: only beside recipe = NAME");
    CHECK(refusal("[jail]\npackage = tree\n[set]\nport = 1\n") ==
          "web.jail:4: port: found a value for a recipe, and there is none, allowed: only beside recipe = "
          "NAME");
    CHECK(refusal("[jail]\npackage = tree\npackage = tree\n") ==
          "web.jail:3: package: found \"tree\", allowed: each package once");
    CHECK(refusal("[jail]\npackage = tree\nlabel = a=1\nlabel = a=2\n") ==
          "web.jail:4: label: found \"a=2\", allowed: each label once, and there is one a already");
    CHECK(refusal("[jail]\npackage = tree\n[jail]\n") ==
          "web.jail:3: found [jail] a second time, first in line 1, allowed: once");
}

TEST_CASE("a value that would be read as another one is not written", "[jail][declaration]") {
    Declaration declaration;
    declaration.name = "web";
    declaration.recipe = "nginx";
    declaration.set["motd"] = "hello # world";

    CHECK(failure([&] { jail::declaration_text(declaration); }, base::ErrorKind::conflict) ==
          "web: has a value that cannot be written in a declaration\n"
          "hint: pkgjail status web shows its settings");
}

TEST_CASE("declared jails are the files of their directory", "[jail][declaration]") {
    const TempDir directory;
    CHECK(jail::list_declarations(directory / "none").empty());
    for (const char* name : {"web.jail", "db.jail", ".#web.jail", "README", "old.jail.orig"})
        write_text(directory / name, "[jail]\npackage = tree\n");

    CHECK(show_words(jail::list_declarations(directory.path())) == "<db> <web>");
    CHECK(jail::find_declaration(directory.path(), "db")->packages.front() == "tree");
    CHECK_FALSE(jail::find_declaration(directory.path(), "nobody").has_value());

    write_text(directory / "Web 2.jail", "");
    CHECK_THAT(failure([&] { jail::list_declarations(directory.path()); }),
               ContainsSubstring("Web 2.jail: found \"Web 2.jail\", allowed: NAME.jail, where NAME is"));
}
