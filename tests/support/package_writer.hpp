// Binary packages and repositories for tests, written byte by byte without any of pkgjail's format code, so
// that writer and reader cannot share a mistake.
//
// Two floors: PackageSpec and write_package() give well-formed packages; TarMember and tar_bytes() give
// anything that a tar header can express, also what no honest program writes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pkgjail::test {

/// One tar header with its body, as it will stand in the archive.
struct TarMember {
    std::string name;
    std::string content;
    char type =
        '0'; ///< '0' file, '1' hard link, '2' symbolic link, '3' '4' devices, '5' directory, '6' FIFO, 'x' …
    unsigned mode = 0644;
    std::uint64_t uid = 0;
    std::uint64_t gid = 0;
    std::string user = "root";
    std::string group = "root";
    std::string link_target;
    std::int64_t modified = 1'760'000'000;     ///< seconds since 1970
    std::optional<std::uint64_t> claimed_size; ///< what the header says; unset: content.size()
    std::vector<std::pair<std::string, std::string>>
        pax; ///< keyword and value of an extended header in front, verbatim
    /// As the stock tool does: an extended header with hdrcharset=BINARY in front, also when `pax` is empty.
    bool binary_names = true;
};

/// Headers and bodies of one member. Names or link targets of more than 100 bytes go into the extended
/// header.
std::string tar_bytes(const TarMember& member);
/// All of them and the end-of-archive marker, two blocks of zeros.
std::string tar_bytes(const std::vector<TarMember>& members);

enum class Compression { none, gzip, bzip2, xz, zstd };

/// Compressed by the host's own program; "none" gives the bytes back.
std::string compress(std::string_view bytes, Compression compression);
void write_bytes(const std::filesystem::path& path, std::string_view bytes);
std::string read_bytes(const std::filesystem::path& path);

struct PackageFile {
    std::string path; ///< relative to the prefix
    std::string content;
    unsigned mode = 0644;
    std::string user = "root";
    std::string group = "root";
};
struct PackageLink {
    std::string path;
    std::string target; ///< symbolic link: verbatim; hard link: an earlier file, relative to the prefix
};

/// A package in words. Everything has a sensible default but the name.
struct PackageSpec {
    std::string pkgname; ///< "nginx-1.26.1"
    std::string prefix = "/usr/pkg";
    std::vector<PackageFile> files;
    std::vector<PackageLink> symlinks;  ///< listed after the files
    std::vector<PackageLink> hardlinks; ///< listed last
    std::vector<std::string> depends;
    std::vector<std::string> conflicts;
    std::vector<std::string> directories; ///< @pkgdir
    std::vector<std::string> exec;        ///< @exec, after the files
    /// Added to, or instead of, the built-in ones: OPSYS, OS_VERSION, MACHINE_ARCH (this host's),
    /// PKGTOOLS_VERSION, BUILD_DATE, CATEGORIES, PKGPATH. An empty value leaves a built-in one out.
    std::vector<std::pair<std::string, std::string>> build_info;
    std::string install_script;   ///< +INSTALL; empty: none
    std::string deinstall_script; ///< +DEINSTALL
    std::string comment = "A package for tests";
    std::string desc = "A package for tests.\n";
    std::string display; ///< +DISPLAY
};

/// +CONTENTS as pkg_create writes it.
std::string packing_list(const PackageSpec& spec);
/// Metadata members and payload in the order in which they stand in the archive; tests of hostile packages
/// change them.
std::vector<TarMember> package_members(const PackageSpec& spec);
std::string package_bytes(const PackageSpec& spec, Compression compression = Compression::gzip);
void write_package(const std::filesystem::path& path, const PackageSpec& spec,
                   Compression compression = Compression::gzip);

/// One record of pkg_summary, with FILE_NAME, FILE_SIZE and FILE_CKSUM (sha512) of the archive's bytes, and
/// the empty line after it.
std::string summary_record(const PackageSpec& spec, std::string_view archive_bytes);

/// Writes DIR/<pkgname>.tgz for every package and DIR/pkg_summary.gz, making DIR when it is missing: what a
/// repository's "All" directory looks like. Called again it replaces the index and adds or replaces archives.
void make_repository(const std::filesystem::path& dir, const std::vector<PackageSpec>& specs);
/// Only the index, for archives that make_repository or write_package have put in DIR before.
void write_summary(const std::filesystem::path& dir, const std::vector<PackageSpec>& specs);

} // namespace pkgjail::test
