// The members of a tree archive from a confined process.
#include <cstring>
#include <utility>

#include "pkgjail/format/archive_tree.hpp"
#include "pkgjail/format/confined_reading.hpp"
#include "pkgjail/format/confined_stream.hpp"
#include "pkgjail/format/reading_server.hpp"

namespace pkgjail::format {

namespace {

class ConfinedTree : public TreeSource {
  public:
    ConfinedTree(ByteSource& input, const std::string& name, std::function<void(std::uint64_t)> reached)
        : stream_(input, {ReadingKind::tree, 0, 0, name}, serve_reading), reached_(std::move(reached)) {}

    std::optional<TreeMember> next() override {
        const Frame frame = take();
        if (frame.type == FrameType::end)
            return std::nullopt;
        if (frame.type != FrameType::member)
            stream_.refuse();
        return decode_tree_member(frame.content, stream_.name());
    }

    std::optional<TreeArchiveReader::Piece> read() override {
        Frame frame = take();
        if (frame.type == FrameType::offset) {
            at_ = number(frame.content);
            frame = take();
            if (frame.type != FrameType::data)
                stream_.refuse();
        }
        if (frame.type != FrameType::data) {
            kept_ = frame; // what it points to stays until the next one is asked for
            return std::nullopt;
        }
        const TreeArchiveReader::Piece piece{at_, frame.content};
        at_ += frame.content.size();
        return piece;
    }

  private:
    /// The next one that is for the caller.
    Frame take() {
        if (kept_)
            return *std::exchange(kept_, std::nullopt);
        for (;;) {
            const Frame frame = stream_.next();
            if (frame.type != FrameType::reached)
                return frame;
            reached_(number(frame.content));
        }
    }
    std::uint64_t number(std::string_view content) const {
        std::uint64_t value = 0;
        if (content.size() != sizeof value)
            stream_.refuse();
        std::memcpy(&value, content.data(), sizeof value);
        return value;
    }

    ConfinedStream stream_;
    std::function<void(std::uint64_t)> reached_;
    std::optional<Frame> kept_;
    std::uint64_t at_ = 0; ///< where the next data of the present file go
};

} // namespace

std::unique_ptr<TreeSource> open_tree_source(ByteSource& input, const std::string& name,
                                             std::function<void(std::uint64_t)> reached) {
    if (ReadingHere::is_wanted())
        return std::make_unique<TreeReader>(input, name, std::move(reached));
    return std::make_unique<ConfinedTree>(input, name, std::move(reached));
}

} // namespace pkgjail::format
