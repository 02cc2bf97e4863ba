#include "pkgjail/format/wire_values.hpp"

#include <algorithm>

#include <fmt/core.h>

#include "pkgjail/base/path.hpp"
#include "pkgjail/base/shared_library.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/pkgname.hpp"
#include "pkgjail/format/wire.hpp"

namespace pkgjail::format {

using base::Error;
using base::ErrorKind;

// ---------------------------------------------------------------- the fields of each value, in order

template <class Wire, Field<ReadingRequest> Value>
void fields(Wire& wire, Value& v) {
    wire(v.kind, v.max_bytes, v.max_members, v.name);
}
template <class Wire, Field<ArchiveMember> Value>
void fields(Wire& wire, Value& v) {
    wire(v.path, v.type, v.mode, v.user, v.group, v.uid, v.gid, v.size, v.modified, v.link_target,
         v.has_extended_attributes);
}
template <class Wire, Field<PlistFile> Value>
void fields(Wire& wire, Value& v) {
    wire(v.path, v.md5, v.link_target);
}
template <class Wire, Field<PlistCommand> Value>
void fields(Wire& wire, Value& v) {
    wire(v.command, v.after_files);
}
template <class Wire, Field<PlistDirectory> Value>
void fields(Wire& wire, Value& v) {
    wire(v.path);
}
template <class Wire, Field<Plist> Value>
void fields(Wire& wire, Value& v) {
    wire(v.pkgname, v.prefix, v.files, v.depends, v.conflicts, v.build_depends, v.directories, v.exec,
         v.unexec, v.warnings);
}
void fields(WireWriter& wire, const BuildInfo& info) {
    wire(info.values());
}
void fields(WireReader& wire, BuildInfo& info) {
    std::multimap<std::string, std::string> values;
    wire(values);
    info = BuildInfo(std::move(values));
}
template <class Wire, Field<PackageLists> Value>
void fields(Wire& wire, Value& v) {
    wire(v.plist, v.build_info);
}
template <class Wire, Field<TreeMember> Value>
void fields(Wire& wire, Value& v) {
    wire(v.path, v.type, v.mode, v.uid, v.gid, v.user, v.group, v.size, v.modified, v.link_target,
         v.attributes, v.sparse);
}
template <class Wire, Field<SummaryRecord> Value>
void fields(Wire& wire, Value& v) {
    wire(v.pkgname, v.depends, v.conflicts, v.supersedes, v.provides, v.requires_, v.comment, v.description,
         v.size_pkg, v.build_date, v.categories, v.homepage, v.license, v.machine_arch, v.opsys, v.os_version,
         v.pkgpath, v.pkgtools_version, v.pkg_options, v.prev_pkgpath, v.file_name, v.file_size,
         v.cksum_algorithm, v.cksum);
}
template <class Wire, Field<VulnerabilityHead> Value>
void fields(Wire& wire, Value& v) {
    wire(v.revision, v.written, v.has_checksum, v.claims_pgp);
}
template <class Wire, Field<Vulnerability> Value>
void fields(Wire& wire, Value& v) {
    wire(v.pattern, v.type, v.url);
}
template <class Wire, Field<X509Trust> Value>
void fields(Wire& wire, Value& v) {
    wire(v.anchors, v.chain, v.revocations);
}
template <class Wire, Field<X509Question> Value>
void fields(Wire& wire, Value& v) {
    wire(v.signature, v.content, v.trust, v.use, v.now);
}
template <class Wire, Field<X509Signer> Value>
void fields(Wire& wire, Value& v) {
    wire(v.subject, v.fingerprint);
}
namespace {

struct ErrorText {
    std::uint8_t kind = 0;
    std::string object, cause, hint;
    std::vector<std::string> context;
};
template <class Wire, Field<ErrorText> Value>
void fields(Wire& wire, Value& v) {
    wire(v.kind, v.object, v.cause, v.hint, v.context);
}

constexpr std::size_t max_error_text = 4096;
constexpr std::size_t max_context = 8;
constexpr std::size_t max_command = 4096;
constexpr std::size_t max_text = 4u << 20; ///< of one value of an index

template <class Value>
std::string bytes_of(const Value& value) {
    WireWriter wire;
    wire(value);
    return wire.take();
}
template <class Value>
Value value_of(std::string_view bytes) {
    Value value{};
    WireReader wire(bytes);
    wire(value);
    wire.end();
    return value;
}

[[noreturn]] void refuse(const std::string& name, std::string_view what) {
    throw Error(ErrorKind::corrupt, name, fmt::format("its reader gave {}", what),
                "the archive may be made to take its reader over; do not use it");
}
/// `what`: "a member", for when it cannot even be read.
template <class Value>
Value foreign_value(std::string_view bytes, const std::string& name, std::string_view what) {
    try {
        return value_of<Value>(bytes);
    } catch (const std::length_error& error) {
        refuse(name, fmt::format("{}: {}", what, error.what()));
    }
}

bool is_rooted_path(std::string_view path) {
    try {
        base::RootPath::parse(path);
        return true;
    } catch (const Error&) {
        return false;
    }
}
bool is_relative_path(std::string_view path) {
    return !path.empty() && path.front() != '/' && is_rooted_path(path);
}
bool is_time(const struct timespec& time) {
    return time.tv_nsec >= 0 && time.tv_nsec <= 999'999'999;
}
bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}
bool is_hexadecimal(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool is_pattern(std::string_view text) {
    try {
        Pattern::parse(text);
        return !text.empty();
    } catch (const Error&) {
        return false;
    }
}

void check_commands(const std::vector<PlistCommand>& commands, const Plist& list, const std::string& name) {
    for (const PlistCommand& command : commands)
        if (command.command.size() > max_command || command.after_files > list.files.size() ||
            has_nul(command.command))
            refuse(name, "a packing list with a command that is none");
}

void check_plist(const Plist& list, const std::string& name) {
    if (!Pkgname::is_valid(list.pkgname))
        refuse(name, "a packing list of no package");
    if (!list.prefix.starts_with('/') || !is_rooted_path(list.prefix))
        refuse(name, "a packing list without a prefix");
    for (const PlistFile& file : list.files) {
        if (!is_relative_path(file.path))
            refuse(name, "a packing list with a path that is not relative");
        if (file.md5 && (file.md5->size() != 32 || !is_hexadecimal(*file.md5)))
            refuse(name, "a packing list with a digest that is none");
        if (file.link_target && has_nul(*file.link_target))
            refuse(name, "a packing list with a link to no name");
    }
    for (const PlistDirectory& directory : list.directories)
        if (!is_relative_path(directory.path))
            refuse(name, "a packing list with a directory that is not relative");
    for (const auto* patterns : {&list.depends, &list.conflicts})
        if (!std::all_of(patterns->begin(), patterns->end(), is_pattern))
            refuse(name, "a packing list with a pattern that is none");
    check_commands(list.exec, list, name);
    check_commands(list.unexec, list, name);
}

} // namespace

std::string encode(const ReadingRequest& request) {
    return bytes_of(request);
}
ReadingRequest decode_request(std::string_view bytes) {
    return value_of<ReadingRequest>(bytes);
}

std::string encode(const Error& error) {
    return bytes_of(ErrorText{static_cast<std::uint8_t>(error.kind()), error.object(), error.cause(),
                              error.hint(), error.context()});
}

Error decode_error(std::string_view bytes, const std::string& name) {
    auto text = foreign_value<ErrorText>(bytes, name, "a failure");
    ErrorKind kind = ErrorKind::corrupt;
    for (const ErrorKind known : {ErrorKind::trust, ErrorKind::configuration, ErrorKind::system})
        if (text.kind == static_cast<std::uint8_t>(known))
            kind = known;
    for (std::string* part : {&text.object, &text.cause})
        part->resize(std::min(part->size(), max_error_text));
    if (!is_x509_hint(text.hint) && text.hint != damaged_list_hint &&
        text.hint != base::missing_library_hint && text.hint != base::unfit_library_hint)
        text.hint.clear();
    Error error(kind, std::move(text.object), std::move(text.cause), std::move(text.hint));
    text.context.resize(std::min(text.context.size(), max_context));
    // Outermost first: they are put on from the inside.
    for (auto context = text.context.rbegin(); context != text.context.rend(); ++context)
        error.add_context(context->substr(0, max_error_text));
    return error;
}

std::string encode(const ArchiveMember& member) {
    return bytes_of(member);
}
ArchiveMember decode_member(std::string_view bytes, const std::string& name) {
    auto member = foreign_value<ArchiveMember>(bytes, name, "a member");
    if (!is_relative_path(member.path))
        refuse(name, "a member whose name leaves its place");
    if (member.type != MemberType::file && member.type != MemberType::symlink &&
        member.type != MemberType::hard_link)
        refuse(name, "a member of no known type");
    if (member.type != MemberType::file && member.size != 0)
        refuse(name, "a member that is a link with content");
    if ((member.mode & ~07777u) != 0)
        refuse(name, "a member with no mode");
    if (!is_time(member.modified))
        refuse(name, "a member with no time");
    if (has_nul(member.link_target) || has_nul(member.user) || has_nul(member.group))
        refuse(name, "a member with a byte 0 in a name");
    return member;
}

std::string encode(const PackageLists& lists) {
    return bytes_of(lists);
}
PackageLists decode_lists(std::string_view bytes, const std::string& name) {
    auto lists = foreign_value<PackageLists>(bytes, name, "a packing list");
    if (lists.plist)
        check_plist(*lists.plist, name);
    return lists;
}

std::string encode(const TreeMember& member) {
    return bytes_of(member);
}
TreeMember decode_tree_member(std::string_view bytes, const std::string& name) {
    auto member = foreign_value<TreeMember>(bytes, name, "a member");
    if (!fault_of_tree_path(member.path).empty())
        refuse(name, "a member whose name leaves its place");
    switch (member.type) {
    case TreeMemberType::hard_link:
        if (!fault_of_tree_path(member.link_target).empty())
            refuse(name, "a hard link that leaves its place");
        break;
    case TreeMemberType::symlink:
        if (member.link_target.empty() || member.link_target.size() > base::RootPath::max_length)
            refuse(name, "a symbolic link to no name");
        break;
    case TreeMemberType::file:
    case TreeMemberType::directory:
    case TreeMemberType::fifo:
        break;
    default:
        refuse(name, "a member of no known type");
    }
    if (member.type != TreeMemberType::file && member.size != 0)
        refuse(name, "a member with content that is no file");
    if ((member.mode & ~07777u) != 0)
        refuse(name, "a member with no mode");
    if (!is_time(member.modified))
        refuse(name, "a member with no time");
    constexpr std::uint32_t leave_as_it_is = UINT32_MAX; // to chown
    if (member.uid == leave_as_it_is || member.gid == leave_as_it_is)
        refuse(name, "a member with no owner");
    if (has_nul(member.path) || has_nul(member.link_target) || has_nul(member.user) || has_nul(member.group))
        refuse(name, "a member with a byte 0 in a name");
    for (const auto& [attribute, value] : member.attributes)
        if (attribute.empty() || has_nul(attribute))
            refuse(name, "a member with an attribute without a name");
    return member;
}

std::string fault_of_tree_path(std::string_view path) {
    if (path.empty())
        return "a name that is empty, or cannot be read";
    if (path.size() > base::RootPath::max_length - 64)
        return fmt::format("a name of {} bytes; at most {} are allowed", path.size(),
                           base::RootPath::max_length - 64);
    if (path.front() == '/')
        return "an absolute name";
    for (std::size_t begin = 0; begin <= path.size();) {
        const std::size_t end = std::min(path.find('/', begin), path.size());
        const std::string_view component = path.substr(begin, end - begin);
        if (component.empty() || component == "." || component == "..")
            return "a name with \"..\", \".\" or an empty component";
        if (component.size() > base::RootPath::max_component)
            return fmt::format("a component of {} bytes in its name; at most {} are allowed",
                               component.size(), base::RootPath::max_component);
        begin = end + 1;
    }
    return {};
}

std::string encode(const SummaryRecord& record) {
    return bytes_of(record);
}
SummaryRecord decode_record(std::string_view bytes, const std::string& name) {
    auto record = foreign_value<SummaryRecord>(bytes, name, "a record");
    if (!Pkgname::is_valid(record.pkgname))
        refuse(name, "a record of no package");
    if (!is_archive_name(record.file_name))
        refuse(name, "a record whose archive has no name");
    if (!is_hexadecimal(record.cksum) || record.cksum.empty() != record.cksum_algorithm.empty())
        refuse(name, "a record with a digest that is none");
    if (bytes.size() > 4 * max_text)
        refuse(name, "a record that is too long");
    return record;
}
bool is_archive_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name.front() != '.' &&
           std::none_of(name.begin(), name.end(), [](char byte) {
               const auto value = static_cast<unsigned char>(byte);
               return byte == '/' || value < 0x20 || value == 0x7f;
           });
}

std::string encode(const VulnerabilityHead& head) {
    return bytes_of(head);
}
VulnerabilityHead decode_head(std::string_view bytes, const std::string& name) {
    return foreign_value<VulnerabilityHead>(bytes, name, "a head");
}
std::string encode(const std::vector<Vulnerability>& entries) {
    return bytes_of(entries);
}
std::vector<Vulnerability> decode_entries(std::string_view bytes, const std::string& name) {
    auto entries = foreign_value<std::vector<Vulnerability>>(bytes, name, "entries");
    constexpr std::string_view blanks(" \t\v\f\r\n\0", 7);
    for (const Vulnerability& entry : entries) {
        if (!is_pattern(entry.pattern))
            refuse(name, "an entry with a pattern that is none");
        for (const std::string* word : {&entry.pattern, &entry.type, &entry.url})
            if (word->find_first_of(blanks) != std::string::npos)
                refuse(name, "an entry with white space in a word");
    }
    return entries;
}

std::string encode(const X509Question& question) {
    return bytes_of(question);
}
X509Question decode_question(std::string_view bytes) {
    return value_of<X509Question>(bytes);
}
std::string encode(const X509Signer& signer) {
    return bytes_of(signer);
}
X509Signer decode_signer(std::string_view bytes, const std::string& name) {
    auto signer = foreign_value<X509Signer>(bytes, name, "a signer");
    if (signer.fingerprint.size() != 64 || !is_hexadecimal(signer.fingerprint) || signer.subject.empty() ||
        signer.subject.size() > max_error_text)
        refuse(name, "a signer without a name or a fingerprint");
    return signer;
}

} // namespace pkgjail::format
