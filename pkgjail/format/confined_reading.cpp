#include "pkgjail/format/confined_reading.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "pkgjail/base/confined.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/archive_decoder.hpp"
#include "pkgjail/format/archive_loading.hpp"
#include "pkgjail/format/archive_tar.hpp"
#include "pkgjail/format/confined_stream.hpp"
#include "pkgjail/format/reading_server.hpp"

namespace pkgjail::format {

namespace {

std::atomic<int> readings_here = 0;

} // namespace

ReadingHere::ReadingHere() {
    ++readings_here;
}
ReadingHere::~ReadingHere() {
    --readings_here;
}
bool ReadingHere::is_wanted() {
    return readings_here > 0;
}

struct ConfinedDecoder::State {
    State(ByteSource& input, const std::string& name, std::uint64_t max_bytes_)
        : stream(input, {ReadingKind::decompression, max_bytes_, 0, name}, serve_reading),
          max_bytes(max_bytes_) {}
    ConfinedStream stream;
    std::uint64_t max_bytes;
    std::uint64_t bytes = 0;
    bool ended = false;
};

ConfinedDecoder::ConfinedDecoder(ByteSource& input, std::string name, std::uint64_t max_bytes) {
    if (ReadingHere::is_wanted())
        here_ = std::make_unique<ArchiveDecoder>(input, std::move(name), max_bytes);
    else
        state_ = std::make_unique<State>(input, name, max_bytes);
}

ConfinedDecoder::~ConfinedDecoder() = default;

std::string_view ConfinedDecoder::next() {
    if (here_)
        return here_->next();
    State& state = *state_;
    if (state.ended)
        return {};
    const Frame frame = state.stream.next();
    if (frame.type == FrameType::end) {
        state.ended = true;
        return {};
    }
    state.bytes += frame.content.size();
    if (frame.type != FrameType::data || state.bytes > state.max_bytes)
        state.stream.refuse();
    return frame.content;
}

struct ConfinedTarReader::Here {
    Here(ByteSource& input, const std::string& name, std::uint64_t max_bytes, std::uint64_t max_members)
        : decoder(input, name, max_bytes), tar(decoder, name, max_members) {}
    ArchiveDecoder decoder;
    TarReader tar;
};

struct ConfinedTarReader::State {
    State(ByteSource& input, const std::string& name, std::uint64_t max_bytes_, std::uint64_t max_members_,
          bool metadata_only, base::ConfinedWork work)
        : stream(
              input,
              {metadata_only ? ReadingKind::metadata : ReadingKind::package, max_bytes_, max_members_, name},
              work != nullptr ? work : serve_reading),
          max_bytes(max_bytes_), max_members(max_members_) {}
    ConfinedStream stream;
    std::uint64_t max_bytes;
    std::uint64_t max_members;
    std::uint64_t bytes = 0;
    std::uint64_t members = 0;
    std::uint64_t left = 0; ///< of the present member's content, not read by our caller yet
    std::string_view ahead; ///< of that, what was received
    std::optional<PackageLists> lists;
    bool lists_came = false;
};

ConfinedTarReader::ConfinedTarReader(ByteSource& input, std::string name, std::uint64_t max_bytes,
                                     std::uint64_t max_members, bool metadata_only, base::ConfinedWork work) {
    if (ReadingHere::is_wanted())
        here_ = std::make_unique<Here>(input, name, max_bytes, max_members);
    else
        state_ = std::make_unique<State>(input, name, max_bytes, max_members, metadata_only, work);
}

ConfinedTarReader::~ConfinedTarReader() = default;

std::optional<ArchiveMember> ConfinedTarReader::next() {
    if (here_)
        return here_->tar.next();
    State& state = *state_;
    if (state.left != 0)
        state.stream.refuse();
    Frame frame = state.stream.next();
    if (frame.type == FrameType::lists && !state.lists_came) {
        state.lists_came = true;
        state.lists = decode_lists(frame.content, state.stream.name());
        frame = state.stream.next();
    }
    if (frame.type == FrameType::end && state.lists_came)
        return std::nullopt;
    if (frame.type != FrameType::member || ++state.members > state.max_members)
        state.stream.refuse();
    ArchiveMember member = decode_member(frame.content, state.stream.name());
    state.left = member.size;
    return member;
}

std::size_t ConfinedTarReader::read(char* buffer, std::size_t capacity) {
    if (here_)
        return here_->tar.read(buffer, capacity);
    State& state = *state_;
    if (state.left == 0)
        return 0;
    if (state.ahead.empty()) {
        const Frame frame = state.stream.next();
        state.bytes += frame.content.size();
        if (frame.type != FrameType::data || frame.content.size() > state.left ||
            state.bytes > state.max_bytes)
            state.stream.refuse();
        state.ahead = frame.content;
    }
    const std::size_t count = std::min(capacity, state.ahead.size());
    std::memcpy(buffer, state.ahead.data(), count);
    state.ahead.remove_prefix(count);
    state.left -= count;
    return count;
}

std::optional<PackageLists> ConfinedTarReader::take_lists() {
    if (!state_)
        return std::nullopt;
    if (!state_->lists)
        state_->stream.refuse();
    return std::exchange(state_->lists, std::nullopt);
}

void prepare_reading() noexcept {
    base::prepare_confined(load_libarchive);
}

void read_records(ByteSource& input, const std::string& name, std::uint64_t max_bytes,
                  const std::function<void(SummaryRecord&&)>& take) {
    if (ReadingHere::is_wanted()) {
        ArchiveDecoder text(input, name, max_bytes);
        parse_summary(text, name, take);
        return;
    }
    // A name counts twice where the archive has none of its own.
    constexpr std::uint64_t shortest_record = 11;
    const std::uint64_t most = max_bytes / shortest_record + 1;
    ConfinedStream stream(input, {ReadingKind::summary, max_bytes, 0, name}, serve_reading);
    std::uint64_t records = 0, bytes = 0;
    for (Frame frame = stream.next(); frame.type != FrameType::end; frame = stream.next()) {
        bytes += frame.content.size();
        if (frame.type != FrameType::record || ++records > most || bytes / 16 > max_bytes)
            stream.refuse();
        take(decode_record(frame.content, name));
    }
}

} // namespace pkgjail::format
