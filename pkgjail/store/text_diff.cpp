#include "pkgjail/store/text_diff.hpp"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

namespace pkgjail::store {

namespace {

using Lines = std::vector<std::string_view>;

/// With their newlines, so that a last line without one is another line.
Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
        lines.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lines;
}

enum class Edit : char { keep = ' ', remove = '-', add = '+' };

/// The greedy algorithm of Myers, "An O(ND) Difference Algorithm and Its Variations" (1986): for each number
/// of edits the furthest point that is reached on each diagonal, until the end is; then back from there.
class Differ {
  public:
    Differ(const Lines& before, const Lines& after) : before_(before), after_(after) {}

    std::vector<Edit> run() {
        std::size_t head = 0;
        const std::size_t shorter = std::min(before_.size(), after_.size());
        while (head < shorter && before_[head] == after_[head])
            ++head;
        std::size_t tail = 0;
        while (tail < shorter - head &&
               before_[before_.size() - 1 - tail] == after_[after_.size() - 1 - tail])
            ++tail;
        begin_ = static_cast<long>(head);
        height_ = static_cast<long>(before_.size() - head - tail);
        width_ = static_cast<long>(after_.size() - head - tail);
        std::vector<Edit> edits(head, Edit::keep);
        const std::vector<Edit> middle = differing();
        edits.insert(edits.end(), middle.begin(), middle.end());
        edits.insert(edits.end(), tail, Edit::keep);
        return edits;
    }

  private:
    /// Memory grows with the square of it: about 16 MB at this.
    static constexpr long most_edits = 2000;

    bool same(long x, long y) const {
        return before_[static_cast<std::size_t>(begin_ + x)] == after_[static_cast<std::size_t>(begin_ + y)];
    }

    /// Of the furthest points after `edits` - 1 edits, whose diagonals are 1 - edits … edits - 1, the x on
    /// this diagonal (x - y); -1 beyond them.
    static long furthest(const std::vector<long>& points, long edits, long diagonal) {
        if (diagonal < 1 - edits || diagonal > edits - 1)
            return -1;
        return points[static_cast<std::size_t>(diagonal + edits - 1)];
    }
    /// Whether diagonal k is reached best by an added line, from the diagonal k + 1.
    static bool comes_by_adding(const std::vector<long>& points, long edits, long k) {
        return furthest(points, edits, k - 1) < furthest(points, edits, k + 1);
    }

    std::vector<Edit> differing() {
        std::vector<std::vector<long>> reached;
        for (long edits = 0; edits <= std::min(most_edits, height_ + width_); ++edits) {
            std::vector<long> points(static_cast<std::size_t>(2 * edits + 1), 0);
            for (long k = -edits; k <= edits; k += 2) {
                long x = 0;
                if (edits > 0)
                    x = comes_by_adding(reached.back(), edits, k)
                            ? furthest(reached.back(), edits, k + 1)
                            : furthest(reached.back(), edits, k - 1) + 1;
                while (x < height_ && x - k < width_ && x - k >= 0 && same(x, x - k))
                    ++x;
                points[static_cast<std::size_t>(k + edits)] = x;
                if (x >= height_ && x - k >= width_) {
                    reached.push_back(std::move(points));
                    return trace(reached);
                }
            }
            reached.push_back(std::move(points));
        }
        std::vector<Edit> all(static_cast<std::size_t>(height_), Edit::remove);
        all.insert(all.end(), static_cast<std::size_t>(width_), Edit::add);
        return all;
    }

    std::vector<Edit> trace(const std::vector<std::vector<long>>& reached) const {
        std::vector<Edit> edits;
        long x = height_, y = width_;
        for (long count = static_cast<long>(reached.size()) - 1; count > 0; --count) {
            const auto& last = reached[static_cast<std::size_t>(count - 1)];
            const long k = x - y;
            const bool is_added = comes_by_adding(last, count, k);
            const long from_k = is_added ? k + 1 : k - 1;
            const long from_x = furthest(last, count, from_k);
            const long from_y = from_x - from_k;
            for (; x > from_x && y > from_y; --x, --y)
                edits.push_back(Edit::keep);
            edits.push_back(is_added ? Edit::add : Edit::remove);
            x = from_x;
            y = from_y;
        }
        edits.insert(edits.end(), static_cast<std::size_t>(x), Edit::keep);
        std::reverse(edits.begin(), edits.end());
        return edits;
    }

    const Lines& before_;
    const Lines& after_;
    long begin_ = 0;
    long height_ = 0;
    long width_ = 0;
};

/// "12,3" of a hunk's head; a range without lines names the line before it.
std::string range(std::size_t first, std::size_t count) {
    if (count == 1)
        return fmt::format("{}", first + 1);
    return fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

void append_line(std::string& text, Edit edit, std::string_view line) {
    text += static_cast<char>(edit);
    text += line;
    if (!line.ends_with('\n'))
        text += "\n\\ No newline at end of file\n";
}

} // namespace

bool is_text(std::string_view bytes) {
    return bytes.find('\0') == std::string_view::npos;
}

std::string unified_diff(std::string_view old_name, std::string_view old_text, std::string_view new_name,
                         std::string_view new_text) {
    if (old_text == new_text)
        return {};
    constexpr std::size_t context = 3;
    const Lines before = lines_of(old_text);
    const Lines after = lines_of(new_text);
    const std::vector<Edit> edits = Differ(before, after).run();
    std::string text = fmt::format("--- {}\n+++ {}\n", old_name, new_name);
    std::size_t i = 0, x = 0, y = 0; // edit, and the lines before it
    while (i < edits.size()) {
        const auto change = std::find_if(edits.begin() + static_cast<std::ptrdiff_t>(i), edits.end(),
                                         [](Edit edit) { return edit != Edit::keep; });
        if (change == edits.end())
            break;
        const std::size_t first = static_cast<std::size_t>(change - edits.begin());
        const std::size_t begin = first - std::min(first - i, context);
        x += begin - i;
        y += begin - i;
        // On to where more unchanged lines follow than two changes may have between them in one hunk.
        std::size_t end = first, unchanged = 0;
        for (std::size_t at = first; at < edits.size() && unchanged <= 2 * context; ++at) {
            unchanged = edits[at] == Edit::keep ? unchanged + 1 : 0;
            if (unchanged == 0)
                end = at + 1;
        }
        end = std::min(end + context, edits.size());
        const std::size_t old_first = x, new_first = y;
        std::string body;
        for (std::size_t at = begin; at < end; ++at) {
            append_line(body, edits[at], edits[at] == Edit::add ? after[y] : before[x]);
            x += edits[at] != Edit::add;
            y += edits[at] != Edit::remove;
        }
        text +=
            fmt::format("@@ -{} +{} @@\n", range(old_first, x - old_first), range(new_first, y - new_first)) +
            body;
        i = end;
    }
    return text;
}

} // namespace pkgjail::store
