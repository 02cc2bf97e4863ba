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
};

PackageSpec package_of(const std::string& base, const std::string& data, const std::string& templates) {
    PackageSpec spec = small_package(base + "-1.0");
    spec.files.push_back({"share/examples/" + base + "/plain", "port = 1\n", 0644});
    spec.files.push_back({"share/examples/" + base + "/program", "#!/bin/sh\n", 0775});
    spec.symlinks.push_back({"share/examples/" + base + "/link", "plain"});
    if (base == "svc1")
        spec.symlinks.push_back({"share/linked", "examples"});
    spec.install_script = framework_script(data, templates);
    return spec;
}

struct Result {
    std::string manifest, stages;
};

/// What comes of it: the manifest's whole text, or the failure; and which stages were run.
Result build(confine::Driver& driver, const Kind& kind, const std::string& templates,
             bool run_known_scripts) {
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
        specs.push_back(package_of("svc" + std::to_string(specs.size() + 1), data, templates));
    Result result;
    result.manifest =
        at_work.outcome([&] { result.manifest = at_work.build(specs).manifest.text(); }) == "built"
            ? result.manifest
            : "no image";
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
    std::vector<std::string> templates = {""};
    if (!pkginstall_templates().empty())
        templates.push_back(pkginstall_templates());
    for (const std::string& directory : templates)
        for (const Kind& kind : kinds) {
            INFO(kind.name << (directory.empty() ? "" : ", genuine"));
            const Result run = build(*driver, kind, directory, true);
            const Result done = build(*driver, kind, directory, false);
            CHECK(done.manifest == run.manifest);
            CHECK(done.stages == kind.stages);
            CHECK(run.stages.find("svc1 PRE-INSTALL") == 0);
        }
}
