#include "bench/curve_svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>

#include <fmt/core.h>

namespace pkgjail::bench {
namespace {

constexpr double width = 640, height = 400, left = 70, right = 190, top = 40, bottom = 50;
constexpr std::string_view colours[] = {"#1b6ca8", "#c0392b", "#27824a", "#8e44ad", "#b9770e", "#34495e"};

std::string escaped(std::string_view text) {
    std::string result;
    for (const char letter : text) {
        switch (letter) {
        case '&':
            result += "&amp;";
            break;
        case '<':
            result += "&lt;";
            break;
        case '>':
            result += "&gt;";
            break;
        default:
            result += letter;
        }
    }
    return result;
}

/// One axis: powers of ten from the one at or below the least to the one at or above the greatest.
struct Axis {
    double first = 0; ///< logarithms
    double last = 1;
    double from = 0; ///< where on the picture
    double to = 0;

    double at(double value) const {
        return from + (std::log10(value) - first) / (last - first) * (to - from);
    }
};

Axis axis(double least, double greatest, double from, double to) {
    Axis result{std::floor(std::log10(least)), std::ceil(std::log10(greatest)), from, to};
    if (result.last <= result.first)
        result.last = result.first + 1;
    return result;
}

std::string label(double power) {
    const double value = std::pow(10, power);
    return power < 0 ? fmt::format("{:.{}f}", value, static_cast<int>(-power)) : fmt::format("{:.0f}", value);
}

std::string text(double x, double y, std::string_view anchor, std::string_view words) {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                       escaped(words));
}

std::string grid(const Axis& across, const Axis& up) {
    std::string svg;
    for (double power = across.first; power <= across.last; ++power) {
        const double x = across.at(std::pow(10, power));
        svg += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>\n", x, up.to, up.from);
        svg += text(x, up.from + 18, "middle", label(power));
    }
    for (double power = up.first; power <= up.last; ++power) {
        const double y = up.at(std::pow(10, power));
        svg += fmt::format("<path class=\"grid\" d=\"M{:.1f} {:.1f}H{:.1f}\"/>\n", across.from, y, across.to);
        svg += text(across.from - 8, y + 4, "end", label(power));
    }
    return svg;
}

} // namespace

std::string curve_svg(const std::string& title, const std::string& x_label, const std::string& y_label,
                      const Series& series) {
    constexpr double endless = std::numeric_limits<double>::infinity();
    double least_x = endless, greatest_x = 0, least_y = endless, greatest_y = 0;
    for (const auto& [name, points] : series) {
        for (const auto& [x, y] : points) {
            if (x <= 0 || y <= 0)
                continue;
            least_x = std::min(least_x, x);
            greatest_x = std::max(greatest_x, x);
            least_y = std::min(least_y, y);
            greatest_y = std::max(greatest_y, y);
        }
    }
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
        "height=\"{1:.0f}\">\n"
        "<style>text{{font:12px sans-serif;fill:#222}}.grid{{stroke:#ddd;fill:none}}"
        ".line{{fill:none;stroke-width:2}}.guide{{stroke:#999;fill:none;stroke-dasharray:4 4}}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        width, height);
    svg += text(left, 22, "start", title);
    if (least_x > greatest_x)
        return svg + text(left, top + 20, "start", "nothing was measured") + "</svg>\n";

    const Axis across = axis(least_x, greatest_x, left, width - right);
    const Axis up = axis(least_y, greatest_y, height - bottom, top);
    svg += grid(across, up);
    svg += text((across.from + across.to) / 2, height - 10, "middle", x_label);
    svg += text(8, top - 8, "start", y_label);
    // What would be in proportion, from the lower left corner as far as it stays in the picture.
    const double steps = std::min(across.last - across.first, up.last - up.first);
    svg += fmt::format("<path class=\"guide\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n", across.from, up.from,
                       across.at(std::pow(10, across.first + steps)), up.at(std::pow(10, up.first + steps)));

    std::size_t line = 0;
    for (const auto& [name, points] : series) {
        const std::string_view colour = colours[line % std::size(colours)];
        std::string path, dots;
        for (const auto& [x, y] : points) {
            if (x <= 0 || y <= 0)
                continue;
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", across.at(x), up.at(y));
            dots += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"><title>{} {:g}: "
                                "{:g}</title></circle>\n",
                                across.at(x), up.at(y), colour, escaped(name), x, y);
        }
        svg += fmt::format("<path class=\"line\" stroke=\"{}\" d=\"{}\"/>\n{}", colour, path, dots);
        const double y = top + 16 * static_cast<double>(line) + 8;
        svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n",
                           width - right + 12, y - 9, colour);
        svg += text(width - right + 27, y, "start", name);
        ++line;
    }
    svg +=
        text(width - right + 12, top + 16 * static_cast<double>(line) + 14, "start", "dashed: in proportion");
    return svg + "</svg>\n";
}

} // namespace pkgjail::bench
