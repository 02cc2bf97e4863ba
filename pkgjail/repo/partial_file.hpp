// A download that is under way: the file NAME.part and, beside it, NAME.part.from with what the server said
// of the content, so that a later process can go on where this one was stopped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/path.hpp"

namespace pkgjail::repo {

/// What a server calls one state of a file. Both empty: it said nothing.
struct Validators {
    std::string etag;
    std::string last_modified;
    /// The one that If-Range can take: a strong ETag, else the date; empty: none.
    const std::string& for_resuming() const;
    bool operator==(const Validators&) const = default;
};

/// Owned by one process at a time, by a lock on the open file. Another process that wants the same download
/// gets a file of its own, so neither disturbs the other. Unless it is committed, the destructor leaves it
/// for another try when it can be resumed, and removes it when it cannot.
class PartialFile {
  public:
    /// `url` is that of the content; a part of something else is dropped. Throws Error{system}.
    PartialFile(const base::HostPath& path, std::string_view url);
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;
    ~PartialFile();

    std::uint64_t size() const { return size_; }
    const Validators& validators() const { return validators_; }
    bool can_be_resumed() const { return size_ > 0 && !validators_.for_resuming().empty(); }
    /// Begins again with nothing, for content that the server calls `validators`.
    void restart(const Validators& validators);
    void append(std::string_view bytes);
    /// Becomes `destination`, replacing what is there.
    void commit(const base::HostPath& destination);

  private:
    base::HostPath notes() const { return path_.string() + ".from"; }
    bool open_and_lock();
    void read_notes();

    base::HostPath path_;
    std::string source_; ///< digest of the URL, which may hold a password
    base::Fd fd_;
    std::uint64_t size_ = 0;
    Validators validators_;
};

} // namespace pkgjail::repo
