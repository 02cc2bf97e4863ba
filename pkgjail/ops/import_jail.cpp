#include "pkgjail/ops/import_jail.hpp"

#include <unordered_map>

#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/accounts.hpp"
#include "pkgjail/format/byte_source.hpp"
#include "pkgjail/jail/name.hpp"
#include "pkgjail/ops/equal_files.hpp"
#include "pkgjail/ops/export_description.hpp"
#include "pkgjail/ops/jail_network.hpp"
#include "pkgjail/ops/lost.hpp"
#include "pkgjail/ops/make_image.hpp"
#include "pkgjail/ops/requirements.hpp"
#include "pkgjail/ops/secrets.hpp"
#include "pkgjail/ops/service.hpp"
#include "pkgjail/ops/settings.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/account_databases.hpp"
#include "pkgjail/store/clone_files.hpp"
#include "pkgjail/store/import_files.hpp"
#include "pkgjail/store/import_image.hpp"
#include "pkgjail/store/jail_files.hpp"
#include "pkgjail/store/renumber.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

constexpr std::size_t max_description = std::size_t{16} << 20;
constexpr std::size_t max_manifest = std::size_t{1} << 30;

class Import {
  public:
    Import(const Context& context, const ImportRequest& request)
        : context_(context), request_(checked(request)),
          session_(context, "import", request.jail, Session::Reads::foreign),
          lock_(session_.lock_jail(request.jail)), source_(request.archive, request.name),
          reader_(source_, request.name) {}

    ImportResult run() {
        if (catalog::Jails(session_.catalog()).find(request_.jail))
            throw Error(ErrorKind::conflict, request_.jail, "there is a jail of this name",
                        "give the jail another name, or destroy that one first");
        description_ = parse_description(reader_.text(description_name, max_description), request_.name);
        check_place();
        catalog::Jail jail = new_jail();
        check_claims(session_.catalog(), jail);
        settle_address(context_, session_.catalog(), jail, recipe_);
        jail_limits(context_, jail, recipe_);
        if (recipe_)
            check_requirements(context_, session_.catalog(), jail.name, *recipe_, jail.wanted_running);
        if (jail.wanted_running) {
            if (const auto missing = missing_secrets(context_, jail.id, recipe_); !missing.empty())
                throw secrets_error_before(jail.name, missing,
                                           "import it with --no-start"); // an archive has none
            check_ports_free(jail);
        }
        result_.jail = jail.name;
        result_.source = description_.jail.name;
        result_.snapshot = description_.snapshot;
        result_.addresses = addresses(recipe_, jail.address);
        if (context_.dry_run)
            return std::move(result_);
        make(jail);
        if (jail.wanted_running) {
            result_.status = start_jail(session_, jail);
            result_.started = true;
        }
        session_.finish();
        return std::move(result_);
    }

  private:
    static const ImportRequest& checked(const ImportRequest& request) {
        jail::check_name("jail", request.jail);
        if (::geteuid() != 0)
            throw Error(ErrorKind::denied, request.jail, "only root can give its files their owners",
                        "run pkgjail as root; as an ordinary user, install its packages anew");
        return request;
    }

    /// What the image was built for.
    void check_place() const {
        const catalog::Image& image = description_.image;
        if (image.prefix != context_.config.prefix)
            throw Error(ErrorKind::conflict, request_.name,
                        fmt::format("its packages live in {}, those of this host in {}", image.prefix,
                                    context_.config.prefix),
                        "set `prefix` in pkgjail.conf, with a state directory of its own");
        const std::string base = store::configured_base(context_.config.base).id;
        if (image.base_id != base)
            throw Error(
                ErrorKind::conflict, request_.name,
                fmt::format("its programs are for the base {}, and this host's is {}", image.base_id, base),
                "set `base` in pkgjail.conf to a directory with that system, or install the "
                "packages anew here");
    }

    catalog::Jail new_jail() {
        catalog::Jail jail = description_.jail;
        jail.id = base::random_hex(8);
        jail.name = request_.jail;
        jail.created_at = base::to_unix(base::wall_now());
        jail.current = 1;
        recipe_ = settle_copy(context_, jail, request_.set, request_.network, "the archive's jail");
        jail.wanted_running = request_.start && recipe_ && !recipe_->services.empty();
        return jail;
    }

    void make(const catalog::Jail& jail) {
        reader_.expect(description_.members, description_.bytes);
        const jail::Manifest manifest =
            store::verified_manifest(reader_.text(manifest_name, max_manifest), description_.image.build_key,
                                     description_.image.id, request_.name);
        // What is here stays until the jail has it.
        image_lock_.emplace(hold_image(context_, description_.image.build_key, base::LockMode::shared));
        const bool have_image = catalog::Images(session_.catalog()).find(description_.image.id).has_value();
        result_.image_reused = have_image;
        if (!have_image)
            image_lock_.reset(); // it gets a key of its own here, and what comes may come slowly
        check_room(have_image ? manifest.total_bytes() : 0);

        store::CloneStaging files(context_.layout, jail.id);
        files.make_empty();
        std::optional<store::ImageImport> image;
        if (!have_image)
            image.emplace(context_.layout);
        base::step("import.begun");
        unpack(manifest, files, image);
        base::step("import.unpacked");
        catalog::Image imported = description_.image;
        jail::Manifest final_manifest = manifest;
        if (image)
            settle_image(imported, final_manifest, *image, files);
        result_.image = imported.id;

        configure(jail, files);
        catalog::Generation first = generation_of(context_, imported.id, description_.generation.wishes);
        first.number = 1;
        first.reason = fmt::format("import of {}{}", description_.jail.name,
                                   description_.snapshot.empty() ? "" : "@" + description_.snapshot);
        try {
            if (image && !result_.image_reused)
                image->seal(imported.id);
            base::step("import.image_sealed");
            files.place(record_of(jail, first));
            commit(jail, first, imported, final_manifest);
            image_lock_.reset();
        } catch (...) {
            // The jail's files have their own name already, and so may the image, which is ours alone if the
            // catalog does not know it.
            store::remove_jail(context_.layout, jail.id);
            if (!catalog::Images(session_.catalog()).find(imported.id))
                store::remove_image(context_.layout, imported.id);
            throw;
        }
        base::step("import.committed");
        settle_committed(context_, context_.layout.jail(jail.id));
    }

    void check_room(std::uint64_t not_written) const {
        const std::uint64_t needed = description_.bytes - std::min(description_.bytes, not_written);
        const std::uint64_t free = base::free_bytes(context_.layout.state());
        if (needed > free)
            throw Error(ErrorKind::system, context_.layout.state().string(),
                        fmt::format("{} bytes are free, and the archive holds {}", free, needed),
                        "make room, or choose another state directory with --state");
    }

    void unpack(const jail::Manifest& manifest, const store::CloneStaging& files,
                std::optional<store::ImageImport>& image) {
        store::ManifestCheck check(manifest, request_.name);
        std::vector<store::ImportPart> parts;
        for (const char* place : {"/tree", "/seed/config", "/seed/data"}) {
            store::ImportPart part;
            part.name = std::string("image") + place;
            part.image = true;
            if (image)
                part.target = image->open(RootPath::parse(place));
            part.check = [&check, place](const format::TreeMember& member, const RootPath& path,
                                         const std::string& sha256) {
                check.member(RootPath::parse(place), member, path, sha256);
            };
            parts.push_back(std::move(part));
        }
        parts.push_back({"config", files.config(), false, {}});
        parts.push_back({"data", files.data(), false, {}});
        store::SetidList setid;
        std::uint64_t done = 0;
        reader_.trees(parts, context_.config.setid, setid, [&](std::uint64_t bytes) {
            done += bytes;
            context_.reporter.progress("import " + request_.jail, done, description_.bytes);
        });
        check.finish();
        for (auto& [path, line] : setid)
            result_.setid.push_back(std::move(line));
    }

    /// An image that this host has not got: its accounts get their numbers here, and it an id.
    void settle_image(catalog::Image& image, jail::Manifest& manifest, store::ImageImport& staging,
                      const store::CloneStaging& files) {
        const store::Renumbering renumbering = numbers_here(staging.open(RootPath::parse("/seed/config")));
        if (!renumbering.changes_nothing()) {
            context_.reporter.doing("give files the numbers that their owners have here");
            for (const char* part : {"/tree", "/seed/config", "/seed/data"})
                store::renumber(staging.open(RootPath::parse(part)), renumbering);
            store::renumber_accounts(staging.open(RootPath::parse("/seed/config")), renumbering);
            manifest = store::renumbered(manifest, staging.top(), renumbering);
            for (const Tree& tree : {files.config(), files.data()})
                store::renumber(tree, renumbering);
            store::renumber_accounts(files.config(), renumbering);
        }
        base::step("import.renumbered");
        const std::string text = manifest.text();
        image.build_key =
            base::sha256(fmt::format("pkgjail imported image 1\n{}\n{}", description_.image.id, text));
        image.id = base::sha256(image.build_key + "\n" + text);
        image.size_bytes = manifest.total_bytes();
        image.file_count = manifest.entries.size();
        // And what is not nobody else adds meanwhile.
        image_lock_.emplace(hold_image(context_, image.build_key, base::LockMode::exclusive));
        result_.image_reused = catalog::Images(session_.catalog()).find(image.id).has_value();
        if (result_.image_reused)
            return;
        EqualFiles equal(session_);
        staging.finish(manifest, text, record_of(image, accounts_),
                       [&](const jail::ManifestEntry& entry) { return equal.find(entry); });
    }

    store::Renumbering numbers_here(const Tree& seed_config) {
        store::Renumbering renumbering;
        catalog::Transaction transaction(session_.catalog().database());
        catalog::Accounts accounts(session_.catalog());
        // Groups first, as an install does it: a user without a number then gets its group's.
        for (const bool groups : {true, false})
            for (const auto& [name, there] : store::seed_accounts(seed_config, groups)) {
                const auto kind = groups ? catalog::AccountKind::group : catalog::AccountKind::user;
                const std::uint32_t here = accounts.allocate(kind, name, there);
                (groups ? accounts_.groups : accounts_.users)[name] = here;
                if (here == there)
                    continue;
                (groups ? renumbering.groups : renumbering.users)[there] = here;
                result_.renumbered.push_back(
                    fmt::format("{} {}: {} there, {} here", groups ? "group" : "user", name, there, here));
            }
        transaction.commit();
        return renumbering;
    }

    void configure(const catalog::Jail& jail, store::CloneStaging& files) {
        const std::string& prefix = context_.config.prefix;
        const std::string& source = description_.jail.name;
        if (recipe_) {
            catalog::Jail before = description_.jail;
            const auto rendered = rendered_recipe(context_, before);
            for (const RootPath& path :
                 files.write_recipe_files(prefix, rendered->files, recipe_->files, source))
                result_.kept.push_back(path.str());
        }
        if (store::needs_account_databases())
            store::make_account_databases(files.config());
        const store::Identity identity = files.renew_identity(prefix, source, jail.name);
        for (const auto* paths : {&identity.renewed, &identity.removed})
            for (const RootPath& path : *paths)
                result_.renewed.push_back(path.str());
        for (const RootPath& path : identity.unseen)
            context_.reporter.warn(fmt::format("jail {}: {} is behind a symbolic link and was not made new",
                                               jail.name, path.str()));
        files.make_root(store::configured_base(context_.config.base), prefix,
                        recipe_ ? recipe_->data_paths : std::vector<RootPath>{});
    }

    void commit(const catalog::Jail& jail, const catalog::Generation& first, const catalog::Image& image,
                const jail::Manifest& manifest) {
        catalog::Transaction transaction(session_.catalog().database());
        check_claims(session_.catalog(), jail);
        catalog::Images images(session_.catalog());
        if (!images.find(image.id))
            images.add(image, manifest);
        catalog::Jails(session_.catalog()).add(jail, first);
        transaction.commit();
    }

    const Context& context_;
    const ImportRequest& request_;
    Session session_;
    JailLock lock_;
    std::optional<base::Lock> image_lock_; ///< until the jail is in the catalog
    format::FdSource source_;
    store::ImportReader reader_;
    ExportDescription description_;
    std::optional<jail::RenderedRecipe> recipe_;
    store::AccountNumbers accounts_; ///< of the image, here
    ImportResult result_;
};

} // namespace

ImportResult import_jail(const Context& context, const ImportRequest& request) {
    return Import(context, request).run();
}

} // namespace pkgjail::ops
