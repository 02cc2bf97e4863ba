// What is in a package's archive, written into the package's own directory, and hashed on the way.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/directory.hpp"
#include "pkgjail/base/fd.hpp"
#include "pkgjail/base/tree.hpp"
#include "pkgjail/store/builder.hpp"
#include "pkgjail/store/member_batches.hpp"
#include "pkgjail/store/setid.hpp"

namespace pkgjail::store {

/// Nothing of a package may be used before all of its members went through this: a file that is not what the
/// packing list promised is Error{trust} when it is there already.
class MemberWriter : public MemberSink {
  public:
    /// All of these must outlive it.
    MemberWriter(const BuildPackage& package, const BuildRequest& request, const base::Tree& files)
        : package_(package), request_(request), files_(files) {}

    void begin(const format::ArchiveMember& member, const std::optional<std::string>& md5) override;
    void content(std::string_view bytes) override;
    void end() override;

    /// SHA-256 of each file, by path. To be taken once, at the end.
    std::map<std::string, std::string> take_digests();
    SetidList& setid() { return setid_; }
    const std::set<std::string>& unknown_owners() const { return unknown_owners_; }
    std::size_t dropped_attributes() const { return dropped_attributes_; }

  private:
    void make_parents(const base::RootPath& path);
    base::Directory& directory_of(const base::RootPath& path);
    void set_attributes();
    unsigned permitted_mode(bool owner_known);
    void note_second_name(const base::RootPath& path, const base::RootPath& earlier);

    struct SetidMode {
        unsigned mode = 0;          ///< as in the archive
        jail::SetidPolicy policy{}; ///< that the file was treated by
    };

    const BuildPackage& package_;
    const BuildRequest& request_;
    const base::Tree& files_;
    std::set<std::string> made_;
    std::optional<base::Directory> here_;
    // Of the present file.
    std::optional<format::ArchiveMember> member_;
    base::RootPath path_;
    base::Fd file_;
    std::optional<std::string> promised_;
    std::optional<base::Digest> md5_, sha256_;

    std::map<std::string, std::string> digests_;
    std::vector<std::pair<std::string, std::string>> second_names_; ///< of a file, and an earlier one of it
    SetidList setid_;
    std::map<std::string, SetidMode> setid_modes_; ///< by path, each name of a file
    std::set<std::string> unknown_owners_;
    std::size_t dropped_attributes_ = 0;
};

} // namespace pkgjail::store
