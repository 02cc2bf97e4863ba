#include "pkgjail/store/account_merge.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <set>

#include <fmt/core.h>

namespace pkgjail::store {

namespace {

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos)
            return parts;
        text.remove_prefix(end + 1);
    }
}

/// An entry's line in its parts. A line with lists has `head` in front of them; in any other the head is all.
struct Account {
    std::string_view line;
    std::string_view name;
    std::string_view head;
    std::vector<std::string_view> lists;
    std::optional<std::uint64_t> number;
};

std::optional<Account> read_account(const AccountFormat& format, std::string_view line) {
    if (line.empty() || line.front() == '#' || line.front() == ':')
        return std::nullopt;
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < format.least_fields)
        return std::nullopt;
    Account account{line, fields.front(), line, {}, std::nullopt};
    if (format.first_list && fields.size() == *format.first_list + format.list_count) {
        const char* lists_begin = fields[*format.first_list].data();
        account.head = line.substr(0, static_cast<std::size_t>(lists_begin - line.data()));
        account.lists.assign(fields.begin() + static_cast<std::ptrdiff_t>(*format.first_list), fields.end());
    }
    if (format.number_field && fields.size() > *format.number_field) {
        const std::string_view text = fields[*format.number_field];
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc() && end == text.data() + text.size())
            account.number = value;
    }
    return account;
}

/// A file's text without its last newline, line by line; an empty one has none.
std::vector<std::string_view> lines_of(std::string_view text) {
    if (text.ends_with('\n'))
        text.remove_suffix(1);
    else if (text.empty())
        return {};
    return split(text, '\n');
}

/// The entries that count: the first of each name.
struct Table {
    std::vector<Account> in_order;
    std::map<std::string_view, std::size_t> by_name;

    const Account* find(std::string_view name) const {
        const auto found = by_name.find(name);
        return found == by_name.end() ? nullptr : &in_order[found->second];
    }
};

Table read_table(const AccountFormat& format, std::string_view text) {
    Table table;
    for (const std::string_view line : lines_of(text))
        if (auto account = read_account(format, line);
            account && table.by_name.try_emplace(account->name, table.in_order.size()).second)
            table.in_order.push_back(std::move(*account));
    return table;
}

/// Names of a list with commas, in order; empty ones are left out.
std::vector<std::string_view> names_in(std::string_view list) {
    std::vector<std::string_view> names = split(list, ',');
    std::erase_if(names, [](std::string_view name) { return name.empty(); });
    return names;
}

/// `mine` without the names that the new version took away and with those that it added. Untouched, byte by
/// byte, where there are none.
std::string merge_list(std::string_view old_list, std::string_view new_list, std::string_view mine) {
    const auto set_of = [](const std::vector<std::string_view>& names) {
        return std::set<std::string_view>(names.begin(), names.end());
    };
    const std::vector<std::string_view> new_names = names_in(new_list);
    const auto before = set_of(names_in(old_list));
    const auto after = set_of(new_names);
    std::vector<std::string_view> names = names_in(mine);
    auto present = set_of(names);
    bool is_changed = std::erase_if(names, [&](std::string_view name) {
                          return before.contains(name) && !after.contains(name);
                      }) > 0;
    for (const std::string_view name : new_names)
        if (!before.contains(name) && present.insert(name).second) {
            names.push_back(name);
            is_changed = true;
        }
    if (!is_changed)
        return std::string(mine);
    std::string text;
    for (const std::string_view name : names)
        text.append(text.empty() ? "" : ",").append(name);
    return text;
}

/// One merge. Of the operator's text, which may be hostile, only entries that one of the seeds has as well
/// are taken apart and kept; all other lines are looked at once and copied.
class Merge {
  public:
    Merge(const AccountFormat& format, std::string_view old_text, std::string_view new_text,
          std::string_view mine)
        : format_(format), old_(read_table(format, old_text)), new_(read_table(format, new_text)),
          mine_(mine) {
        for (const Account& account : new_.in_order)
            if (account.number)
                users_of_number_[*account.number];
    }

    AccountMerge run() {
        read_mine();
        for (auto& [name, entry] : entries_)
            merge_entry(entry);
        for (const auto& [name, entry] : entries_)
            if (!entry.is_removed)
                use_number(name, entry.number);
        // Each that falls back takes its old number again, which may be another's new one.
        while (std::any_of(entries_.begin(), entries_.end(),
                           [this](auto& named) { return falls_back(named.second); })) {
        }
        std::string added;
        for (const Account& account : new_.in_order)
            if (!entries_.contains(account.name) && is_added(account))
                added.append(account.line).append("\n");
        return {text() + added, std::move(conflicts_)};
    }

  private:
    /// An entry of the operator's that a seed has as well.
    struct Entry {
        Account account; ///< as it stands in the operator's file
        bool is_repeated = false;
        bool is_removed = false;
        std::string line;                    ///< as it will stand
        std::optional<std::uint64_t> number; ///< as it will be
    };

    void read_mine() {
        for (const std::string_view line : lines_of(mine_)) {
            auto account = read_account(format_, line);
            if (!account)
                continue;
            const bool is_known = old_.find(account->name) != nullptr || new_.find(account->name) != nullptr;
            const auto known = is_known ? entries_.find(account->name) : entries_.end();
            if (known != entries_.end()) {
                known->second.is_repeated = true;
            } else if (is_known) {
                const std::string_view name = account->name;
                const auto number = account->number;
                entries_.try_emplace(name,
                                     Entry{std::move(*account), false, false, std::string(line), number});
                continue;
            }
            use_number(nobody_known, account->number);
        }
    }

    void merge_entry(Entry& entry) {
        const Account& mine = entry.account;
        const Account* before = old_.find(mine.name);
        const Account* after = new_.find(mine.name);
        if (after == nullptr) {
            if (mine.line == before->line && !entry.is_repeated)
                entry.is_removed = true;
            else
                note(mine.name, "changed by you, removed by the new version");
            return;
        }
        if (before != nullptr && mine.line == before->line)
            entry.line = after->line;
        else if (mine.line != after->line && (before == nullptr || before->line != after->line))
            merge_parts(entry, before, *after);
        if (const auto merged = read_account(format_, entry.line))
            entry.number = merged->number;
    }

    /// Changed on both sides: head and lists each for itself.
    void merge_parts(Entry& entry, const Account* before, const Account& after) {
        const Account& mine = entry.account;
        std::string_view head = mine.head;
        const bool have_lists = mine.lists.size() == after.lists.size();
        if (before != nullptr && have_lists && mine.head == before->head)
            head = after.head;
        else if (mine.head != after.head && (before == nullptr || before->head != after.head || !have_lists))
            note(mine.name, before == nullptr ? "added by you and by the new version"
                                              : "changed by you and by the new version");
        if (!have_lists)
            return;
        const bool had_lists = before != nullptr && before->lists.size() == mine.lists.size();
        entry.line = head;
        for (std::size_t i = 0; i < mine.lists.size(); ++i)
            entry.line += (i > 0 ? ":" : "") +
                          merge_list(had_lists ? before->lists[i] : "", after.lists[i], mine.lists[i]);
    }

    /// Only numbers of the new version are of interest.
    void use_number(std::string_view name, std::optional<std::uint64_t> number) {
        if (!number)
            return;
        if (const auto found = users_of_number_.find(*number); found != users_of_number_.end())
            found->second.insert(name);
    }

    /// Whether somebody else has this number, and not because the new version has it so.
    bool is_taken(std::string_view name, std::uint64_t number) const {
        const std::set<std::string_view>& users = users_of_number_.at(number);
        return std::any_of(users.begin(), users.end(), [&](std::string_view other) {
            const Account* sharing = new_.find(other);
            return other != name && (sharing == nullptr || sharing->number != number);
        });
    }

    /// An entry that the new version has given another number must not take over one of the operator's.
    bool falls_back(Entry& entry) {
        if (entry.is_removed || !entry.number || entry.number == entry.account.number ||
            !is_taken(entry.account.name, *entry.number))
            return false;
        note(entry.account.name,
             fmt::format("not changed, because an entry of yours has its new number {}", *entry.number));
        users_of_number_[*entry.number].erase(entry.account.name);
        entry.line = entry.account.line;
        entry.number = entry.account.number;
        use_number(entry.account.name, entry.number);
        return true;
    }

    bool is_added(const Account& account) {
        if (const Account* before = old_.find(account.name)) {
            if (before->line != account.line)
                note(account.name, "removed by you, changed by the new version");
            return false;
        }
        if (!account.number || !is_taken(account.name, *account.number))
            return true;
        note(account.name,
             fmt::format("not added, because an entry of yours has its number {}", *account.number));
        return false;
    }

    /// The operator's lines as they will stand, with a newline at the end.
    std::string text() const {
        std::string text;
        std::set<std::string_view> seen;
        for (const std::string_view line : lines_of(mine_)) {
            const auto account = read_account(format_, line);
            const auto known = account ? entries_.find(account->name) : entries_.end();
            const bool is_entry = known != entries_.end() && seen.insert(account->name).second;
            if (!is_entry)
                text.append(line).append("\n");
            else if (!known->second.is_removed)
                text.append(known->second.line).append("\n");
        }
        return text;
    }

    void note(std::string_view name, const std::string& what) {
        conflicts_.push_back(fmt::format("{}: {}", name, what));
    }

    static constexpr std::string_view nobody_known{};

    const AccountFormat& format_;
    Table old_;
    Table new_;
    std::string_view mine_;
    std::map<std::string_view, Entry> entries_;
    /// Of each number of the new version: who has it in the end. Entries that no seed has are `nobody_known`.
    std::map<std::uint64_t, std::set<std::string_view>> users_of_number_;
    std::vector<std::string> conflicts_;
};

} // namespace

std::optional<AccountFormat> account_format(std::string_view file_name) {
    if (file_name == "passwd")
        return AccountFormat{7, 2, std::nullopt, 0};
    if (file_name == "master.passwd")
        return AccountFormat{10, 2, std::nullopt, 0};
    if (file_name == "group")
        return AccountFormat{3, 2, 3, 1};
    if (file_name == "shadow")
        return AccountFormat{2, std::nullopt, std::nullopt, 0};
    if (file_name == "gshadow")
        return AccountFormat{3, std::nullopt, 2, 2};
    return std::nullopt;
}

AccountMerge merge_accounts(const AccountFormat& format, std::string_view old_text, std::string_view new_text,
                            std::string_view mine) {
    if (mine == old_text)
        return {std::string(new_text), {}};
    if (new_text == old_text || mine == new_text)
        return {std::string(mine), {}};
    return Merge(format, old_text, new_text, mine).run();
}

} // namespace pkgjail::store
