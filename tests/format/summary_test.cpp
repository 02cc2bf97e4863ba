#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/summary.hpp"

#include <filesystem>
#include <stdexcept>

#include <fcntl.h>
#include <fmt/format.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "reading.hpp"
#include "support/catch.hpp"
#include "support/package_writer.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;
using format::SummaryRecord;
using test::Compression;

namespace {

std::vector<SummaryRecord> records_of(const std::string& bytes, std::uint64_t max_bytes = 1u << 30) {
    std::vector<SummaryRecord> records;
    format::read_summary(
        test::file_of(bytes), "index", [&](SummaryRecord&& record) { records.push_back(std::move(record)); },
        max_bytes);
    return records;
}

std::string refusal(const std::string& bytes, std::uint64_t max_bytes = 1u << 30) {
    try {
        records_of(bytes, max_bytes);
    } catch (const base::Error& error) {
        return error.kind() == base::ErrorKind::corrupt ? error.what()
                                                        : std::string("wrong kind: ") + error.what();
    }
    return "read";
}

std::string show(const SummaryRecord& record) {
    return fmt::format("{} depends [{}] conflicts [{}] supersedes [{}] provides [{}] requires [{}]\n"
                       "{} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {}\n"
                       "{} {} {}:{}\n{}\n",
                       record.pkgname, fmt::join(record.depends, " "), fmt::join(record.conflicts, " "),
                       fmt::join(record.supersedes, " "), fmt::join(record.provides, " "),
                       fmt::join(record.requires_, " "), record.comment, record.size_pkg, record.build_date,
                       record.categories, record.homepage, record.license, record.machine_arch, record.opsys,
                       record.os_version, record.pkgpath, record.pkgtools_version, record.pkg_options,
                       record.prev_pkgpath, record.file_name,
                       record.file_size ? std::to_string(*record.file_size) : "-", record.cksum_algorithm,
                       record.cksum, record.description);
}

const std::string one = "PKGNAME=app-1.0\n"
                        "DEPENDS=libb>=1.0\n"
                        "DEPENDS=liba>=1.0<2\n"
                        "CONFLICTS=oldapp-[0-9]*\n"
                        "COMMENT=A comment = with sign\n"
                        "SIZE_PKG=12345\n"
                        "BUILD_DATE=2026-11-21 22:00:00 +0000\n"
                        "CATEGORIES=misc www\n"
                        "HOMEPAGE=http://example.org/?a=b\n"
                        "LICENSE=modified-bsd\n"
                        "MACHINE_ARCH=x86_64\n"
                        "OPSYS=Linux\n"
                        "OS_VERSION=6.1.0\n"
                        "PKGPATH=misc/app\n"
                        "PKGTOOLS_VERSION=20091115\n"
                        "PKG_OPTIONS=inet6 ssl\n"
                        "PREV_PKGPATH=www/app\n"
                        "PROVIDES=/usr/pkg/lib/libapp.so.1\n"
                        "REQUIRES=/usr/pkg/lib/libz.so.1\n"
                        "REQUIRES=/lib/libc.so.6\n"
                        "SUPERSEDES=oldapp-[0-9]* olderapp<2\n"
                        "SUPERSEDES=oldest-[0-9]*\n"
                        "FUTURE_VARIABLE=whatever\n"
                        "FILE_NAME=app-1.0.tgz\n"
                        "FILE_SIZE=666\n"
                        "FILE_CKSUM=SHA1 A4801E9B\n"
                        "DESCRIPTION=Long descr\n"
                        "DESCRIPTION=\n"
                        "DESCRIPTION=PKGNAME=evil-1.0\n"
                        "\n";

const std::string small = "PKGNAME=a-1\n\n";

} // namespace

TEST_CASE("a record gives every variable", "[format][summary]") {
    const std::vector<SummaryRecord> records = records_of(one);

    REQUIRE(records.size() == 1);
    CHECK(show(records[0]) ==
          "app-1.0 depends [libb>=1.0 liba>=1.0<2] conflicts [oldapp-[0-9]*] supersedes [oldapp-[0-9]* "
          "olderapp<2 oldest-[0-9]*] "
          "provides [/usr/pkg/lib/libapp.so.1] requires [/usr/pkg/lib/libz.so.1 /lib/libc.so.6]\n"
          "A comment = with sign | 12345 | 2026-11-21 22:00:00 +0000 | misc www | http://example.org/?a=b | "
          "modified-bsd | x86_64 | "
          "Linux | 6.1.0 | misc/app | 20091115 | inet6 ssl | www/app\n"
          "app-1.0.tgz 666 sha1:a4801e9b\n"
          "Long descr\n\nPKGNAME=evil-1.0\n");
}

TEST_CASE("what a record does not say has its default", "[format][summary]") {
    const std::vector<SummaryRecord> records =
        records_of("PKGNAME=a-1\nLICENSE=\nFILE_SIZE=\nDEPENDS=\nDESCRIPTION=\n\n\n\nPKGNAME=b-2\n\n");

    REQUIRE(records.size() == 2);
    CHECK(records[0].license.empty());
    CHECK(records[0].depends.empty());
    CHECK(records[0].file_size == std::nullopt);
    CHECK(records[0].file_name == "a-1.tgz");
    CHECK(records[0].cksum_algorithm.empty());
    CHECK(records[1].pkgname == "b-2");
}

TEST_CASE("nothing of a record stays for the next one", "[format][summary]") {
    const std::vector<SummaryRecord> records = records_of(one + small);

    REQUIRE(records.size() == 2);
    CHECK(show(records[1]) == show(records_of(small)[0]));
}

TEST_CASE("an index is read whatever its compression", "[format][summary]") {
    for (const Compression compression :
         {Compression::none, Compression::gzip, Compression::bzip2, Compression::xz, Compression::zstd}) {
        INFO(static_cast<int>(compression));
        const std::vector<SummaryRecord> records = records_of(test::compress(one + small, compression));
        REQUIRE(records.size() == 2);
        CHECK(show(records[0]) == show(records_of(one)[0]));
    }
}

TEST_CASE("a line may lie across two pieces of input", "[format][summary]") {
    std::string index;
    std::string description(100'000, 'd');
    for (int i = 0; i < 20; ++i)
        index += fmt::format("PKGNAME=p{}-1\nDESCRIPTION={}{}\n\n", i, description, i);

    const std::vector<SummaryRecord> records = records_of(index);

    REQUIRE(records.size() == 20);
    for (int i = 0; i < 20; ++i)
        CHECK(records[static_cast<std::size_t>(i)].description == description + std::to_string(i));
}

TEST_CASE("an empty index has no records", "[format][summary]") {
    CHECK(records_of("").empty());
    CHECK(records_of("\n\n").empty());
    CHECK(records_of(test::compress("", Compression::gzip)).empty());
}

TEST_CASE("bytes that are no UTF-8 stay as they are", "[format][summary]") {
    CHECK(records_of("PKGNAME=a-1\nCOMMENT=caf\xe9 \x1b[31m\n\n")[0].comment == "caf\xe9 \x1b[31m");
}

TEST_CASE("a name without version gets one", "[format][summary]") {
    CHECK(records_of("PKGNAME=odd\n\n")[0].pkgname == "odd-0.0");
}

TEST_CASE("of several check sums the strongest counts", "[format][summary]") {
    const SummaryRecord record =
        records_of("PKGNAME=a-1\nFILE_CKSUM=sha1 aa\nFILE_CKSUM=SHA512 bb\nFILE_CKSUM=sha256 cc\n\n")[0];

    CHECK(record.cksum_algorithm == "sha512");
    CHECK(record.cksum == "bb");
}

TEST_CASE("a record of the wrong form is refused with its line", "[format][summary][hostile]") {
    CHECK(refusal(small + "nonsense\n\n") == "index line 3: not of the form VARIABLE=value");
    CHECK(refusal("=x\n\n") == "index line 1: not of the form VARIABLE=value");
    CHECK(refusal("COMMENT=x\n\n") == "index line 2: a record without PKGNAME ends here");
    CHECK(refusal("PKGNAME=a-1\nPKGNAME=b-1\n\n") ==
          "index line 2: a second PKGNAME, b-1, in the record of a-1");
    for (const char* line : {"PKGNAME=../x-1", "PKGNAME=a/b-1", "PKGNAME=-1", "PKGNAME=a b-1", "PKGNAME=x-",
                             "PKGNAME=-rf-1", "PKGNAME=a\x1b-1"}) {
        INFO(line);
        CHECK_THAT(refusal(std::string(line) + "\n\n"), ContainsSubstring("index line 1: "));
    }
    for (const char* line :
         {"FILE_NAME=../x.tgz", "FILE_NAME=/x.tgz", "FILE_NAME=..", "FILE_NAME=.x", "FILE_NAME=a\x01.tgz"}) {
        INFO(line);
        CHECK_THAT(refusal(small.substr(0, 12) + line + "\n\n"), ContainsSubstring("is no file name"));
    }
    for (const char* line :
         {"SIZE_PKG=many", "FILE_SIZE=-1", "FILE_SIZE=0x10", "FILE_SIZE=99999999999999999999999",
          "SIZE_PKG=1 ", "FILE_CKSUM=sha512", "FILE_CKSUM=sha512 xyz", "FILE_CKSUM=sha512  aa"}) {
        INFO(line);
        CHECK_THAT(refusal(small.substr(0, 12) + line + "\n\n"), ContainsSubstring("index line 2: "));
    }
}

TEST_CASE("an index that ends within a record is refused", "[format][summary][hostile]") {
    for (const std::string& text : {one, std::string("PKGNAME=a-1\nDESCRIPTION=x\n\n")})
        for (std::size_t length = 1; length < text.size(); ++length) {
            INFO(length);
            REQUIRE_THAT(refusal(text.substr(0, length)), ContainsSubstring("index line "));
        }
}

TEST_CASE("a compressed index cut anywhere is refused", "[format][summary][hostile]") {
    const format::ReadingHere thousands_of_readings;
    for (const Compression compression :
         {Compression::gzip, Compression::bzip2, Compression::xz, Compression::zstd}) {
        const std::string bytes = test::compress(one + small, compression);
        for (std::size_t length = 1; length < bytes.size(); ++length) {
            INFO(static_cast<int>(compression) << " cut at " << length << " of " << bytes.size());
            REQUIRE(refusal(bytes.substr(0, length)) != "read");
        }
    }
}

TEST_CASE("a record or an index beyond measure is refused", "[format][summary][hostile]") {
    const std::string line = "DESCRIPTION=" + std::string(1000, 'd') + "\n";
    std::string record = "PKGNAME=a-1\n";
    while (record.size() <= (4u << 20))
        record += line;

    CHECK_THAT(refusal(record + "\n"), ContainsSubstring("a record of more than 4194304 bytes"));
    CHECK_THAT(refusal("PKGNAME=a-1\nCOMMENT=" + std::string(5u << 20, 'c') + "\n\n"),
               ContainsSubstring("a record of more than 4194304 bytes"));
    CHECK_THAT(refusal(test::compress(std::string(6u << 20, 'x'), Compression::gzip)),
               ContainsSubstring("a record of more than 4194304 bytes"));
    CHECK(refusal(test::compress(std::string(6u << 20, '\n'), Compression::gzip), 1u << 20) ==
          "index: unpacks to more than the 1048576 bytes that are allowed");
}

TEST_CASE("what the taker throws passes through", "[format][summary]") {
    const test::TempDir dir;
    test::write_bytes(dir / "index", small);

    CHECK_THROWS_AS(format::read_summary(base::open_file(dir / "index", O_RDONLY), "index",
                                         [](SummaryRecord&&) { throw std::runtime_error("enough"); }),
                    std::runtime_error);
}

TEST_CASE("the index of a repository made for tests is read", "[format][summary]") {
    const test::TempDir dir;
    test::PackageSpec spec;
    spec.pkgname = "app-1.0";
    spec.files = {{"bin/app", "app\n", 0755}};
    spec.depends = {"lib>=1"};
    spec.build_info = {{"REQUIRES", "/usr/pkg/lib/libx.so.1"}, {"LICENSE", "mit"}, {"CATEGORIES", ""}};
    test::make_repository(dir / "All", {spec});

    std::vector<SummaryRecord> records;
    format::read_summary(base::open_file(dir.path() / "All/pkg_summary.gz", O_RDONLY), "pkg_summary.gz",
                         [&](SummaryRecord&& record) { records.push_back(std::move(record)); });

    REQUIRE(records.size() == 1);
    CHECK(records[0].pkgname == "app-1.0");
    CHECK(records[0].depends == std::vector<std::string>{"lib>=1"});
    CHECK(records[0].license == "mit");
    CHECK(records[0].categories.empty());
    CHECK(records[0].file_size == std::filesystem::file_size(dir.path() / "All/app-1.0.tgz"));
    CHECK(records[0].cksum_algorithm == "sha512");
    CHECK(records[0].cksum.size() == 128);
}
