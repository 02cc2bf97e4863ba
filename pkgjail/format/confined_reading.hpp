// The work of libarchive, OpenSSL and our own parsers on foreign bytes, done by a confined process
// (base/confined). What comes back is checked here as if it came from a stranger, because whoever got hold of
// that process could say anything: names that leave nothing, sizes within the limits, content as long as it
// was announced.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pkgjail/base/confined.hpp"
#include "pkgjail/format/archive.hpp"
#include "pkgjail/format/archive_tree_reader.hpp"
#include "pkgjail/format/byte_source.hpp"
#include "pkgjail/format/summary.hpp"
#include "pkgjail/format/wire_values.hpp"

namespace pkgjail::format {

/// While one exists, reading that begins is done in this process, with no other difference: for fuzzers,
/// which see nothing of what happens in another one, and for tests that read thousands of archives.
class ReadingHere {
  public:
    ReadingHere();
    ReadingHere(const ReadingHere&) = delete;
    ReadingHere& operator=(const ReadingHere&) = delete;
    ~ReadingHere();
    static bool is_wanted();
};

/// What an ArchiveDecoder gives, from a confined process: the same output and the same failures. It may read
/// its input further ahead.
class ConfinedDecoder : public ByteSource {
  public:
    /// As for ArchiveDecoder.
    ConfinedDecoder(ByteSource& input, std::string name, std::uint64_t max_bytes);
    ~ConfinedDecoder() override;

    std::string_view next() override;

  private:
    struct State;
    std::unique_ptr<ByteSource> here_; ///< with ReadingHere; then there is no state
    std::unique_ptr<State> state_;
};

/// What a TarReader over an ArchiveDecoder gives, from a confined process, which also takes a package's lists
/// apart. While what was read is looked at and written, the process goes on.
class ConfinedTarReader {
  public:
    /// With `metadata_only` the members may end with the metadata.
    /// `work` is what a test has in the place of serve_reading.
    ConfinedTarReader(ByteSource& input, std::string name, std::uint64_t max_bytes, std::uint64_t max_members,
                      bool metadata_only, base::ConfinedWork work = nullptr);
    ~ConfinedTarReader();

    std::optional<ArchiveMember> next();
    std::size_t read(char* buffer, std::size_t capacity);
    /// +CONTENTS and +BUILD_INFO, once the first member that is no metadata, or the end, was reached.
    /// To be asked for once. nullopt with ReadingHere alone: whoever needs them takes their texts apart.
    std::optional<PackageLists> take_lists();

  private:
    struct Here;
    struct State;
    std::unique_ptr<Here> here_; ///< with ReadingHere; then there is no state
    std::unique_ptr<State> state_;
};

/// Members of a tree archive with their data, nothing counted but what was decompressed.
class TreeSource {
  public:
    virtual ~TreeSource() = default;
    virtual std::optional<TreeMember> next() = 0;
    virtual std::optional<TreeArchiveReader::Piece> read() = 0;
};
/// From a confined process, or with ReadingHere from this one. `reached` is told how many bytes were
/// decompressed, at least each MiB; what it throws ends the reading.
std::unique_ptr<TreeSource> open_tree_source(ByteSource& input, const std::string& name,
                                             std::function<void(std::uint64_t)> reached);

/// +CONTENTS that lies in a directory which a stranger may have shaped. Fails as Plist::parse does.
Plist read_packing_list(std::string_view text, const std::string& name);

/// Begins to make the helper of which readers are made (base::prepare_confined), with what they need.
void prepare_reading() noexcept;

/// The records of an index.
void read_records(ByteSource& input, const std::string& name, std::uint64_t max_bytes,
                  const std::function<void(SummaryRecord&&)>& take);

} // namespace pkgjail::format
