#include "support/store_fixture.hpp"

#include "support/catch.hpp"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"

namespace pkgjail::test {

using base::ErrorKind;
using base::HostPath;
using base::RootPath;

namespace {

class FakeRunner : public store::ScriptRunner {
  public:
    FakeRunner(FakeScripts& scripts, store::RootParts parts) : scripts_(scripts), parts_(std::move(parts)) {
        ++scripts_.open_jails;
        ++scripts_.made_jails;
    }
    ~FakeRunner() override { --scripts_.open_jails; }

    base::Exit run(const Script& script) override {
        std::string call = script.pkgname + ":";
        for (const std::string& word : script.argv)
            call += " " + word;
        scripts_.calls.push_back(call);
        scripts_.environments.push_back(script.environment);
        return scripts_.act ? scripts_.act(script, parts_) : base::Exit{};
    }

  private:
    FakeScripts& scripts_;
    store::RootParts parts_;
};

std::string kind_name(ErrorKind kind) {
    switch (kind) {
    case ErrorKind::corrupt:
        return "corrupt";
    case ErrorKind::trust:
        return "trust";
    case ErrorKind::conflict:
        return "conflict";
    case ErrorKind::unhealthy:
        return "unhealthy";
    case ErrorKind::denied:
        return "denied";
    case ErrorKind::configuration:
        return "configuration";
    case ErrorKind::busy:
        return "busy";
    case ErrorKind::not_found:
        return "not found";
    default:
        return "system";
    }
}

} // namespace

store::ScriptRunnerFactory FakeScripts::factory() {
    return [this](const store::RootParts& parts, const HostPath&) {
        return std::make_unique<FakeRunner>(*this, parts);
    };
}

ScriptAct at_post_install(const std::string& pkgname,
                          std::function<void(const store::RootParts& parts)> deed) {
    return [pkgname, deed = std::move(deed)](const store::ScriptRunner::Script& script,
                                             const store::RootParts& parts) {
        if (script.pkgname == pkgname && script.argv.back() == "POST-INSTALL")
            deed(parts);
        return base::Exit{};
    };
}

StoreFixture::StoreFixture() : layout(dir_ / "state") {
    layout.create();
    defaults.base.id = "host-test";
    base::make_directories(canary() / "sub", 0755);
    base::write_file_atomically(canary() / "file", "canary", 0640);
    base::write_file_atomically(canary() / "sub" / "passwd", "root of the host", 0600);
    canary_before_ = canary_state();
}

store::BuildRequest StoreFixture::request_of(const std::vector<PackageSpec>& specs) {
    store::BuildRequest request = defaults;
    for (const PackageSpec& spec : specs)
        add_archive(request, spec.pkgname, package_bytes(spec, Compression::none));
    return request;
}

void StoreFixture::add_archive(store::BuildRequest& request, const std::string& pkgname,
                               const std::string& bytes) {
    const HostPath path = dir_ / (pkgname + "-" + std::to_string(archives_.size()) + ".tgz");
    write_bytes(path, bytes);
    archives_.push_back(base::open_file(path, O_RDONLY));
    store::BuildPackage package;
    package.pkgname = pkgname;
    package.archive = archives_.back().get();
    package.sha256 = base::sha256(bytes);
    package.archive_name = pkgname + ".tgz";
    request.packages.push_back(std::move(package));
}

store::BuiltImage StoreFixture::build(const store::BuildRequest& request) {
    store::BuildHooks hooks;
    hooks.scripts = real_scripts ? real_scripts : scripts.factory();
    hooks.equal_file = equal_file;
    hooks.unpacked_before = unpacked_before;
    return store::build_image(layout, request, hooks);
}

store::BuiltImage StoreFixture::build(const std::vector<PackageSpec>& specs) {
    return build(request_of(specs));
}

store::BuiltImage StoreFixture::build_raw(const std::string& pkgname, const std::vector<TarMember>& members) {
    store::BuildRequest request = defaults;
    add_archive(request, pkgname, tar_bytes(members));
    return build(request);
}

std::string StoreFixture::outcome(const std::function<void()>& work) const {
    try {
        work();
        return "built";
    } catch (const base::Error& error) {
        return kind_name(error.kind()) + ": " + error.what();
    }
}

base::Tree StoreFixture::image(const store::BuiltImage& built) const {
    return base::Tree::open(layout.image(built.id));
}

std::string StoreFixture::left_in(const HostPath& directory) const {
    std::string text;
    for (const std::string& name : base::Tree::open(directory).list(RootPath()))
        text += name + "\n";
    return text;
}

bool StoreFixture::is_clean() const {
    return left_in(layout.images()).empty() && left_in(layout.jails()).empty() && canary_is_intact() &&
           scripts.open_jails == 0;
}

std::string StoreFixture::canary_state() const {
    return state_of_tree(canary());
}

std::string state_of_tree(const HostPath& top) {
    std::map<std::string, std::string> lines;
    const auto add = [&](const HostPath& path) {
        struct stat s {};
        REQUIRE(::lstat(path.c_str(), &s) == 0);
        lines[path.string()] =
            fmt::format("{:o} {}:{} inode {} links {} size {} at {}.{} {}", s.st_mode, s.st_uid, s.st_gid,
                        s.st_ino, s.st_nlink, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec,
                        S_ISREG(s.st_mode) ? base::read_file(path) : "");
    };
    add(top);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top))
        add(entry.path());
    std::string text;
    for (const auto& [path, line] : lines)
        text += path + " " + line + "\n";
    return text;
}

std::string show(const jail::Manifest& manifest) {
    return show(manifest, "/");
}

std::string show(const jail::Manifest& manifest, const std::string& top) {
    std::string text;
    for (const jail::ManifestEntry& entry : manifest.entries) {
        if (!entry.path.is_within(RootPath::parse(top)))
            continue;
        text += fmt::format("{} {:04o} {} {} {}", static_cast<char>(entry.type), entry.mode, entry.size,
                            entry.package.empty() ? "-" : entry.package, entry.path.str());
        if (!entry.link_target.empty())
            text += " -> " + entry.link_target;
        text += "\n";
    }
    return text;
}

PackageSpec small_package(const std::string& pkgname) {
    PackageSpec spec;
    spec.pkgname = pkgname;
    const std::string pkgbase = pkgname.substr(0, pkgname.rfind('-'));
    spec.files.push_back({"bin/" + pkgbase, "program " + pkgbase + "\n", 0755});
    return spec;
}

} // namespace pkgjail::test
