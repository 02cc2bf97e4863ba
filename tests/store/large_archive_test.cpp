// Archives that are large enough for a thread of their own to write what is in them: what goes wrong in the
// middle is told as with small ones, and nothing is left.
#include "support/catch.hpp"

#include <csignal>
#include <cstdint>
#include <sys/resource.h>

#include "pkgjail/base/digest.hpp"
#include "support/store_fixture.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

constexpr int files = 60;

std::string md5(std::string_view text) {
    return base::digest_of(base::DigestAlgorithm::md5, text);
}

std::string name_of(int file) {
    return "share/large/" + std::to_string(file % 7) + "/file" + std::to_string(file);
}

/// From nothing to more than one batch.
std::string content_of(int file) {
    std::string text;
    const std::size_t size = file % 20 == 13 ? 700'000 : static_cast<std::size_t>(file) * 331;
    for (std::uint64_t i = static_cast<unsigned>(file); text.size() < size; ++i)
        text += std::to_string(i * i) + ' ';
    return text;
}

/// 2.9 MB. `content`: of the file in the middle, which is promised as it should be.
std::vector<TarMember> large(const std::string& content = content_of(files / 2)) {
    PackageSpec spec;
    spec.pkgname = "large-1.0";
    std::vector<TarMember> members = package_members(spec);
    std::string list = "@name large-1.0\n@cwd /usr/pkg\n";
    for (int i = 0; i < files; ++i) {
        TarMember file;
        file.name = name_of(i);
        file.content = i == files / 2 ? content : content_of(i);
        list += file.name + "\n@comment MD5:" + md5(content_of(i)) + "\n";
        members.push_back(file);
    }
    TarMember second;
    second.name = "share/large/second";
    second.type = '1';
    second.link_target = name_of(files - 1);
    list += second.name + "\n@comment MD5:" + md5(content_of(files - 1)) + "\n";
    members.push_back(second);
    members[0].content = list;
    return members;
}

const std::string not_promised = "trust: unpack large-1.0: large-1.0.tgz: member " + name_of(files / 2) +
                                 " does not match the packing list: its MD5 is " + md5("evil") + ", and " +
                                 md5(content_of(files / 2)) + " is promised";

/// No file may grow beyond this meanwhile, as on a disk that is full.
class FileSizeLimit {
  public:
    explicit FileSizeLimit(rlim_t bytes) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        struct rlimit limit = before_;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
        old_ = ::signal(SIGXFSZ, SIG_IGN);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        ::signal(SIGXFSZ, old_);
    }

  private:
    struct rlimit before_ {};
    void (*old_)(int) = SIG_DFL;
};

} // namespace

TEST_CASE("a large package is unpacked as it is", "[store][unpack]") {
    StoreFixture at_work;
    const store::BuiltImage built = at_work.build_raw("large-1.0", large());

    const base::Tree image = at_work.image(built);
    std::map<std::string, std::string> digests;
    for (const jail::ManifestEntry& entry : built.manifest.entries)
        digests[entry.path.str()] = entry.sha256;
    int wrong = 0;
    for (int i = 0; i < files; ++i) {
        const std::string path = "/tree/" + name_of(i);
        wrong += image.read(base::RootPath::parse(path)) != content_of(i) ? 1 : 0;
        wrong += digests[path] != base::sha256(content_of(i)) ? 1 : 0;
    }
    CHECK(wrong == 0);
    CHECK(digests["/tree/share/large/second"] == base::sha256(content_of(files - 1)));
}

TEST_CASE("a file in the middle of a large package that is not what was promised is told",
          "[store][unpack]") {
    StoreFixture at_work;

    CHECK(at_work.outcome([&] { at_work.build_raw("large-1.0", large("evil")); }) == not_promised);
    CHECK(at_work.is_clean());
}

TEST_CASE("of several things that are wrong with a large package the first is told", "[store][unpack]") {
    StoreFixture at_work;
    std::vector<TarMember> members = large("evil");
    const bool later = GENERATE(false, true);
    // Right behind it, before anybody has looked at it; or when all of it was read.
    members[later ? members.size() - 1 : members.size() - files / 2].name = "share/large/unlisted";

    CHECK(at_work.outcome([&] { at_work.build_raw("large-1.0", members); }) == not_promised);
    CHECK(at_work.is_clean());
}

TEST_CASE("a large archive that is cut is refused, however much of it was written", "[store][unpack]") {
    StoreFixture at_work;
    const std::string bytes = tar_bytes(large());
    for (const std::size_t size : {bytes.size() / 3, bytes.size() - 100'000, bytes.size() - 600}) {
        store::BuildRequest request = at_work.defaults;
        at_work.add_archive(request, "large-1.0", bytes.substr(0, size));
        const std::string outcome = at_work.outcome([&] { at_work.build(request); });
        CHECK(outcome.find("corrupt: unpack large-1.0: large-1.0.tgz: ") == 0);
        CHECK(at_work.is_clean());
    }
}

TEST_CASE("a disk that fills while a large package is written is told, and nothing is left",
          "[store][unpack]") {
    StoreFixture at_work;
    store::BuildRequest request = at_work.defaults;
    at_work.add_archive(request, "large-1.0", tar_bytes(large()));

    std::string outcome;
    {
        const FileSizeLimit full(500'000);
        outcome = at_work.outcome([&] { at_work.build(request); });
    }
    CHECK(outcome.find("system: unpack large-1.0: ") == 0);
    CHECK(outcome.find(name_of(13)) != std::string::npos);
    CHECK(at_work.is_clean());
    CHECK(at_work.outcome([&] { at_work.build(request); }) == "built");
}
