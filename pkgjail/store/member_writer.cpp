#include "pkgjail/store/member_writer.hpp"

#include <array>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/digest_pair.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::RootPath;

namespace {

constexpr unsigned setid_bits = S_ISUID | S_ISGID;

/// Number of an owner's name in the image, nullopt when neither the platform nor a package of this image
/// declares it: the number in the archive is the builder's machine's and means nothing here.
std::optional<std::uint32_t> owner_number(const std::string& name, std::uint64_t stored, bool is_group,
                                          const AccountNumbers& numbers) {
    if (const auto number = platform_account_number(is_group, name))
        return number;
    const auto& table = is_group ? numbers.groups : numbers.users;
    if (const auto found = table.find(name); found != table.end())
        return found->second;
    if (name.empty() && stored == 0)
        return 0;
    return std::nullopt;
}

} // namespace

void MemberWriter::begin(const format::ArchiveMember& member, const std::optional<std::string>& md5) {
    const RootPath path = RootPath::parse(member.path);
    make_parents(path);
    switch (member.type) {
    case format::MemberType::file:
        file_ = directory_of(path).create_file(path.name());
        member_ = member;
        path_ = path;
        sha256_.emplace(base::DigestAlgorithm::sha256);
        promised_ = md5;
        if (promised_)
            md5_.emplace(base::DigestAlgorithm::md5);
        break;
    case format::MemberType::symlink:
        files_.make_symlink(member.link_target, path);
        files_.set_modification_time(path, member.modified);
        break;
    case format::MemberType::hard_link:
        files_.make_hard_link(files_, RootPath::parse(member.link_target), path);
        second_names_.emplace_back(path.str(), RootPath::parse(member.link_target).str());
        note_second_name(path, RootPath::parse(member.link_target));
        break;
    }
    if (member.has_extended_attributes)
        ++dropped_attributes_;
}

void MemberWriter::content(std::string_view bytes) {
    if (promised_)
        base::update_both(*md5_, *sha256_, bytes);
    else
        sha256_->update(bytes);
    base::write_all(file_.get(), bytes, files_.show(path_));
}

void MemberWriter::end() {
    if (!member_)
        return;
    set_attributes();
    file_.reset();
    member_.reset();
    if (promised_)
        if (const std::string md5 = md5_->finish(); md5 != *promised_)
            throw format::wrong_content(package_.archive_name, std::string(path_.relative()), md5,
                                        *promised_);
    digests_[path_.str()] = sha256_->finish();
}

std::map<std::string, std::string> MemberWriter::take_digests() {
    for (const auto& [name, earlier] : second_names_)
        if (const auto file = digests_.find(earlier); file != digests_.end())
            digests_[name] = file->second;
    return std::move(digests_);
}

void MemberWriter::make_parents(const RootPath& path) {
    const RootPath parent = path.parent();
    if (made_.insert(parent.str()).second)
        files_.make_directories(parent, 0755);
}

/// Files of one directory mostly stand together.
base::Directory& MemberWriter::directory_of(const RootPath& path) {
    if (!here_ || here_->path() != path.parent())
        here_.emplace(files_, path.parent());
    return *here_;
}

void MemberWriter::set_attributes() {
    const format::ArchiveMember& member = *member_;
    const auto uid = owner_number(member.user, member.uid, false, request_.accounts);
    const auto gid = owner_number(member.group, member.gid, true, request_.accounts);
    if (!uid)
        unknown_owners_.insert(member.user.empty() ? fmt::format("uid {}", member.uid) : member.user);
    if (!gid)
        unknown_owners_.insert(member.group.empty() ? fmt::format("gid {}", member.gid) : member.group);
    const base::Owner owner = permitted_owner({uid.value_or(0), gid.value_or(0)});
    // Owner first: a change of owner clears set-id bits.
    if (here_->owner_of_new() != owner && ::fchown(file_.get(), owner.uid, owner.gid) != 0)
        throw base::system_error(errno, files_.show(path_), "chown");
    const unsigned mode = permitted_mode(uid && gid);
    if (::fchmod(file_.get(), static_cast<mode_t>(mode)) != 0)
        throw base::system_error(errno, files_.show(path_), "chmod");
    const std::array<struct timespec, 2> times = {member.modified, member.modified};
    if (::futimens(file_.get(), times.data()) != 0)
        throw base::system_error(errno, files_.show(path_), "utimens");
}

/// The mode without what the policy does not allow. What was set-id for somebody that this image does not
/// know must not become set-id for root.
unsigned MemberWriter::permitted_mode(bool owner_known) {
    const unsigned mode = member_->mode & 0777u;
    if ((member_->mode & setid_bits) == 0)
        return mode;
    const auto policy = owner_known || request_.setid == jail::SetidPolicy::refuse ? request_.setid
                                                                                   : jail::SetidPolicy::strip;
    setid_modes_.insert_or_assign(path_.str(), SetidMode{member_->mode, policy});
    const SetidFile file{request_.prefix + path_.str(), member_->mode, package_.pkgname};
    return keeps_setid(policy, file, setid_) ? mode | (member_->mode & setid_bits) : mode;
}

/// Every name of a set-id file is told with the package that brought it: the scan would take one that nobody
/// noted for a script's.
void MemberWriter::note_second_name(const RootPath& path, const RootPath& earlier) {
    const auto file = setid_modes_.find(earlier.str());
    if (file == setid_modes_.end())
        return;
    const SetidMode mode = file->second;
    setid_modes_.insert_or_assign(path.str(), mode);
    keeps_setid(mode.policy, {request_.prefix + path.str(), mode.mode, package_.pkgname}, setid_);
}

} // namespace pkgjail::store
