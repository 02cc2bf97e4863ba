// A tar stream, member by member: libarchive's reader, kept from running ahead, with everything that no
// package holds refused.
//
// libarchive is handed header blocks one at a time and the content of a member only when that is asked for.
// So what one header costs (extended headers, sparse maps) has a ceiling, and the raw headers can be compared
// with what libarchive made of them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "pkgjail/format/archive.hpp"
#include "pkgjail/format/byte_source.hpp"

namespace pkgjail::format {

class TarReader {
  public:
    /// `input` gives uncompressed bytes and must outlive this.
    TarReader(ByteSource& input, std::string name, std::uint64_t max_members);
    ~TarReader();

    /// The next member; its name is checked to be a relative path that leaves nothing. nullopt at the end,
    /// after the archive was found to end as it should. The present member must have been read to its end.
    /// Throws Error{corrupt}.
    std::optional<ArchiveMember> next();
    std::size_t read(char* buffer, std::size_t capacity);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace pkgjail::format
