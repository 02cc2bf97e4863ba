// What may stand next on a command line, from the table of commands. The shells' scripts (etc/completion) ask
// for it with `pkgjail complete`, so that they know no verb and no option themselves.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace pkgjail::cli {

struct Candidate {
    std::string text;
    std::string about; ///< one line; may be empty
};

/// What a word stands for where no fixed word is meant.
enum class WordKind {
    none, ///< nothing can be offered
    jail,
    jail_or_snapshot, ///< JAIL@SNAPSHOT too
    snapshot,         ///< of the jail that stands before it
    package,          ///< on offer
    installed,        ///< in the jail of --jail, or in the one that stands before it
    repository,       ///< that is configured
    recipe,
    limit_template,
    limit, ///< LIMIT=
    file,
    directory,
};

struct WordWanted {
    WordKind kind = WordKind::none;
    std::string jail;  ///< for snapshot and installed; empty: none was named
    std::string begin; ///< what is there of the word
};

/// Gives the words of a kind; those that do not begin as wanted are left out afterwards.
using WordSource = std::function<std::vector<Candidate>(const WordWanted&)>;

struct Completion {
    std::vector<Candidate> words;         ///< in the order of the table, or of the source
    WordKind also_files = WordKind::none; ///< file or directory: names of the shell's own finding as well
};

/// `words` are those behind "pkgjail", the last one being typed; it may be empty.
Completion complete(const std::vector<std::string>& words, const WordSource& source);

} // namespace pkgjail::cli
