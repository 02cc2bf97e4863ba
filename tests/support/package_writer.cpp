#include "support/package_writer.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/host.hpp"
#include "pkgjail/base/process.hpp"
#include "support/temp_dir.hpp"

namespace pkgjail::test {
namespace {

constexpr std::size_t block_size = 512;

void pad(std::string& bytes) {
    bytes.append((block_size - bytes.size() % block_size) % block_size, '\0');
}

// A number in a header field of `width` bytes: octal, or base 256 (first bit set) when octal has no room.
std::string number_field(std::uint64_t value, std::size_t width) {
    if (width >= 22 || value < (1ull << (3 * (width - 1))))
        return fmt::format("{:0{}o}", value, width - 1) + '\0';
    std::string field(width, '\0');
    for (std::size_t i = width; i-- > 0 && value != 0; value >>= 8)
        field[i] = static_cast<char>(value & 0xff);
    field[0] = static_cast<char>(field[0] | '\x80');
    return field;
}

void put(std::string& header, std::size_t offset, std::size_t width, std::string_view text) {
    header.replace(offset, std::min(width, text.size()), text.substr(0, width));
}

std::string header_block(const TarMember& member) {
    std::string header(block_size, '\0');
    put(header, 0, 100, member.name);
    put(header, 100, 8, number_field(member.mode, 8));
    put(header, 108, 8, number_field(member.uid, 8));
    put(header, 116, 8, number_field(member.gid, 8));
    put(header, 124, 12, number_field(member.claimed_size.value_or(member.content.size()), 12));
    put(header, 136, 12, number_field(static_cast<std::uint64_t>(member.modified), 12));
    put(header, 148, 8, "        ");
    header[156] = member.type;
    put(header, 157, 100, member.link_target);
    put(header, 257, 8, std::string_view("ustar\00000", 8));
    put(header, 265, 32, member.user);
    put(header, 297, 32, member.group);
    put(header, 329, 8, number_field(0, 8));
    put(header, 337, 8, number_field(0, 8));
    unsigned sum = 0;
    for (const char byte : header)
        sum += static_cast<unsigned char>(byte);
    put(header, 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return header;
}

// "LENGTH KEYWORD=VALUE\n", where LENGTH counts itself.
std::string pax_record(std::string_view keyword, std::string_view value) {
    const std::size_t rest = keyword.size() + value.size() + 3;
    std::size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length)
        ++length;
    std::string record = std::to_string(length) + " ";
    record.append(keyword).append("=").append(value).append("\n");
    return record;
}

struct Program {
    const char* name;
    std::vector<std::string> options;
    const char* suffix;
};

Program program_for(Compression compression) {
    switch (compression) {
    case Compression::bzip2:
        return {"bzip2", {"-q"}, ".bz2"};
    case Compression::xz:
        return {"xz", {"-q", "-1"}, ".xz"};
    case Compression::zstd:
        return {"zstd", {"-q", "--rm"}, ".zst"};
    case Compression::none:
    case Compression::gzip:
        break;
    }
    return {"gzip", {"-n", "-q"}, ".gz"};
}

std::vector<std::pair<std::string, std::string>> build_variables(const PackageSpec& spec) {
    std::map<std::string, std::string> defaults = {
        {"OPSYS", base::host_opsys()},
        {"OS_VERSION", base::host_os_version()},
        {"MACHINE_ARCH", base::host_machine_arch()},
        {"PKGTOOLS_VERSION", "20091115"},
        {"BUILD_DATE", "2026-01-01 00:00:00 +0000"},
        {"CATEGORIES", "test"},
        {"PKGPATH", "test/" + spec.pkgname.substr(0, spec.pkgname.rfind('-'))},
    };
    std::vector<std::pair<std::string, std::string>> variables;
    for (const auto& [key, value] : spec.build_info) {
        defaults.erase(key);
        if (!value.empty())
            variables.emplace_back(key, value);
    }
    variables.insert(variables.end(), defaults.begin(), defaults.end());
    std::stable_sort(variables.begin(), variables.end());
    return variables;
}

std::uint64_t installed_size(const PackageSpec& spec) {
    std::uint64_t total = 0;
    for (const PackageFile& file : spec.files)
        total += file.content.size();
    for (const PackageLink& link : spec.symlinks)
        total += link.target.size();
    return total;
}

std::string md5_of(const PackageSpec& spec, std::string_view path) {
    for (const PackageFile& file : spec.files)
        if (file.path == path)
            return base::digest_of(base::DigestAlgorithm::md5, file.content);
    for (const PackageLink& link : spec.hardlinks)
        if (link.path == path && link.target != path)
            return md5_of(spec, link.target);
    return {};
}

std::vector<std::pair<std::string, std::string>> metadata(const PackageSpec& spec) {
    std::string build_info;
    for (const auto& [key, value] : build_variables(spec))
        build_info += key + "=" + value + "\n";
    std::vector<std::pair<std::string, std::string>> members = {
        {"+CONTENTS", packing_list(spec)}, {"+COMMENT", spec.comment + "\n"}, {"+DESC", spec.desc}};
    if (!spec.install_script.empty())
        members.emplace_back("+INSTALL", spec.install_script);
    if (!spec.deinstall_script.empty())
        members.emplace_back("+DEINSTALL", spec.deinstall_script);
    if (!spec.display.empty())
        members.emplace_back("+DISPLAY", spec.display);
    members.emplace_back("+BUILD_INFO", build_info);
    members.emplace_back("+SIZE_PKG", std::to_string(installed_size(spec)) + "\n");
    members.emplace_back("+SIZE_ALL", std::to_string(installed_size(spec)) + "\n");
    return members;
}

std::vector<std::string> metadata_names(const PackageSpec& spec) {
    std::vector<std::string> names = {"+COMMENT", "+DESC"};
    if (!spec.install_script.empty())
        names.emplace_back("+INSTALL");
    if (!spec.deinstall_script.empty())
        names.emplace_back("+DEINSTALL");
    if (!spec.display.empty())
        names.emplace_back("+DISPLAY");
    for (const char* name : {"+BUILD_INFO", "+SIZE_PKG", "+SIZE_ALL"})
        names.emplace_back(name);
    return names;
}

} // namespace

std::string tar_bytes(const TarMember& member) {
    std::string bytes;
    std::vector<std::pair<std::string, std::string>> records = member.pax;
    if (member.name.size() > 100)
        records.emplace_back("path", member.name);
    if (member.link_target.size() > 100)
        records.emplace_back("linkpath", member.link_target);
    if (member.binary_names)
        records.insert(records.begin(), {"hdrcharset", "BINARY"});
    if (!records.empty()) {
        TarMember extended;
        extended.name = "PaxHeader/" + member.name.substr(0, 80);
        extended.type = 'x';
        for (const auto& [keyword, value] : records)
            extended.content += pax_record(keyword, value);
        bytes += header_block(extended) + extended.content;
        pad(bytes);
    }
    bytes += header_block(member) + member.content;
    pad(bytes);
    return bytes;
}

std::string tar_bytes(const std::vector<TarMember>& members) {
    std::string bytes;
    for (const TarMember& member : members)
        bytes += tar_bytes(member);
    bytes.append(2 * block_size, '\0');
    return bytes;
}

std::string compress(std::string_view bytes, Compression compression) {
    if (compression == Compression::none)
        return std::string(bytes);
    const Program program = program_for(compression);
    const auto found = base::find_program(program.name);
    if (!found)
        throw std::runtime_error(std::string("the tests need the program ") + program.name);

    TempDir dir;
    write_bytes(dir / "plain", bytes);
    base::Command command;
    command.argv.push_back(found->string());
    command.argv.insert(command.argv.end(), program.options.begin(), program.options.end());
    command.argv.push_back((dir / "plain").string());
    const base::Output output = base::run(command, std::chrono::minutes(5));
    if (!output.exit.success())
        throw std::runtime_error(std::string(program.name) + ": " + output.exit.describe() + ": " +
                                 output.err);
    return read_bytes(dir / (std::string("plain") + program.suffix));
}

void write_bytes(const std::filesystem::path& path, std::string_view bytes) {
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file)
        throw std::runtime_error("cannot write " + path.string());
}

std::string read_bytes(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file)
        throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string packing_list(const PackageSpec& spec) {
    std::string list = "@name " + spec.pkgname + "\n@cwd " + spec.prefix + "\n";
    for (const std::string& pattern : spec.depends)
        list += "@pkgdep " + pattern + "\n";
    for (const std::string& pattern : spec.conflicts)
        list += "@pkgcfl " + pattern + "\n";
    list += "@comment $NetBSD$\n";
    for (const PackageFile& file : spec.files)
        list +=
            file.path + "\n@comment MD5:" + base::digest_of(base::DigestAlgorithm::md5, file.content) + "\n";
    for (const PackageLink& link : spec.symlinks)
        list += link.path + "\n@comment Symlink:" + link.target + "\n";
    for (const PackageLink& link : spec.hardlinks)
        list += link.path + "\n@comment MD5:" + md5_of(spec, link.target) + "\n";
    for (const std::string& directory : spec.directories)
        list += "@pkgdir " + directory + "\n";
    for (const std::string& command : spec.exec)
        list += "@exec " + command + "\n";
    list += "@cwd " + spec.prefix + "\n";
    for (const std::string& name : metadata_names(spec))
        list += "@ignore\n" + name + "\n";
    return list;
}

std::vector<TarMember> package_members(const PackageSpec& spec) {
    std::vector<TarMember> members;
    for (const auto& [name, content] : metadata(spec)) {
        TarMember member;
        member.name = name;
        member.content = content;
        members.push_back(member);
    }
    for (const PackageFile& file : spec.files) {
        TarMember member;
        member.name = file.path;
        member.content = file.content;
        member.mode = file.mode;
        member.user = file.user;
        member.group = file.group;
        members.push_back(member);
    }
    for (const PackageLink& link : spec.symlinks) {
        TarMember member;
        member.name = link.path;
        member.type = '2';
        member.mode = 0755;
        member.link_target = link.target;
        members.push_back(member);
    }
    for (const PackageLink& link : spec.hardlinks) {
        TarMember member;
        member.name = link.path;
        member.type = '1';
        member.link_target = link.target;
        members.push_back(member);
    }
    return members;
}

std::string package_bytes(const PackageSpec& spec, Compression compression) {
    return compress(tar_bytes(package_members(spec)), compression);
}

void write_package(const std::filesystem::path& path, const PackageSpec& spec, Compression compression) {
    write_bytes(path, package_bytes(spec, compression));
}

std::string summary_record(const PackageSpec& spec, std::string_view archive_bytes) {
    static const std::vector<std::string> copied = {
        "PKGPATH",      "CATEGORIES",   "PROVIDES", "REQUIRES", "PKG_OPTIONS",      "OPSYS",
        "OS_VERSION",   "MACHINE_ARCH", "LICENSE",  "HOMEPAGE", "PKGTOOLS_VERSION", "BUILD_DATE",
        "PREV_PKGPATH", "SUPERSEDES"};
    std::string record = "PKGNAME=" + spec.pkgname + "\n";
    for (const std::string& pattern : spec.depends)
        record += "DEPENDS=" + pattern + "\n";
    for (const std::string& pattern : spec.conflicts)
        record += "CONFLICTS=" + pattern + "\n";
    record += "COMMENT=" + spec.comment + "\nSIZE_PKG=" + std::to_string(installed_size(spec)) + "\n";
    for (const auto& [key, value] : build_variables(spec))
        if (std::find(copied.begin(), copied.end(), key) != copied.end())
            record += key + "=" + value + "\n";
    record += "FILE_NAME=" + spec.pkgname + ".tgz\n";
    record += "FILE_SIZE=" + std::to_string(archive_bytes.size()) + "\n";
    record += "FILE_CKSUM=sha512 " + base::digest_of(base::DigestAlgorithm::sha512, archive_bytes) + "\n";
    std::string_view rest = spec.desc;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        record += "DESCRIPTION=" + std::string(rest.substr(0, end)) + "\n";
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return record + "\n";
}

void write_summary(const std::filesystem::path& dir, const std::vector<PackageSpec>& specs) {
    std::string index;
    for (const PackageSpec& spec : specs)
        index += summary_record(spec, read_bytes(dir / (spec.pkgname + ".tgz")));
    write_bytes(dir / "pkg_summary.gz", compress(index, Compression::gzip));
}

void make_repository(const std::filesystem::path& dir, const std::vector<PackageSpec>& specs) {
    std::filesystem::create_directories(dir);
    for (const PackageSpec& spec : specs)
        write_package(dir / (spec.pkgname + ".tgz"), spec);
    write_summary(dir, specs);
}

} // namespace pkgjail::test
