#include "pkgjail/ops/export_jail.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/core.h>

#include "pkgjail/base/clock.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/base/step.hpp"
#include "pkgjail/catalog/images.hpp"
#include "pkgjail/ops/export_description.hpp"
#include "pkgjail/ops/quiet_jail.hpp"
#include "pkgjail/ops/recover.hpp"
#include "pkgjail/ops/snapshot.hpp"
#include "pkgjail/ops/start_jail.hpp"
#include "pkgjail/ops/switch_image.hpp"
#include "pkgjail/store/accounts.hpp"
#include "pkgjail/store/export_files.hpp"
#include "pkgjail/store/import_files.hpp"
#include "pkgjail/store/import_image.hpp"
#include "pkgjail/store/oci_layout.hpp"
#include "pkgjail/store/output_file.hpp"
#include "pkgjail/store/renumber.hpp"
#include "pkgjail/store/snapshot_files.hpp"

namespace pkgjail::ops {

using base::Error;
using base::ErrorKind;
using base::RootPath;
using base::Tree;

namespace {

store::OwnerNames owner_names(const Tree& seed_config) {
    store::OwnerNames names;
    for (const bool groups : {false, true}) {
        auto& table = groups ? names.groups : names.users;
        for (const auto& [name, number] : store::seed_accounts(seed_config, groups))
            table.emplace(number, name);
        for (const char* name : {"root", "wheel", "daemon", "nobody", "sys", "tty", "nogroup"})
            if (const auto number = store::platform_account_number(groups, name))
                table.emplace(*number, name);
    }
    return names;
}

constexpr std::string_view image_prefix = "image";

class Export {
  public:
    Export(const Context& context, const ExportRequest& request)
        : context_(context), request_(request), session_(context, "export", request.jail),
          lock_(session_.lock_jail(request.jail)), jail_(require_jail(session_.catalog(), request.jail)) {}

    ExportResult run() {
        if (request_.format == ExportRequest::Format::oci)
            store::OciLayout::check(request_.file, request_.replace);
        else if (!request_.file.empty())
            store::OutputFile::check(request_.file, request_.replace);
        ExportSource source = the_source();
        if (context_.dry_run) {
            ExportResult result;
            result.jail = jail_.name;
            result.snapshot = request_.snapshot;
            result.image = source.generation.image_id;
            result.left_out = LeftOut(jail_);
            return result;
        }
        if (request_.snapshot.empty())
            require_in_place(jail_);
        // Only the configuration goes into an OCI image, and no running jail need stand still for a copy of
        // its data; freezing both is simpler, and they belong together.
        std::optional<store::SnapshotStaging> frozen;
        if (request_.snapshot.empty() && is_running(supervise::read_status(context_.layout.run(jail_.id))))
            freeze(frozen, source);
        ExportResult result = request_.format == ExportRequest::Format::oci
                                  ? export_oci(session_, source, request_)
                                  : export_tar(source);
        result.left_out = LeftOut(jail_);
        session_.finish();
        return result;
    }

  private:
    ExportSource the_source() {
        const store::Layout& layout = context_.layout;
        ExportSource source;
        source.snapshot = request_.snapshot;
        const catalog::Snapshot state = request_.snapshot.empty()
                                            ? snapshot_now(session_, jail_, "")
                                            : require_snapshot(session_.catalog(), jail_, request_.snapshot);
        source.jail = jail_;
        source.jail.settings = state.settings; // what they claim, whoever imports it finds out anew
        source.generation = generation_of(context_, state.image_id, state.wishes);
        source.generation.number = state.generation;
        source.config = request_.snapshot.empty() ? layout.jail_config(jail_.id, jail_.current)
                                                  : layout.snapshot_config(state.id);
        source.data = request_.snapshot.empty() ? layout.jail_data(jail_.id) : layout.snapshot_data(state.id);
        return source;
    }

    void freeze(std::optional<store::SnapshotStaging>& frozen, ExportSource& source) {
        const std::string id = base::random_hex(8);
        frozen.emplace(context_.layout, id);
        QuietJail quiet(session_, jail_);
        context_.reporter.doing("copy configuration and data of " + jail_.name);
        frozen->freeze_data(jail_.id);
        frozen->freeze_config(jail_.id, jail_.current);
        base::step("export.frozen");
        quiet.resume();
        const base::HostPath staging = context_.layout.snapshot_staging(id);
        source.config = staging / "config";
        source.data = staging / "data";
    }

    ExportResult export_tar(const ExportSource& source) {
        std::optional<store::OutputFile> file;
        base::Fd output;
        if (request_.file.empty())
            output = base::Fd(::fcntl(request_.output, F_DUPFD_CLOEXEC, 3));
        else
            file.emplace(request_.file, request_.replace);
        const base::Fd& target = file ? file->fd() : output;
        ExportResult result =
            write(source, target, request_.file.empty() ? "standard output" : request_.file.string());
        base::step("export.written");
        if (file)
            file->commit();
        base::step("export.placed");
        return result;
    }

    ExportResult write(const ExportSource& source, const base::Fd& target, const std::string& name) {
        const store::Layout& layout = context_.layout;
        const std::string& image_id = source.generation.image_id;
        const Tree image = Tree::open(layout.image(image_id));
        const std::string manifest = base::read_file(layout.image_manifest(image_id), std::size_t{1} << 30);
        struct Part {
            std::string name;
            Tree tree;
            store::Holes holes;
        };
        std::vector<Part> parts;
        for (const char* part : {"tree", "seed/config", "seed/data"})
            parts.push_back({fmt::format("{}/{}", image_prefix, part), image.open_tree(RootPath::parse(part)),
                             store::Holes::fill});
        parts.push_back({"config", Tree::open(source.config), store::Holes::keep});
        parts.push_back({"data", Tree::open(source.data), store::Holes::keep});

        ExportDescription description;
        description.version = PKGJAIL_VERSION;
        description.created_at = base::to_unix(base::wall_now());
        description.snapshot = source.snapshot;
        description.image.id = image_id;
        store::ExportSize size{2, manifest.size()};
        for (const Part& part : parts)
            size += store::export_size(part.tree, part.holes);
        description.members = size.members;
        description.bytes = size.bytes;

        std::uint64_t done = 0;
        format::TreeArchiveWriter writer(target, name, format::TarForm::exported);
        store::TreeExporter exporter(writer, owner_names(image.open_tree(RootPath::parse("/seed/config"))),
                                     [&](std::uint64_t bytes) {
                                         done += bytes;
                                         context_.reporter.progress("export " + jail_.name, done, size.bytes);
                                     });
        const std::int64_t now = description.created_at;
        exporter.add_text(description_name,
                          text_of(description, record_of(source.jail, source.generation),
                                  base::read_file(layout.image_record(image_id))),
                          now);
        exporter.add_text(manifest_name, manifest, now);
        const jail::Manifest recorded = jail::Manifest::parse(manifest);
        store::ManifestCheck check(recorded, name);
        try {
            for (const Part& part : parts) {
                exporter.written = nullptr;
                if (part.name.starts_with(image_prefix))
                    exporter.written = [&, place = RootPath::parse(part.name.substr(image_prefix.size()))](
                                           const format::TreeMember& member, const RootPath& path,
                                           const std::string& sha256) {
                        check.member(place, member, path, sha256);
                    };
                exporter.add_tree(part.tree, part.name, part.holes);
            }
            check.finish();
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::trust)
                throw;
            throw damaged_image(image_id, error.cause());
        }
        const std::uint64_t members = size.members - exporter.left_out().size();
        const std::string digests = store::digests_text(exporter.digests(), members);
        exporter.add_text(store::digests_name, digests, now);
        const format::WrittenArchive written = writer.finish();
        for (const std::string& path : exporter.left_out())
            context_.reporter.warn(path + " is a socket, and was left out");

        ExportResult result;
        result.jail = jail_.name;
        result.snapshot = source.snapshot;
        result.image = image_id;
        result.members = members;
        result.bytes = written.bytes;
        result.sha256 = written.sha256;
        return result;
    }

    const Context& context_;
    const ExportRequest& request_;
    Session session_;
    JailLock lock_;
    catalog::Jail jail_;
};

} // namespace

Error damaged_image(const std::string& image_id, const std::string& cause) {
    return {ErrorKind::corrupt, "image " + image_id.substr(0, 12), cause + "; nothing was exported",
            "pkgjail verify tells all that is damaged; an upgrade gives the jail another image"};
}

ExportResult export_jail(const Context& context, const ExportRequest& request) {
    return Export(context, request).run();
}

} // namespace pkgjail::ops
