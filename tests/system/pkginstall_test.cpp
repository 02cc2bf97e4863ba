// What pkgjail does in place of the framework's scripts, against the scripts themselves, run in a real build
// jail: both must give the same tree, seed, package database and reference counts, to the last mode, owner
// and digest. With PKGJAIL_TEST_PKGINSTALL naming a pkgsrc tree's mk/pkginstall the genuine templates are
// tried as well.
#include "support/catch.hpp"

#include <unistd.h>

#include "pkgjail/base/file.hpp"
#include "pkgjail/confine/driver.hpp"
#include "pkgjail/ops/script_jail.hpp"
#include "support/framework_script.hpp"
#include "support/store_fixture.hpp"
#include "system/support.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

struct Kind {
    const char* name;
    std::vector<std::string> data; ///< of one package each, installed in this order
    const char* stages;            ///< which are run all the same: "svc1 PRE-INSTALL"
    /// What the script has others make, in the prefix: "info/dir", with its text.
    std::vector<std::pair<std::string, std::string>> made = {};
};
const std::string accounts = "GROUP: svcg\nUSER: svc:svcg::Some service:/var/db/svc:/bin/sh\n";

const Kind kinds[] = {
    {"accounts", {accounts + "GROUP: other\nUSER: two:other\n"}, ""},
    {"accounts with the numbers that they have", {"GROUP: svcg:20001\nUSER: svc:svcg:20000\n"}, ""},
    {"an account with another number", {"GROUP: svcg:77\nUSER: svc:svcg\n"}, "svc1 PRE-INSTALL"},
    {"a platform's account", {"GROUP: wheel\nUSER: daemon:daemon\n"}, ""},
    {"directories",
     {accounts +
      "DIR: etc/svc m\nDIR: /etc/svc.d m 0700\nDIR: /var/db/svc mo 0750 svc svcg\n"
      "DIR: /var/db/svc/deep/deeper mo 0710 svc svcg\nDIR: share/svc fm\nDIR: /home/svc mo 0700 svc\n"
      "DIR: /root/svc m\nDIR: lib/new m 0711 root svcg\nDIR: /var/none o 0700\n"},
     ""},
    {"directories that are there",
     {"DIR: /var/log m\nDIR: /etc/rc.d m 0711 root daemon\nDIR: bin m\nDIR: etc m\n"},
     ""},
    {"one directory by two names",
     {"DIR: etc/svc/deep m\nDIR: /usr/pkg/etc/svc m 0750\nDIR: etc/svc mo\n"},
     ""},
    {"a directory with set-id bits", {"DIR: /var/db/svc m 2770 root daemon\n"}, ""},
    {"directories that end with the build jail",
     {"DIR: /var/run/svc m\nDIR: /tmp/x m\n"},
     "svc1 PRE-INSTALL"},
    {"files",
     {accounts +
      "DIR: etc/svc m\nFILE: etc/svc/a c share/examples/svc1/plain 0644\n"
      "FILE: etc/svc/b c share/examples/svc1/plain\n"
      "FILE: etc/svc/c cf share/examples/svc1/program 0600 svc svcg\n"
      "FILE: etc/svc/d c share/examples/svc1/program\nFILE: etc/svc/e c /dev/null 0640 root svcg\n"
      "FILE: etc/svc/f c /dev/null\nFILE: etc/svc/g c share/examples/svc1/none 0644\n"
      "FILE: /etc/rc.d/svc cr share/examples/svc1/program 0755\nFILE: /etc/svc.conf c "
      "/usr/pkg/share/examples/svc1/plain 0644\nFILE: etc/svc/h r share/examples/svc1/plain 0644\n"},
     ""},
    {"files that are there",
     {"FILE: /etc/hosts c share/examples/svc1/plain 0600\nFILE: /etc/passwd c /dev/null 0600\n"},
     ""},
    {"a file twice",
     {"FILE: etc/a c share/examples/svc1/plain 0644\nFILE: etc/a c share/examples/svc1/program 0755\n"},
     ""},
    {"a file in no directory", {"FILE: etc/none/a c share/examples/svc1/plain 0644\n"}, "svc1 POST-INSTALL"},
    {"an example that is a link", {"FILE: etc/a c share/examples/svc1/link 0644\n"}, "svc1 POST-INSTALL"},
    {"a directory that is a link",
     {"FILE: share/linked/a c share/examples/svc1/plain 0644\n"},
     "svc1 POST-INSTALL"},
    {"modes",
     {accounts + "PERMS: bin/svc1 4711 root svcg\nPERMS: share/examples/svc1/plain 2755 svc svcg\n"
                 "PERMS: share/examples/svc1/program 0400 20000 20001\nPERMS: bin 0700 svc svcg\n"
                 "PERMS: bin/none 0755 root wheel\n"},
     ""},
    {"a mode by a link", {"PERMS: share/examples/svc1/link 0600 root wheel\n"}, "svc1 POST-INSTALL"},
    {"modes of what was copied",
     {"FILE: etc/a c share/examples/svc1/plain 0644\nPERMS: etc/a 0600 root daemon\n"},
     ""},
    {"shells", {"SHELL: bin/svc1\nSHELL: /usr/pkg/bin/none\n"}, ""},
    {"an owner that nobody is", {"DIR: etc/svc m 0755 nosuch svcg\n"}, "svc1 PRE-INSTALL"},
    {"a name that a shell would expand", {"DIR: etc/s?c m\n"}, "svc1 PRE-INSTALL"},
    {"two packages with the same wishes",
     {accounts + "DIR: etc/svc m\nDIR: /var/db/svc mo 0750 svc svcg\nFILE: etc/svc/a c "
                 "share/examples/svc1/plain 0644\n",
      accounts + "DIR: etc/svc m\nDIR: /var/db/svc mo 0700 svc svcg\nFILE: etc/svc/a c "
                 "share/examples/svc2/plain 0640\n"
                 "DIR: /var/db/svc/more mo 0700 svc svcg\n"},
     ""},
    {"a package that goes on where another one's script ran",
     {accounts + "DIR: /var/run/svc m\nDIR: /var/db/svc mo 0750 svc svcg\n",
      accounts + "DIR: /var/db/svc mo 0700 svc svcg\nFILE: etc/a c share/examples/svc1/plain 0644\n"},
     "svc1 PRE-INSTALL"},
    {"info files",
     {"INFO: info/svc.info /usr/pkg/info\nINFO: info/none.info\nDIR: etc/svc m\n"},
     "svc1 PRE-INSTALL, svc1 POST-INSTALL",
     {{"info/dir", "svc.info\n"}, {"share/reached", "nothing\n"}}},
    {"fonts",
     {"FONTS: share/fonts/svc x11\nFONTS: share/fonts/none x11\n"},
     "svc1 PRE-INSTALL, svc1 POST-INSTALL",
     {{"share/fonts/svc/fonts.dir", "svc.pcf\n"}, {"share/reached", "nothing\n"}}},
    {"icon themes",
     {"ICON_THEME: svc\nICON_THEME: none\n"},
     "svc1 PRE-INSTALL, svc1 POST-INSTALL",
     {{"share/icons/svc/icon-theme.cache", "index.theme\n"}, {"share/reached", "nothing\n"}}},
    {"OCaml's directories",
     {"OCAML_FINDLIB: lib/ocaml/site-lib/svc\nFILE: etc/a c share/examples/svc1/plain 0644\n"},
     "svc1 PRE-INSTALL, svc1 POST-INSTALL",
     {{"lib/ocaml/ld.conf", "/usr/pkg/lib/ocaml\n/usr/pkg/lib/ocaml/site-lib/svc\n"}}},
};

/// In the place of the programs that such scripts call: each indexes what it is told to, and tries to reach a
/// file of the host.
std::string indexer(const std::string& canary, const std::string& work) {
    return "#!/bin/sh\nset -e\nfor last; do :; done\n" + work + "\n(echo x >" + canary +
           ") 2>/dev/null && what=host || what=nothing\n[ ! -e " + canary +
           " ] || what=host\necho $what >/usr/pkg/share/reached\n";
}

void add_indexers(PackageSpec& spec, const std::string& canary) {
    spec.files.push_back({"bin/install-info",
                          indexer(canary, "case $* in *--delete*) exit 0 ;; esac\n"
                                          "echo ${last##*/} >\"${1#--info-dir=}/dir\""),
                          0755});
    spec.files.push_back({"bin/mkfontdir", indexer(canary, "ls *.pcf >fonts.dir"), 0755});
    spec.files.push_back({"bin/gtk3-update-icon-cache",
                          indexer(canary, "(cd \"$last\" && ls *.theme >icon-theme.cache)"), 0755});
    spec.files.push_back({"info/svc.info", "about svc\n"});
    spec.files.push_back({"share/fonts/svc/svc.pcf", "a font\n"});
    spec.files.push_back({"share/icons/svc/index.theme", "a theme\n"});
    spec.files.push_back({"lib/ocaml/ld.conf", "/usr/pkg/lib/ocaml\n"});
}

PackageSpec package_of(const std::string& base, const std::string& data, const std::string& templates,
                       const std::string& canary) {
    PackageSpec spec = small_package(base + "-1.0");
    spec.files.push_back({"share/examples/" + base + "/plain", "port = 1\n", 0644});
    spec.files.push_back({"share/examples/" + base + "/program", "#!/bin/sh\n", 0775});
    spec.symlinks.push_back({"share/examples/" + base + "/link", "plain"});
    if (base == "svc1") {
        spec.symlinks.push_back({"share/linked", "examples"});
        add_indexers(spec, canary);
    }
    spec.install_script = framework_script(data, templates);
    return spec;
}

struct Result {
    std::string manifest, stages, made;
};

std::string as_text(const std::vector<std::pair<std::string, std::string>>& made) {
    std::string text;
    for (const auto& [path, content] : made)
        text += path + ":\n" + content;
    return text;
}

/// What comes of it: the manifest's whole text, or the failure; and which stages were run.
Result build(confine::Driver& driver, const Kind& kind, const std::string& templates,
             const base::HostPath& canary, bool run_known_scripts) {
    StoreFixture at_work;
    at_work.defaults.base = store::host_base();
    at_work.defaults.setid = jail::SetidPolicy::keep;
    at_work.defaults.run_known_scripts = run_known_scripts;
    at_work.defaults.accounts.users = {{"svc", 20000}, {"two", 20002}};
    at_work.defaults.accounts.groups = {{"svcg", 20001}, {"other", 20003}};
    at_work.real_scripts = [&](const store::RootParts& parts, const base::HostPath& skeleton) {
        ops::ScriptJailOptions options;
        options.base = at_work.defaults.base;
        options.prefix = at_work.defaults.prefix;
        options.handle = "pkgjail-pkginstall-test";
        options.run_directory = at_work.layout.run(options.handle);
        options.log = at_work.dir_ / "build.log";
        return ops::make_script_jail(driver, options, parts, skeleton);
    };
    std::vector<PackageSpec> specs;
    for (const std::string& data : kind.data)
        specs.push_back(
            package_of("svc" + std::to_string(specs.size() + 1), data, templates, canary.string()));
    Result result;
    const std::string outcome = at_work.outcome([&] {
        const store::BuiltImage built = at_work.build(specs);
        result.manifest = built.manifest.text();
        auto made = kind.made;
        for (auto& [path, content] : made)
            content = at_work.image(built).read(base::RootPath::parse("/tree/" + path));
        result.made = as_text(made);
    });
    if (outcome != "built")
        result.manifest = "no image";
    std::string log = base::read_file_if_exists(at_work.dir_ / "build.log", 1u << 20).value_or("");
    for (std::size_t at = 0; (at = log.find("== ", at)) != std::string::npos; at += 3) {
        const std::string line = log.substr(at + 3, log.find('\n', at) - at - 3);
        result.stages += (result.stages.empty() ? "" : ", ") + line.substr(0, line.find('-')) +
                         line.substr(line.find(": ") + 1);
    }
    return result;
}

} // namespace

TEST_CASE("what is done in place of a framework's script is what the script does",
          "[install][pkginstall][root]") {
    if (::geteuid() != 0) {
        WARN("skipped: root is needed to make jails");
        return;
    }
    const TempDir state; // asked once: finding the runtime takes longer than all else
    const auto driver = confine::open_driver(state.path(), "");
    const base::HostPath canary = state / "canary";
    base::write_file_atomically(canary, "kept");
    std::vector<std::string> templates = {""};
    if (!pkginstall_templates().empty())
        templates.push_back(pkginstall_templates());
    for (const std::string& directory : templates)
        for (const Kind& kind : kinds) {
            INFO(kind.name << (directory.empty() ? "" : ", genuine"));
            const Result run = build(*driver, kind, directory, canary, true);
            const Result done = build(*driver, kind, directory, canary, false);
            CHECK(done.manifest == run.manifest);
            CHECK(done.stages == kind.stages);
            CHECK(done.made == as_text(kind.made));
            CHECK(base::read_file(canary) == "kept");
            CHECK(run.stages.find("svc1 PRE-INSTALL") == 0);
        }
}
