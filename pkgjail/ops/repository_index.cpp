#include "pkgjail/ops/repository_index.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/file_set.hpp"
#include "pkgjail/base/look.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/format/archive_compress.hpp"
#include "pkgjail/format/signed_index.hpp"
#include "pkgjail/format/summary_writer.hpp"
#include "pkgjail/ops/repository_keys.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/repo/cache.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::HostPath;
using format::SignedIndex;
using format::TextCompression;

namespace {

struct IndexForm {
    const char* name;
    TextCompression compression;
    bool always; ///< the others only where they are there already
};
constexpr IndexForm forms[] = {
    {"pkg_summary.gz", TextCompression::gzip, true},    {"pkg_summary.zst", TextCompression::zstd, true},
    {"pkg_summary.bz2", TextCompression::bzip2, false}, {"pkg_summary.xz", TextCompression::xz, false},
    {"pkg_summary", TextCompression::none, false},
};

std::vector<std::string> archive_names(const HostPath& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        const std::string name = entry.path().filename().string();
        for (const char* const ending : {".tgz", ".tbz", ".txz", ".tzst"})
            if (name.ends_with(ending) && !name.starts_with('.'))
                names.push_back(name);
    }
    if (error)
        throw base::system_error(error.value(), directory.string(), "opendir");
    std::sort(names.begin(), names.end());
    return names;
}

class Indexing {
  public:
    Indexing(const Context& context, const IndexRequest& request)
        : context_(context), request_(request), signature_(request.directory / SignedIndex::file_name) {}

    IndexResult run() {
        refuse_unsigned();
        std::vector<HostPath> key_files;
        if (request_.sign) {
            key_files = files_of_keys();
            read_present_signature();
        }
        const std::string text = summary();
        // After the last archive: a process that reads them begins with a copy of what we know.
        base::step("index.read");
        for (const HostPath& file : key_files)
            keys_.push_back(read_secret_key(context_, file));
        for (const IndexForm& form : forms)
            if (form.always || base::exists(request_.directory / form.name))
                add(form.name, format::compress_text(text, form.compression));
        if (request_.sign)
            sign();
        if (context_.dry_run)
            return std::move(result_);
        // The signature last: until it is there, a reader sees that index and signature do not fit and asks
        // again, and takes nothing.
        std::vector<base::NewContent> files;
        for (std::size_t i = 0; i < contents_.size(); ++i)
            files.push_back({request_.directory / result_.files[i].name, contents_[i]});
        const std::string signature = request_.sign ? index_.text() : "";
        if (request_.sign)
            files.push_back({signature_, signature});
        base::write_files_atomically(files, 0644, [] { base::step("index.file_written"); });
        base::step("index.written");
        return std::move(result_);
    }

  private:
    void refuse_unsigned() const {
        if (!request_.sign && base::exists(signature_))
            throw Error(
                ErrorKind::conflict, request_.directory.string(),
                fmt::format("its index is signed ({}), and a new one would not be", SignedIndex::file_name),
                "add --sign; to give signing up, remove the signature first");
    }

    std::vector<HostPath> files_of_keys() const {
        std::vector<HostPath> files = request_.keys;
        if (files.empty())
            files = own_secret_keys(context_);
        if (files.empty())
            throw Error(ErrorKind::not_found, (context_.config.etc / "keys").string(),
                        "there is no key to sign with", "pkgjail repo key new NAME makes one");
        return files;
    }

    /// Identity and serial go on from the signature that is there. It is our own directory: nobody's
    /// signature is believed by this, the numbers alone are taken.
    void read_present_signature() {
        const auto text = base::read_file_if_exists(signature_, SignedIndex::max_bytes);
        if (text) {
            const SignedIndex present =
                base::while_doing("read " + signature_.string(), [&] { return SignedIndex::parse(*text); });
            index_.repository = present.repository;
            index_.serial = present.serial + 1;
        }
        if (!request_.id.empty()) {
            if (!format::is_repository_id(request_.id))
                throw Error(ErrorKind::usage, "--id",
                            fmt::format("found \"{}\", allowed: a letter a-z or a digit, then letters a-z, "
                                        "digits, \".\", \"_\" and \"-\", at most 64 characters",
                                        request_.id));
            index_.repository = request_.id;
        }
        if (index_.repository.empty())
            index_.repository = base::random_hex(8);
    }

    std::string summary() {
        std::map<std::string, std::string> records; ///< by pkgname
        std::map<std::string, std::string> files;
        for (const std::string& name : archive_names(request_.directory)) {
            context_.reporter.doing("read " + name);
            repo::check_file_name(name);
            const repo::CheckedArchive archive = repo::check_local_archive(request_.directory / name);
            const format::PackageMetadata metadata = format::read_package_metadata(archive.fd, name);
            const std::string& pkgname = metadata.plist.pkgname;
            if (const auto other = files.find(pkgname); other != files.end())
                throw Error(ErrorKind::conflict, request_.directory.string(),
                            fmt::format("{} and {} both hold {}", other->second, name, pkgname),
                            "remove one of them");
            files[pkgname] = name;
            records[pkgname] =
                format::summary_record(metadata, name, archive.size,
                                       base::digest_of_file(base::DigestAlgorithm::sha512, archive.fd, name));
        }
        std::string text;
        for (const auto& [pkgname, record] : records)
            text += record;
        result_.packages = records.size();
        if (records.empty())
            context_.reporter.warn(
                fmt::format("{}: has no packages (FILE.tgz and the like), so its index is empty",
                            request_.directory.string()));
        return text;
    }

    void add(const std::string& name, std::string content) {
        result_.files.push_back({name, content.size(), base::sha256(content)});
        contents_.push_back(std::move(content));
    }

    void sign() {
        // Whole seconds, as they are written.
        const std::int64_t now = base::to_unix(base::wall_now());
        index_.made_at = base::from_unix(now);
        index_.expires = base::from_unix(
            now + std::chrono::duration_cast<std::chrono::seconds>(request_.valid_for).count());
        // Seconds since 1970 go on rising where the signature of before was lost.
        index_.serial = std::max(index_.serial, static_cast<std::uint64_t>(now));
        for (const IndexedFile& file : result_.files)
            index_.files.push_back({file.name, file.size_bytes, file.sha256});
        for (const RevokedKey& key : read_revoked_keys(context_))
            index_.revoked.push_back(key.id);
        index_.sign(keys_);
        result_.is_signed = true;
        result_.id = index_.repository;
        result_.serial = index_.serial;
        result_.made_at = index_.made_at;
        result_.expires = index_.expires;
        result_.revoked = index_.revoked;
        for (const SignedIndex::Signature& signature : index_.signatures)
            result_.key_ids.push_back(signature.key_id);
        if (index_.text().size() > SignedIndex::max_bytes)
            throw Error(ErrorKind::conflict, signature_.string(), "too many keys sign it or are revoked",
                        "sign with fewer, and take old ones out of the list of revoked keys");
    }

    const Context& context_;
    const IndexRequest& request_;
    HostPath signature_;
    std::vector<format::SecretKey> keys_;
    SignedIndex index_;
    std::vector<std::string> contents_; ///< of result_.files
    IndexResult result_;
};

} // namespace

IndexResult index_repository(const Context& context, const IndexRequest& request) {
    prepare_readers(context);
    return Indexing(context, request).run();
}

} // namespace pkgjail::ops
