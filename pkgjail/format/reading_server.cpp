#include "pkgjail/format/reading_server.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include <unistd.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/format/archive_decoder.hpp"
#include "pkgjail/format/archive_tar.hpp"
#include "pkgjail/format/archive_tree.hpp"
#include "pkgjail/format/package_members.hpp"
#include "pkgjail/format/reading_frames.hpp"
#include "pkgjail/format/wire_values.hpp"

namespace pkgjail::format {

namespace {

using base::Error;

void read_exactly(int stream, char* to, std::size_t count) {
    while (count > 0) {
        const ssize_t got = ::read(stream, to, count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            throw FrameWriter::NobodyListens();
        to += got;
        count -= static_cast<std::size_t>(got);
    }
}

ReadingRequest read_request(int stream) {
    std::uint32_t size = 0;
    read_exactly(stream, reinterpret_cast<char*>(&size), sizeof size);
    std::string bytes(size, '\0');
    read_exactly(stream, bytes.data(), bytes.size());
    return decode_request(bytes);
}

std::string read_all(ByteSource& input) {
    std::string text;
    for (std::string_view piece = input.next(); !piece.empty(); piece = input.next())
        text += piece;
    return text;
}

void decompress(ByteSource& input, const ReadingRequest& request, FrameWriter& frames) {
    ArchiveDecoder decoder(input, request.name, request.max_bytes);
    for (std::string_view piece = decoder.next(); !piece.empty(); piece = decoder.next())
        for (; !piece.empty(); piece.remove_prefix(std::min(piece.size(), data_piece_size)))
            frames.write(FrameType::data, piece.substr(0, data_piece_size));
}

/// The texts of a package that are taken apart here, on the way to whom they are sent as they are as well.
class ListsCollector {
  public:
    explicit ListsCollector(const ReadingRequest& request) : request_(request) {}

    /// Whether the member's content is to be given to add().
    bool begin(const ArchiveMember& member) {
        text_ = nullptr;
        if (sent_ || member.type != MemberType::file)
            return false;
        if (member.path == "+CONTENTS")
            text_ = &contents_.emplace();
        else if (member.path == "+BUILD_INFO")
            text_ = &build_info_.emplace();
        return text_ != nullptr;
    }
    void add(std::string_view content) { *text_ += content; }
    /// When the metadata is over, and not again.
    void send(FrameWriter& frames) {
        if (sent_)
            return;
        sent_ = true;
        PackageLists lists;
        base::while_doing(request_.name, [&] {
            if (contents_)
                lists.plist = Plist::parse(*contents_);
            if (build_info_)
                lists.build_info = BuildInfo::parse(*build_info_);
            frames.write(FrameType::lists, encode(lists));
        });
        contents_.reset();
        build_info_.reset();
        frames.flush();
    }

  private:
    const ReadingRequest& request_;
    bool sent_ = false;
    std::optional<std::string> contents_, build_info_;
    std::string* text_ = nullptr; ///< of the present member
};

void read_package(ByteSource& input, const ReadingRequest& request, FrameWriter& frames) {
    ArchiveDecoder decoder(input, request.name, request.max_bytes);
    TarReader tar(decoder, request.name, request.max_members);
    ListsCollector lists(request);
    while (const std::optional<ArchiveMember> member = tar.next()) {
        if (std::find(package_members.begin(), package_members.end(), member->path) ==
            package_members.end()) {
            lists.send(frames);
            if (request.kind == ReadingKind::metadata)
                return;
        }
        frames.write(FrameType::member, encode(*member));
        if (member->type != MemberType::file)
            continue;
        const bool is_list = lists.begin(*member);
        for (;;) {
            char* const room = frames.room();
            const std::size_t got = tar.read(room, data_piece_size);
            if (got == 0)
                break;
            if (is_list)
                lists.add(std::string_view(room, got));
            frames.put_data(got);
        }
    }
    lists.send(frames);
}

void read_tree(ByteSource& input, const ReadingRequest& request, FrameWriter& frames) {
    constexpr std::uint64_t often = 1u << 20;
    std::uint64_t told = 0, reached = 0;
    const auto tell = [&] {
        if (reached != told)
            frames.write_number(FrameType::reached, told = reached);
    };
    TreeReader tree(input, request.name, [&](std::uint64_t unpacked) {
        reached = unpacked;
        if (reached - told >= often)
            tell();
    });
    while (const std::optional<TreeMember> member = tree.next()) {
        tell();
        frames.write(FrameType::member, encode(*member));
        while (const auto piece = tree.read()) {
            tell();
            frames.write_number(FrameType::offset, piece->offset);
            for (std::string_view rest = piece->bytes; !rest.empty();
                 rest.remove_prefix(std::min(rest.size(), data_piece_size)))
                frames.write(FrameType::data, rest.substr(0, data_piece_size));
        }
    }
    tell();
}

void read_vulnerability_list(ByteSource& input, const ReadingRequest& request, FrameWriter& frames) {
    constexpr std::size_t at_once = 256;
    VulnerabilityList list = parse_vulnerabilities(read_all(input), request.name);
    frames.write(FrameType::head, encode(list.head));
    for (std::size_t i = 0; i < list.entries.size(); i += at_once) {
        const auto begin = list.entries.begin() + static_cast<std::ptrdiff_t>(i);
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min(at_once, list.entries.size() - i));
        frames.write(FrameType::entries, encode(std::vector<Vulnerability>(begin, end)));
    }
}

void serve(ByteSource& input, const ReadingRequest& request, FrameWriter& frames) {
    switch (request.kind) {
    case ReadingKind::decompression:
        return decompress(input, request, frames);
    case ReadingKind::package:
    case ReadingKind::metadata:
        return read_package(input, request, frames);
    case ReadingKind::tree:
        return read_tree(input, request, frames);
    case ReadingKind::summary: {
        ArchiveDecoder decoder(input, request.name, request.max_bytes);
        parse_summary(decoder, request.name,
                      [&](SummaryRecord&& record) { frames.write(FrameType::record, encode(record)); });
        return;
    }
    case ReadingKind::vulnerabilities:
        return read_vulnerability_list(input, request, frames);
    case ReadingKind::packing_list: {
        PackageLists lists;
        base::while_doing(request.name, [&] { lists.plist = Plist::parse(read_all(input)); });
        frames.write(FrameType::lists, encode(lists));
        return;
    }
    case ReadingKind::x509: {
        const X509Question question = decode_question(read_all(input));
        frames.write(FrameType::signer,
                     encode(judge_x509(question.signature, question.content, question.trust, question.use,
                                       base::from_unix(question.now), request.name)));
        return;
    }
    }
}

} // namespace

void serve_reading(int stream) {
    try {
        const base::Fd owned(stream);
        FrameWriter frames(stream);
        const ReadingRequest request = read_request(stream);
        FdSource input(owned, request.name);
        try {
            serve(input, request, frames);
            frames.write(FrameType::end, {});
        } catch (const Error& error) {
            frames.write(FrameType::failure, encode(error));
        }
        frames.flush();
    } catch (...) {
        // Nobody listens, or there is no memory: the end of the stream says it.
        return;
    }
}

} // namespace pkgjail::format
