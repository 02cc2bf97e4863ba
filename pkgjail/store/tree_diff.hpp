// What differs between two states of files: a line a path, with a letter and what it is that differs.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/jail/manifest.hpp"
#include "pkgjail/store/file_view.hpp"

namespace pkgjail::store {

enum class Change : char { added = 'A', removed = 'R', changed = 'M' };

struct Difference {
    base::RootPath path;
    Change change = Change::changed;
    /// Of what was added or removed its type; else one or more of "type: file, now a directory",
    /// "mode: 0644, now 0600", "owner: 0:0, now 80:80", "content", "size: 10, now 12",
    /// "target: a, now b". Foreign text as it is.
    std::vector<std::string> what;
};

/// In byte order of paths. The tops themselves are not compared, and times nowhere. With a directory that
/// only one side has, everything in it is listed. Either side may be changing meanwhile: what goes away
/// counts as not there. No link is followed; Error{corrupt} for one that takes a directory's place at that
/// very moment, and for a path longer than a RootPath can be.
std::vector<Difference> differences(const FileView& before, const FileView& after);

/// The same of two manifests: of the paths below `top` ("/tree"), shown below `shown`.
std::vector<Difference> differences(const jail::Manifest& before, const jail::Manifest& after,
                                    const base::RootPath& top, const base::RootPath& shown);

/// What an image on disk has that its manifest does not say, or lacks, or has otherwise: every file is read.
/// Nothing may differ; whatever does is damage. `image` holds tree/ and seed/; paths as in the manifest.
std::vector<Difference> image_damage(const base::Tree& image, const jail::Manifest& manifest);

} // namespace pkgjail::store
