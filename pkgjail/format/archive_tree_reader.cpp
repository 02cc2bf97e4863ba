#include "pkgjail/format/archive_tree_reader.hpp"

#include <utility>

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/format/confined_reading.hpp"

namespace pkgjail::format {

struct TreeArchiveReader::State {
    State(ByteSource& input, std::string name_, TreeArchiveLimits limits_)
        : name(std::move(name_)), limits(limits_),
          source(
              open_tree_source(input, name, [this](std::uint64_t unpacked) { check_unpacked(unpacked); })) {}

    const std::string name;
    TreeArchiveLimits limits;
    std::unique_ptr<TreeSource> source;
    std::uint64_t members = 0;
    std::uint64_t data = 0;
    std::uint64_t attributes = 0;
    bool has_data = false; ///< the present member's is not read to its end
    std::uint64_t present_size = 0;
    std::uint64_t reached = 0; ///< in the present file
    std::string member;

    [[noreturn]] void fail(std::string cause) const {
        throw base::Error(base::ErrorKind::corrupt, name, std::move(cause));
    }
    [[noreturn]] void fail_member(std::string_view cause) const {
        fail(fmt::format("member {}: {}", member, cause));
    }
    void check_unpacked(std::uint64_t unpacked) const {
        if (unpacked > limits.max_unpacked_bytes)
            fail(
                fmt::format("unpacks to more than the {} bytes that are allowed", limits.max_unpacked_bytes));
    }
    void check_attributes(const TreeMember& present) {
        for (const auto& [key, bytes] : present.attributes)
            attributes += key.size() + bytes.size();
        if (attributes > limits.max_attribute_bytes)
            fail_member(fmt::format("with it there are more than {} bytes of extended attributes",
                                    limits.max_attribute_bytes));
    }
};

TreeArchiveReader::TreeArchiveReader(ByteSource& input, std::string name, TreeArchiveLimits limits)
    : state_(new State(input, std::move(name), limits)) {}

TreeArchiveReader::~TreeArchiveReader() = default;

void TreeArchiveReader::set_limits(const TreeArchiveLimits& limits) {
    state_->limits = limits;
}

std::optional<TreeMember> TreeArchiveReader::next() {
    State& state = *state_;
    while (read()) {
    }
    std::optional<TreeMember> member = state.source->next();
    if (!member)
        return std::nullopt;
    if (++state.members > state.limits.max_members)
        state.fail(fmt::format("more than the {} members that are allowed", state.limits.max_members));
    state.member = member->path.substr(0, 200);
    state.check_attributes(*member);
    state.has_data = member->type == TreeMemberType::file;
    state.present_size = member->size;
    state.reached = 0;
    return member;
}

std::optional<TreeArchiveReader::Piece> TreeArchiveReader::read() {
    State& state = *state_;
    if (!state.has_data)
        return std::nullopt;
    const std::optional<Piece> piece = state.source->read();
    if (!piece) {
        state.has_data = false;
        return std::nullopt;
    }
    if (piece->offset < state.reached || piece->offset > state.present_size ||
        piece->bytes.size() > state.present_size - piece->offset)
        state.fail_member("data outside of the file, or out of order");
    state.reached = piece->offset + piece->bytes.size();
    state.data += piece->bytes.size();
    if (state.data > state.limits.max_data_bytes)
        state.fail(fmt::format("holds more data than the {} bytes that it may", state.limits.max_data_bytes));
    return piece;
}

} // namespace pkgjail::format
