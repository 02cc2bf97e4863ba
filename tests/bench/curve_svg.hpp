// A growth curve as a picture: plain SVG, both axes logarithmic, so that what grows in proportion is a
// straight line with the slope of the dashed one, what is constant lies flat, and a knee is seen.
#pragma once

#include <map>
#include <string>

namespace pkgjail::bench {

/// Name of a line → x → y. What is not above 0 is left out: it has no logarithm.
using Series = std::map<std::string, std::map<double, double>>;

/// `x_label` and `y_label` stand at the axes.
std::string curve_svg(const std::string& title, const std::string& x_label, const std::string& y_label,
                      const Series& series);

} // namespace pkgjail::bench
