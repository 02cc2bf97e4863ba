// The first member of an export: what the archive holds and how the jail in it was made. pkgjail-export(5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pkgjail/catalog/images.hpp"
#include "pkgjail/catalog/jails.hpp"

namespace pkgjail::ops {

inline constexpr const char* description_name = "pkgjail-export.json";
inline constexpr const char* manifest_name = "image/manifest";

struct ExportDescription {
    std::string version; ///< of the pkgjail that made it
    std::int64_t created_at = 0;
    std::string snapshot;           ///< empty: of the jail as it was
    catalog::Jail jail;             ///< what jail.json holds: claims, volumes, mounts, wanted_running and
                                    ///< operation are not in it
    catalog::Generation generation; ///< image_id and wishes
    catalog::Image image;           ///< size and file count are not in it
    std::uint64_t members = 0;      ///< of the archive, digests not counted
    std::uint64_t bytes = 0;        ///< data of all of them
};

/// `jail_record` and `image_record` are the texts of jail.json and image.json.
std::string text_of(const ExportDescription& description, const std::string& jail_record,
                    const std::string& image_record);

/// Error{corrupt}, with `archive` as object, for everything that is not as text_of writes it: unknown forms,
/// names, digests, numbers, control characters.
ExportDescription parse_description(const std::string& text, const std::string& archive);

} // namespace pkgjail::ops
