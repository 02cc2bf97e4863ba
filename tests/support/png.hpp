// Pictures as a browser writes them, for looking at in tests.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace pkgjail::test {

struct Picture {
    using Pixel = std::array<std::uint8_t, 3>; ///< red, green, blue
    std::size_t width = 0;
    std::size_t height = 0;
    std::vector<Pixel> pixels; ///< row by row, from the top
    const Pixel& at(std::size_t x, std::size_t y) const { return pixels.at(y * width + x); }
    /// Of all pixels, 0 (black) to 255.
    double brightness() const;
    /// How many different ones there are.
    std::size_t colours() const;
};
/// A PNG with 8 bits a channel, RGB or RGBA, not interlaced. Throws std::runtime_error for any other file.
Picture read_png(const std::filesystem::path& file);

} // namespace pkgjail::test
