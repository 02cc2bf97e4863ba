// A ship's configuration of sailor: a shell script of assignments, read as data. No shell sees it: what needs
// one to be known is told, with what to do instead.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::jail {

struct SailorShip {
    struct Note {
        std::size_t line = 0;
        std::string what;   ///< "rw_mounts=/home/www"
        std::string remedy; ///< what to do instead; in lower case, without full stop
    };
    std::string name; ///< shipname; empty: there is none
    std::vector<std::string> packages;
    std::vector<std::string> services; ///< names of rc.d scripts
    std::vector<Note> notes;           ///< all else, in order
};

/// Names that the file has given a value before are put in where they stand as $NAME or ${NAME}; single
/// quotes keep them out. Error{corrupt} with `file` and line for a quote without an end, and for a name,
/// packages or services that no package or service could have or that only a shell could know: also those
/// behind an if, a loop, a function or a here-document, which may be a part of it.
SailorShip read_sailor(std::string_view text, const std::string& file);

} // namespace pkgjail::jail
