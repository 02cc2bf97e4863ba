// Packages that are as they should be, in every form that the field has.
#include "pkgjail/format/archive.hpp"

#include <chrono>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/process.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using test::Compression;
using test::PackageSpec;
using test::TarMember;

namespace {

PackageSpec hello() {
    PackageSpec spec;
    spec.pkgname = "hello-1.0";
    spec.files = {{"bin/hello", "#!/bin/sh\necho hello\n", 0755},
                  {"share/doc/hello.txt", "Hello.\n"},
                  {"share/empty", ""}};
    spec.symlinks = {{"bin/hi", "hello"}, {"share/abs", "/usr/pkg/share/doc"}};
    spec.hardlinks = {{"bin/hard", "bin/hello"}};
    spec.depends = {"libfoo>=1.2"};
    spec.install_script = "#!/bin/sh\nexit 0\n";
    return spec;
}

std::string payload_of(std::string_view bytes) {
    const std::string text = test::read_package(bytes);
    return text.substr(text.find("\nfile ") + 1);
}

const char* const hello_payload =
    "file bin/hello 0755 root:root 0:0 21 1760000000.000000000 #!/bin/sh\necho hello\n\n"
    "file share/doc/hello.txt 0644 root:root 0:0 7 1760000000.000000000 Hello.\n\n"
    "file share/empty 0644 root:root 0:0 0 1760000000.000000000 \n"
    "symlink bin/hi 0755 root:root 0:0 0 1760000000.000000000 -> hello \n"
    "symlink share/abs 0755 root:root 0:0 0 1760000000.000000000 -> /usr/pkg/share/doc \n"
    "hard link bin/hard 0644 root:root 0:0 0 1760000000.000000000 -> bin/hello \n";

void run_tool(std::vector<std::string> argv, const std::filesystem::path& directory) {
    const auto program = base::find_program(argv.front());
    REQUIRE(program);
    argv.front() = program->string();
    base::Command command;
    command.argv = std::move(argv);
    command.working_directory = directory.string();
    const base::Output output = base::run(command, std::chrono::minutes(2));
    INFO(output.err);
    REQUIRE(output.exit.success());
}

} // namespace

TEST_CASE("a package is read whatever its compression", "[format][archive]") {
    for (const Compression compression :
         {Compression::none, Compression::gzip, Compression::bzip2, Compression::xz, Compression::zstd}) {
        INFO(static_cast<int>(compression));
        CHECK(payload_of(test::package_bytes(hello(), compression)) == hello_payload);
    }
}

TEST_CASE("headers without pax extensions are read as well", "[format][archive]") {
    std::vector<TarMember> members = test::package_members(hello());
    for (TarMember& member : members)
        member.binary_names = false;

    CHECK(payload_of(test::tar_bytes(members)) == hello_payload);
}

TEST_CASE("metadata is there before the files, verbatim and understood", "[format][archive]") {
    const test::TempDir dir;
    test::write_package(dir / "hello-1.0.tgz", hello());

    const format::PackageMetadata metadata =
        format::read_package_metadata(base::open_file(dir / "hello-1.0.tgz", O_RDONLY), "hello-1.0.tgz");

    CHECK(metadata.plist.pkgname == "hello-1.0");
    CHECK(metadata.plist.prefix == "/usr/pkg");
    CHECK(metadata.plist.depends == std::vector<std::string>{"libfoo>=1.2"});
    CHECK(metadata.plist.files.size() == 6);
    CHECK(metadata.comment == "A package for tests");
    CHECK(metadata.size_pkg == 21 + 7 + 5 + 18);
    CHECK(metadata.build_info.get("PKGTOOLS_VERSION") == "20091115");
    REQUIRE(metadata.member("+INSTALL") != nullptr);
    CHECK(*metadata.member("+INSTALL") == "#!/bin/sh\nexit 0\n");
    CHECK(metadata.member("+CONTENTS")->substr(0, 16) == "@name hello-1.0\n");
    CHECK(metadata.member("+DEINSTALL") == nullptr);
    CHECK_FALSE(metadata.signature);
}

TEST_CASE("a package of metadata alone is read", "[format][archive]") {
    PackageSpec spec;
    spec.pkgname = "meta-1.0";

    CHECK(test::read_package(test::package_bytes(spec)).substr(0, 9) == "meta-1.0 ");
}

TEST_CASE("reading begins at the descriptor's present position", "[format][archive]") {
    const test::TempDir dir;
    test::write_bytes(dir / "x", "prefix" + test::package_bytes(hello()));
    const base::Fd fd = base::open_file(dir / "x", O_RDONLY);
    REQUIRE(::lseek(fd.get(), 6, SEEK_SET) == 6);

    CHECK(format::read_package_metadata(fd, "x").plist.pkgname == "hello-1.0");
}

TEST_CASE("content is the same however it is asked for", "[format][archive]") {
    PackageSpec spec = hello();
    std::string big;
    for (int i = 0; big.size() < 300'000; ++i)
        big += std::to_string(i) + " ";
    spec.files.push_back({"share/big", big});
    const std::string bytes = test::package_bytes(spec);

    const std::string whole = test::read_package(bytes, {}, 1 << 20);

    CHECK(whole.find(big) != std::string::npos);
    CHECK(test::read_package(bytes, {}, 4096) == whole);
    CHECK(test::read_package(bytes, {}, 513) == whole);
    CHECK(test::refusal_of(bytes, {}, 0) == "read");
}

TEST_CASE("names are bytes and may be long", "[format][archive]") {
    PackageSpec spec;
    spec.pkgname = "names-1.0";
    const std::string component(200, 'n');
    spec.files = {{"share/caf\xc3\xa9", "1"},
                  {"share/\xff\xfe", "2"},
                  {"share/" + component + "/" + component + "/x", "3"},
                  {"  lead/ing", "4"},
                  {"with blank/-rf", "5"}};
    spec.symlinks = {{"share/link", component + "/" + component}, {"share/raw", "\xff\n"}};
    spec.symlinks[1].target = "\xff/x";

    const std::string text = test::read_package(test::package_bytes(spec));

    for (const test::PackageFile& file : spec.files) {
        INFO(file.path);
        CHECK(text.find("\nfile " + file.path + " ") != std::string::npos);
    }
    CHECK(text.find(" -> " + component + "/" + component) != std::string::npos);
    CHECK(text.find(" -> \xff/x") != std::string::npos);
}

TEST_CASE("modes with set-id bits, owners and times come as they are stored", "[format][archive]") {
    PackageSpec spec;
    spec.pkgname = "modes-1.0";
    spec.files = {{"bin/su", "x", 04755, "root", "wheel"}, {"bin/game", "y", 02555, "games", "games"}};
    std::vector<TarMember> members = test::package_members(spec);
    members.back().uid = 3'000'000;
    members.back().gid = 7;
    members.back().pax = {{"mtime", "1700000000.25"}};

    CHECK(payload_of(test::tar_bytes(members)) ==
          "file bin/su 4755 root:wheel 0:0 1 1760000000.000000000 x\n"
          "file bin/game 2555 games:games 3000000:7 1 1700000000.250000000 y\n");
}

TEST_CASE("extended attributes, access lists and file flags are noticed", "[format][archive][hostile]") {
    PackageSpec spec;
    spec.pkgname = "xattr-1.0";
    spec.files = {{"bin/x", "x"}};
    for (const auto& [keyword, value] : std::vector<std::pair<std::string, std::string>>{
             {"LIBARCHIVE.xattr.security.capability", "AQAAAgAgAAAAAAAAAAAAAAAAAAA="},
             {"SCHILY.xattr.security.capability", std::string("\x01\0\0\x02", 4)},
             {"SCHILY.acl.access", "user::rwx,user:daemon:rw-,group::r-x,mask::rwx,other::r-x"},
             {"SCHILY.fflags", "schg"}}) {
        std::vector<TarMember> members = test::package_members(spec);
        members.back().pax = {{keyword, value}};
        INFO(keyword);
        CHECK(payload_of(test::tar_bytes(members)).find(" with attributes") != std::string::npos);
    }
    CHECK(payload_of(test::package_bytes(spec)).find(" with attributes") == std::string::npos);
}

TEST_CASE("a package made with GNU tar is read", "[format][archive]") {
    const test::TempDir dir;
    const std::filesystem::path root = dir / "root";
    std::filesystem::create_directories(root / "bin");
    test::write_bytes(root / "bin/tool", "tool\n");
    std::filesystem::create_symlink("tool", root / "bin/t");
    const std::string md5 = base::digest_of(base::DigestAlgorithm::md5, "tool\n");
    test::write_bytes(root / "+CONTENTS", "@name tool-2.0nb1\n@cwd /usr/pkg\nbin/tool\n@comment MD5:" + md5 +
                                              "\nbin/t\n@comment Symlink:tool\n");
    test::write_bytes(root / "+COMMENT", "A tool\n");
    test::write_bytes(root / "+DESC", "A tool.\n");
    test::write_bytes(root / "+BUILD_INFO", "OPSYS=Linux\nOS_VERSION=1\nMACHINE_ARCH=x86_64\n");

    for (const char* format : {"gnu", "ustar", "posix"}) {
        run_tool({"tar", "-c", std::string("--format=") + format, "-f", (dir / "p.tar").string(), "+CONTENTS",
                  "+COMMENT", "+DESC", "+BUILD_INFO", "bin/tool", "bin/t"},
                 root);
        const std::string payload = payload_of(test::read_bytes(dir / "p.tar"));
        INFO(format);
        CHECK(payload.substr(0, 14) == "file bin/tool ");
        CHECK(payload.find("tool\n\nsymlink bin/t ") != std::string::npos);
        CHECK(payload.find(" -> tool ") != std::string::npos);
    }
}

TEST_CASE("GNU tar takes what the tests' own writer makes", "[format][archive]") {
    PackageSpec spec = hello();
    const std::string component(120, 'n');
    spec.files.push_back({"share/" + component + "/x", "deep\n"});
    const test::TempDir dir;
    test::write_package(dir / "p.tgz", spec);
    std::filesystem::create_directory(dir / "out");

    run_tool({"tar", "-x", "-f", (dir / "p.tgz").string(), "--no-same-owner"}, dir / "out");

    CHECK(test::read_bytes(dir / ("out/share/" + component + "/x")) == "deep\n");
    CHECK(test::read_bytes(dir / "out/bin/hard") == "#!/bin/sh\necho hello\n");
    CHECK(std::filesystem::hard_link_count(dir / "out/bin/hello") == 2);
    CHECK(std::filesystem::read_symlink(dir / "out/bin/hi") == "hello");
    CHECK(test::read_bytes(dir / "out/+CONTENTS") == test::packing_list(spec));
}
