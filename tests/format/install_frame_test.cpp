#include "pkgjail/format/install_frame.hpp"

#include "support/catch.hpp"
#include "support/framework_script.hpp"

using namespace pkgjail;
using format::InstallFrame;
using test::framework_script;

namespace {

const std::string data = "GROUP: svcg\nUSER: svc:svcg\nDIR: etc/svc m\nDIR: /var/db/svc mo 0750 svc svcg\n"
                         "FILE: etc/svc/svc.conf c share/svc/svc.conf 0644\nPERMS: bin/svc 2755 root svcg\n"
                         "SHELL: bin/svc\n";

/// "+DIRS +FILES" of a known one, "unknown".
std::string helpers_of(const std::string& script) {
    const auto frame = InstallFrame::recognise(script);
    if (!frame)
        return "unknown";
    std::string names;
    for (const InstallFrame::Helper& helper : frame->helpers)
        names += (names.empty() ? "" : " ") + helper.name;
    return names;
}

std::string with(std::string script, const std::string& old_text, const std::string& new_text) {
    const std::size_t at = script.find(old_text);
    REQUIRE(at != std::string::npos);
    return script.replace(at, old_text.size(), new_text);
}

std::string tail(const std::string& text, std::size_t lines) {
    std::size_t at = text.size();
    for (std::size_t i = 0; i <= lines; ++i)
        at = text.rfind('\n', at - 1);
    return text.substr(at + 1);
}

} // namespace

TEST_CASE("a script of nothing but the framework's text is known, whatever data it has",
          "[format][install_frame]") {
    std::vector<std::string> templates = {""};
    if (!test::pkginstall_templates().empty())
        templates.push_back(test::pkginstall_templates());
    for (const std::string& directory : templates) {
        CHECK(helpers_of(framework_script(data, directory)) == "+USERGROUP +DIRS +FILES +PERMS +SHELL");
        CHECK(helpers_of(framework_script("DIR: etc/svc m\n", directory)) == "+DIRS");
        CHECK(helpers_of(framework_script("FILE: a c b\nDIR: c m\n", directory)) == "+DIRS +FILES");
        CHECK(helpers_of(framework_script("", directory)).empty());
    }
}

TEST_CASE("a script that has other programs work is unknown, whatever else it asks for",
          "[format][install_frame]") {
    std::vector<std::string> templates = {""};
    if (!test::pkginstall_templates().empty())
        templates.push_back(test::pkginstall_templates());
    for (const std::string& directory : templates)
        for (const char* own : {"INFO: info/svc.info info\n", "FONTS: share/fonts/svc ttf\n",
                                "ICON_THEME: svc\n", "OCAML_FINDLIB: lib/ocaml/site-lib/svc\n"}) {
            INFO(own << directory);
            CHECK(helpers_of(framework_script(own, directory)) == "unknown");
            CHECK(helpers_of(framework_script(data + own, directory)) == "unknown");
        }
}

TEST_CASE("a helper is what the script's UNPACK stage would write", "[format][install_frame]") {
    const auto frame = InstallFrame::recognise(framework_script(data));
    REQUIRE(frame);
    REQUIRE(frame->helpers.size() == 5);
    CHECK(frame->helpers[0].text.substr(0, 12) == "#!/bin/sh\n#\n");
    CHECK(tail(frame->helpers[0].text, 3) == "esac\n# GROUP: svcg\n# USER: svc:svcg\n");
    CHECK(tail(frame->helpers[1].text, 3) == "esac\n# DIR: etc/svc m\n# DIR: /var/db/svc mo 0750 svc svcg\n");
    CHECK(frame->helpers[1].text.find("EOF") == std::string::npos);
}

TEST_CASE("the values of the machine that built a package make no difference", "[format][install_frame]") {
    const std::string script = framework_script(data);
    for (const auto& [old_text, new_text] : std::vector<std::pair<std::string, std::string>>{
             {"CHMOD=\"/usr/bin/chmod\"", "CHMOD=\"/bin/chmod\""},
             {"SED=\"/usr/bin/sed\"", "SED=\"/usr/pkg/bin/nbsed\""},
             {"MKDIR=\"/bin/mkdir -p\"", "MKDIR=\"/usr/bin/gmkdir -p\""},
             {"USERADD=\"/usr/sbin/useradd\"", "USERADD=\"\""},
             {"PREFIX=\"/usr/pkg\"", "PREFIX=\"/opt/pkg\""},
             {"${PKG_PREFIX=/usr/pkg}", "${PKG_PREFIX=/opt/pkg}"},
             {"PKG_CREATE_USERGROUP:-YES}", "PKG_CREATE_USERGROUP:-no}"},
             {"#!/bin/sh\n", "#!/usr/bin/ksh\n"},
             {"# $pkgjail-demo: dirs $", "# $pkgjail-demo: dirs, of another day $"},
             {"\ncase ${STAGE} in\n", "\n# A remark.\n\ncase ${STAGE} in\n"}}) {
        INFO(new_text);
        CHECK(helpers_of(with(script, old_text, new_text)) == "+USERGROUP +DIRS +FILES +PERMS +SHELL");
    }
}

TEST_CASE("a script with any text of its own is unknown", "[format][install_frame]") {
    const std::string script = framework_script(data);
    for (const auto& [old_text, new_text] : std::vector<std::pair<std::string, std::string>>{
             {"\nexit 0\n", "\ntouch /etc/own\nexit 0\n"},
             {"\nexit 0\n", "\nexit 0\ntouch /etc/own\n"},
             {"\nexit 0\n", "\n"},
             {"# $pkgjail-demo: install $",
              "# $NetBSD: INSTALL,v 1.1 $\nldconfig\n# $pkgjail-demo: install $"},
             {"STAGE=\"$2\"\n", "STAGE=\"$2\"\nid\n"},
             {"CHMOD=\"/usr/bin/chmod\"", "CHMOD=\"/usr/pkg/bin/own\""},
             {"CHMOD=\"/usr/bin/chmod\"", "CHMOD=\"/usr/bin/chmod -v\""},
             {"CHMOD=\"/usr/bin/chmod\"", "CHMOD=\"$(own)/chmod\""},
             {"MKDIR=\"/bin/mkdir -p\"", "MKDIR=\"/bin/mkdir\""},
             {"PREFIX=\"/usr/pkg\"", "PREFIX=\"`own`\""},
             {"PREFIX=\"/usr/pkg\"", "PREFIX=\"/usr\"; own"},
             {"${PKG_PREFIX=/usr/pkg}", "${PKG_PREFIX=$(own)}"},
             {"PKG_CREATE_USERGROUP:-YES}", "PKG_CREATE_USERGROUP:-$(own)}"},
             {"#!/bin/sh\n", "#!/usr/bin/perl\n"},
             {"#!/bin/sh\n", "#!/bin/sh -x\n"},
             {"#!/bin/sh\n", "\n"},
             {"./+DIRS ADD", "./+DIRS REMOVE"},
             {"<< 'EOF'", "<< EOF"},
             {"*m*) ;;", "*) ;;"}}) {
        INFO(new_text);
        CHECK(helpers_of(with(script, old_text, new_text)) == "unknown");
    }
}

TEST_CASE("data where a helper would not look for them alone make a script unknown",
          "[format][install_frame]") {
    const std::string script = framework_script(data);
    // In the text, where the script finds them as well, or inside the here-document of another helper.
    CHECK(helpers_of(with(script, "\ncase ${STAGE} in", "\n# DIR: /etc/own m\ncase ${STAGE} in")) ==
          "unknown");
    CHECK(helpers_of(with(script, "#!/bin/sh\n", "#!/bin/sh\n# DIR: /etc/own m\n")) == "unknown");
    // A here-document that a comment only seems to begin does not count.
    const auto frame = InstallFrame::recognise(
        with(script, "# $pkgjail-demo: dirs $\n", "# $pkgjail-demo: dirs $\n# ${CAT} > ./+OWN << 'EOF'\n"));
    REQUIRE(frame);
    CHECK(frame->helpers[1].name == "+DIRS");
    CHECK(frame->helpers[1].text == InstallFrame::recognise(script)->helpers[1].text);
}

TEST_CASE("sections that are missing, doubled or in another order make a script unknown",
          "[format][install_frame]") {
    auto sections = format::script_sections(framework_script(data));
    REQUIRE(sections.size() == 10);
    sections.back() = format::script_sections(framework_script("")).back();
    const auto put_together = [&](const std::vector<std::size_t>& order) {
        std::string script;
        for (const std::size_t i : order)
            script += sections[i].text;
        return script;
    };
    CHECK(helpers_of(put_together({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) ==
          "+USERGROUP +DIRS +FILES +PERMS +SHELL");
    CHECK(helpers_of(put_together({0, 1, 5, 8, 9})) == "+FILES");
    CHECK(helpers_of(put_together({0, 1, 5, 4, 8, 9})) == "+FILES +DIRS");
    // Data of a helper that is not there: the script would do nothing about them.
    const auto with_data = [&](const std::vector<std::size_t>& order, const std::string& lines) {
        return put_together(order) + format::script_sections(framework_script(lines)).back().text;
    };
    const std::string file = "FILE: etc/svc/svc.conf c share/svc/svc.conf 0644\n";
    CHECK(helpers_of(with_data({0, 1, 5, 8}, file)) == "+FILES");
    CHECK(helpers_of(with_data({0, 1, 5, 4, 8}, file + "DIR: etc/svc m\n")) == "+FILES +DIRS");
    CHECK(helpers_of(with_data({0, 1, 5, 8}, file + "DIR: etc/svc m\n")) == "unknown");
    CHECK(helpers_of(with_data({0, 1, 5, 8}, file + "RCD: etc/rc.d/svc share/svc 0755\n")) == "+FILES");
    for (const std::vector<std::size_t>& order : std::vector<std::vector<std::size_t>>{{1, 5, 8, 9},
                                                                                       {0, 5, 8, 9},
                                                                                       {0, 1, 5, 9},
                                                                                       {0, 1, 5, 8},
                                                                                       {0, 1, 5, 5, 8, 9},
                                                                                       {0, 1, 1, 5, 8, 9},
                                                                                       {0, 1, 5, 8, 8, 9},
                                                                                       {0, 1, 8, 5, 9},
                                                                                       {0, 1, 3, 8, 9},
                                                                                       {0, 1, 2, 8, 9},
                                                                                       {0, 1, 2, 4, 3, 8, 9},
                                                                                       {0, 5, 1, 8, 9},
                                                                                       {0, 1, 5, 8, 9, 9}})
        CHECK(helpers_of(put_together(order)) == "unknown");
}

TEST_CASE("what is no script of the framework's is unknown and nothing worse", "[format][install_frame]") {
    for (const std::string& script :
         {std::string(), std::string("\n"), std::string("#!/bin/sh\nexit 0\n"), std::string("#!/bin/sh"),
          std::string("# $ $\n# $ $\n# $ $\n# $ $\n"), std::string("\0\0", 2),
          framework_script(data) + std::string(1, '\0') + "\n"})
        CHECK(helpers_of(script) == "unknown");
    std::string script = framework_script(data);
    script.pop_back(); // the last line has no end
    CHECK(helpers_of(script) == "unknown");
}
