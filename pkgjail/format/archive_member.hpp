// One member of an archive that holds whole directory trees (exports, layers of OCI images), with everything
// that belongs to a file; and the lines of the digest list that ends an export.
#pragma once

#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/extents.hpp"

namespace pkgjail::format {

enum class TreeMemberType : char {
    file = 'f',
    directory = 'd',
    symlink = 'l',
    hard_link = 'h',
    fifo = 'p',
};

/// Names and targets are bytes, as the file system has them.
struct TreeMember {
    std::string path; ///< relative: no leading or trailing slash
    TreeMemberType type = TreeMemberType::file;
    unsigned mode = 0; ///< permission, set-id and sticky bits; 0777 for links
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string user;       ///< may be empty
    std::string group;      ///< may be empty
    std::uint64_t size = 0; ///< of a file, holes included
    struct timespec modified {};
    std::string link_target;                       ///< of a hard link: path of an earlier member
    std::map<std::string, std::string> attributes; ///< extended ones; access lists as Linux has them
    bool sparse = false;                           ///< `extents` says where data is
    std::vector<base::Extent> extents;
};

/// Of a file's data, in ascending order. Without holes this is the SHA-256 of the content, as sha256sum
/// computes it; where data begins behind a hole "@OFFSET\n" is put in.
class ContentDigest {
  public:
    void update(std::uint64_t offset, std::string_view bytes);
    std::string finish(); ///< lower-case hexadecimal

  private:
    base::Digest digest_{base::DigestAlgorithm::sha256};
    std::uint64_t expected_ = 0;
};

/// "f 0644 UID GID USER GROUP SIZE SECONDS.NANOSECONDS SHA256 ATTRIBUTES PATH[ -> TARGET]\n": everything that
/// the member says. What is not there is "-"; ATTRIBUTES is a digest of their names and values; in names,
/// blanks, backslashes, control and non-ASCII bytes are \xNN.
std::string digest_line(const TreeMember& member, std::string_view content_sha256);

} // namespace pkgjail::format
