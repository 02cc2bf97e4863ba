// export: a jail as one portable file, or its image as an OCI image.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/path.hpp"
#include "pkgjail/catalog/snapshots.hpp"
#include "pkgjail/ops/session.hpp"
#include "pkgjail/ops/snapshot.hpp"

namespace pkgjail::ops {

struct ExportRequest {
    enum class Format { tar, oci };
    std::string jail;
    std::string snapshot; ///< empty: the jail as it is
    base::HostPath file;  ///< absolute; empty: to `output`
    int output = -1;      ///< descriptor, stays the caller's
    Format format = Format::tar;
    bool replace = false;
    bool with_base = false; ///< OCI only: a part with the directories of the base
};

struct ExportResult {
    std::string jail;
    std::string snapshot;
    std::string image;
    std::uint64_t members = 0; ///< of the archive; of an OCI image: its parts
    std::uint64_t bytes = 0;   ///< of the file, or of all blobs of an OCI image
    std::string sha256;        ///< of the file; of an OCI image: of its manifest
    LeftOut left_out;
};

/// A running jail is paused while its files are frozen, never longer; a snapshot is exported as it is. The
/// file appears whole under its name or not at all. Error{conflict} when it exists, unless it is to be
/// replaced.
ExportResult export_jail(const Context& context, const ExportRequest& request);

/// What both forms of an export work on.
struct ExportSource {
    catalog::Jail jail;
    catalog::Generation generation; ///< image and wishes, of the snapshot where it is one
    std::string snapshot;
    base::HostPath config; ///< nobody changes the two
    base::HostPath data;
};

/// A file of an image is not what its manifest says. The cause names it.
base::Error damaged_image(const std::string& image_id, const std::string& cause);

/// The jail's image with its configuration, as an OCI image layout: a directory, or a tar archive of one
/// where the name ends in ".tar".
ExportResult export_oci(Session& session, const ExportSource& source, const ExportRequest& request);

} // namespace pkgjail::ops
