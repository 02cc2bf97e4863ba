// What a confined process is asked and answers, as bytes, and what of an answer is believed. Whoever took
// that process over may answer anything; decode_…() lets through what an honest one could have read from an
// archive of a stranger, and nothing else: Error{corrupt}, naming the archive.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/archive.hpp"
#include "pkgjail/format/archive_member.hpp"
#include "pkgjail/format/signature_x509.hpp"
#include "pkgjail/format/summary.hpp"
#include "pkgjail/format/vulnerabilities.hpp"

namespace pkgjail::format {

/// What is to be read; its bytes follow it.
enum class ReadingKind : std::uint8_t {
    decompression,   ///< data
    package,         ///< members with data, and the lists between the metadata and the files
    metadata,        ///< the same, up to the lists
    tree,            ///< members with data
    summary,         ///< records
    vulnerabilities, ///< one head, then entries; the input is text
    x509,            ///< one signer; the input is an X509Question
    packing_list,    ///< lists, without +BUILD_INFO; the input is +CONTENTS
};
struct ReadingRequest {
    ReadingKind kind = ReadingKind::decompression;
    std::uint64_t max_bytes = 0;   ///< of output
    std::uint64_t max_members = 0; ///< of a package
    std::string name;              ///< for messages
};
std::string encode(const ReadingRequest& request);
ReadingRequest decode_request(std::string_view bytes); ///< from us, so it is right; or std::length_error

/// An error, as far as it is passed on.
std::string encode(const base::Error& error);
/// Its kind is corrupt, trust, configuration or system, and any other is taken for corrupt; its texts are cut
/// to a length. A hint tells an operator what to do, so only those of ours are kept.
base::Error decode_error(std::string_view bytes, const std::string& name);

std::string encode(const ArchiveMember& member);
/// The path is relative and leaves nothing, the type is one, the mode has permission and set-id bits only,
/// links have no content.
ArchiveMember decode_member(std::string_view bytes, const std::string& name);

/// +CONTENTS and +BUILD_INFO, where they are there.
struct PackageLists {
    std::optional<Plist> plist;
    std::optional<BuildInfo> build_info;
};
std::string encode(const PackageLists& lists);
/// The packing list keeps what Plist::parse promises of each of its values.
PackageLists decode_lists(std::string_view bytes, const std::string& name);

std::string encode(const TreeMember& member);
/// As TreeArchiveReader::next() says.
TreeMember decode_tree_member(std::string_view bytes, const std::string& name);
/// Empty: nothing is wrong with it as the name of a member, or as the target of a hard link.
std::string fault_of_tree_path(std::string_view path);

std::string encode(const SummaryRecord& record);
SummaryRecord decode_record(std::string_view bytes, const std::string& name);
/// "nginx-1.26.1.tgz": no slash, no leading dot, no control characters, at most 255 bytes.
bool is_archive_name(std::string_view name);

std::string encode(const VulnerabilityHead& head);
VulnerabilityHead decode_head(std::string_view bytes, const std::string& name);
std::string encode(const std::vector<Vulnerability>& entries);
std::vector<Vulnerability> decode_entries(std::string_view bytes, const std::string& name);

struct X509Question {
    std::string signature;
    std::string content;
    X509Trust trust;
    X509Use use = X509Use::packages;
    std::int64_t now = 0; ///< Unix seconds
};
std::string encode(const X509Question& question);
X509Question decode_question(std::string_view bytes); ///< from us; or std::length_error
std::string encode(const X509Signer& signer);
X509Signer decode_signer(std::string_view bytes, const std::string& name);

} // namespace pkgjail::format
