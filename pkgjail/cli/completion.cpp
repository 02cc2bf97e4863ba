#include "pkgjail/cli/completion.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "pkgjail/cli/command.hpp"
#include "pkgjail/cli/usage.hpp"

namespace pkgjail::cli {

namespace po = boost::program_options;

namespace {

/// "check | backup FILE [--force] | rebuild" → check, backup, rebuild; "rc.d|systemd [--output DIR]" → rc.d,
/// systemd. Words that begin in upper case stand for something else.
std::vector<std::string> first_words(const std::string& arguments) {
    std::vector<std::string> result;
    std::stringstream alternatives(arguments);
    for (std::string part; std::getline(alternatives, part, '|');) {
        std::istringstream words(part);
        std::string word;
        if (words >> word && word.find_first_not_of("abcdefghijklmnopqrstuvwxyz.-") == std::string::npos &&
            word.front() != '-')
            result.push_back(word);
    }
    return result;
}

/// "[--format tar|oci]" → tar, oci: what the usage line of a command allows as value of an option.
std::vector<std::string> listed_values(const std::string& arguments, const std::string& option) {
    const std::size_t at = arguments.find("--" + option + " ");
    if (at == std::string::npos)
        return {};
    const std::size_t begin = at + option.size() + 3;
    const std::string value = arguments.substr(begin, arguments.find_first_of(" ]", begin) - begin);
    return value.find('|') == std::string::npos ? std::vector<std::string>{} : first_words(value);
}

WordKind kind_of_value(const std::string& value_name) {
    if (value_name == "JAIL")
        return WordKind::jail;
    if (value_name == "PKG")
        return WordKind::installed;
    if (value_name == "REPOSITORY")
        return WordKind::repository;
    if (value_name == "RECIPE")
        return WordKind::recipe;
    if (value_name == "TEMPLATE")
        return WordKind::limit_template;
    if (value_name == "LIMIT=VALUE")
        return WordKind::limit;
    if (value_name == "FILE")
        return WordKind::file;
    if (value_name == "DIR")
        return WordKind::directory;
    return WordKind::none;
}

/// Verbs whose packages are those that a jail has; every other one takes what is on offer.
bool takes_installed(const Command& command) {
    static const std::set<std::string> verbs = {"remove", "hold", "unhold", "why", "files"};
    return verbs.contains(command.name);
}

class Completer {
  public:
    Completer(const std::vector<std::string>& words, const WordSource& source)
        : words_(words), source_(source), options_(global_options()) {}

    Completion run() {
        if (words_.empty())
            return {};
        begin_ = words_.back();
        read();
        if (waiting_ != nullptr)
            value_of(*waiting_, begin_);
        else if (inner_ > 0)
            result_.also_files = WordKind::file;
        else if (only_positionals_ || !begin_.starts_with("-"))
            positional();
        else if (const std::size_t equal = begin_.find('='); equal != std::string::npos)
            value_of_equal(equal);
        else
            option_names();
        return std::move(result_);
    }

  private:
    /// Walks the words before the last one: the verb, its options, what stands free.
    void read() {
        for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
            const std::string& word = words_[i];
            if (inner_ > 0) {
                ++inner_;
            } else if (waiting_ != nullptr) {
                if (waiting_->long_name() == "jail")
                    jail_ = word;
                waiting_ = nullptr;
            } else if (!only_positionals_ && word == "--") {
                only_positionals_ = true;
            } else if (!only_positionals_ && word.size() > 1 && word.front() == '-') {
                read_option(word);
            } else if (command_ == nullptr) {
                command_ = find_command(word);
                if (command_ == nullptr)
                    known_ = false;
                else
                    command_->options(options_);
            } else {
                free_.push_back(word);
                if (command_->rest_verbatim)
                    inner_ = 1;
            }
        }
    }

    void read_option(const std::string& word) {
        const std::size_t equal = word.find('=');
        const po::option_description* option = find(word.substr(0, equal));
        if (option == nullptr || option->semantic()->max_tokens() == 0)
            return;
        if (equal == std::string::npos)
            waiting_ = option;
        else if (option->long_name() == "jail")
            jail_ = word.substr(equal + 1);
    }

    /// "--jail", "-j".
    const po::option_description* find(const std::string& word) const {
        for (const auto& option : options_.options())
            if ("--" + option->long_name() == word ||
                (word.size() == 2 && option->format_name().starts_with(word + " ")))
                return option.get();
        return nullptr;
    }

    void add(std::vector<Candidate> candidates, const std::string& begin, const std::string& prefix = {}) {
        for (Candidate& candidate : candidates)
            if (candidate.text.starts_with(begin)) {
                candidate.text.insert(0, prefix);
                result_.words.push_back(std::move(candidate));
            }
    }

    void add(const std::vector<std::string>& words, const std::string& begin,
             const std::string& prefix = {}) {
        std::vector<Candidate> candidates;
        for (const std::string& word : words)
            candidates.push_back({word, ""});
        add(std::move(candidates), begin, prefix);
    }

    void add_kind(WordKind kind, const std::string& begin, const std::string& prefix = {}) {
        if (kind == WordKind::file || kind == WordKind::directory) {
            result_.also_files = kind;
        } else if (kind == WordKind::jail_or_snapshot && begin.find('@') != std::string::npos) {
            const std::size_t at = begin.find('@');
            const std::string rest = begin.substr(at + 1);
            add(source_({WordKind::snapshot, begin.substr(0, at), rest}), rest,
                prefix + begin.substr(0, at + 1));
        } else if (kind != WordKind::none) {
            if (kind == WordKind::jail_or_snapshot)
                kind = WordKind::jail;
            add(source_({kind, jail_, begin}), begin, prefix);
        }
    }

    void value_of(const po::option_description& option, const std::string& begin,
                  const std::string& prefix = {}) {
        const auto listed = command_ == nullptr ? std::vector<std::string>{}
                                                : listed_values(command_->arguments, option.long_name());
        if (!listed.empty())
            add(listed, begin, prefix);
        else
            add_kind(kind_of_value(option.semantic()->name()), begin, prefix);
    }

    void value_of_equal(std::size_t equal) {
        const po::option_description* option = find(begin_.substr(0, equal));
        if (option != nullptr && option->semantic()->max_tokens() > 0)
            value_of(*option, begin_.substr(equal + 1), begin_.substr(0, equal + 1));
    }

    void option_names() {
        std::vector<Candidate> names;
        if (command_ != nullptr) {
            po::options_description own;
            command_->options(own);
            for (const auto& option : own.options())
                names.push_back({"--" + option->long_name(), option->description()});
        }
        const po::options_description globals = global_options();
        for (const auto& option : globals.options())
            names.push_back({"--" + option->long_name(), option->description()});
        add(std::move(names), begin_);
    }

    void positional() {
        if (!known_)
            return;
        if (command_ == nullptr) {
            std::vector<Candidate> verbs;
            for (const Command& command : commands())
                verbs.push_back({command.name, command.summary});
            return add(std::move(verbs), begin_);
        }
        const auto& names = command_->positional;
        if (names.empty() || (free_.size() >= names.size() && !names.back().ends_with("…")))
            return;
        const std::string& name = names[std::min(free_.size(), names.size() - 1)];
        if (jail_.empty() && !names.empty() && names.front().starts_with("jail") && !free_.empty())
            jail_ = free_.front();
        free_word(name);
    }

    void free_word(const std::string& name) {
        const std::string verb = command_->name;
        if (name.starts_with("jail")) {
            // "clone SRC DST", "import FILE JAIL": the second one is a name that nobody has yet.
            if (free_.empty())
                add_kind(verb == "export" ? WordKind::jail_or_snapshot : WordKind::jail, begin_);
            if (!free_.empty() && name.ends_with("…"))
                add_kind(WordKind::jail, begin_);
        } else if (name == "source") {
            add_kind(WordKind::jail_or_snapshot, begin_);
        } else if (name == "name" && (verb == "restore" || verb == "drop")) {
            add_kind(WordKind::snapshot, begin_);
        } else if (name.starts_with("package")) {
            add_kind(takes_installed(*command_) ? WordKind::installed : WordKind::package, begin_);
            if (verb == "install")
                result_.also_files = WordKind::file;
            if (verb == "files")
                add_kind(WordKind::jail, begin_);
        } else if (name == "recipe…") {
            if (free_.front() != "list")
                add_kind(WordKind::recipe, begin_);
            if (free_.front() == "check")
                result_.also_files = WordKind::file;
        } else if (name == "limit=value…") {
            add_kind(WordKind::limit, begin_);
        } else if (name == "file" || name == "path") {
            add_kind(WordKind::file, begin_);
        } else if (name == "command") {
            std::vector<Candidate> verbs;
            for (const Command& command : commands())
                verbs.push_back({command.name, command.summary});
            add(std::move(verbs), begin_);
        } else if (free_.empty()) {
            add(first_words(command_->arguments), begin_);
        }
    }

    const std::vector<std::string>& words_;
    const WordSource& source_;
    po::options_description options_;
    std::string begin_;
    const Command* command_ = nullptr;
    bool known_ = true; ///< the verb, where there is one
    std::vector<std::string> free_;
    std::string jail_;
    const po::option_description* waiting_ = nullptr; ///< an option whose value comes next
    bool only_positionals_ = false;
    std::size_t inner_ = 0; ///< words of exec's inner command
    Completion result_;
};

} // namespace

Completion complete(const std::vector<std::string>& words, const WordSource& source) {
    return Completer(words, source).run();
}

} // namespace pkgjail::cli
