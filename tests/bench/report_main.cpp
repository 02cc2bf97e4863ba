// Reads what benches printed (results.hpp) and prints the report; writes a picture of each growth curve.
//
//     bench_report [--json] [--curves DIRECTORY] MACHINE DATE LOAD-BEFORE LOAD-AFTER SETTINGS <results
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/curve_svg.hpp"
#include "bench/report.hpp"

namespace {

using namespace pkgjail::bench;

void write_curves(const Results& results, const std::filesystem::path& directory) {
    std::filesystem::create_directories(directory);
    for (const auto& [curve, lines] : results.curves) {
        Series series;
        for (const auto& [name, points] : lines)
            for (const auto& [x, samples] : points)
                series[name][x] = spread(samples).median;
        const std::filesystem::path path = directory / (curve + ".svg");
        std::ofstream file(path);
        file << curve_svg("pkgjail by " + curve, curve, "ms", series);
        file.close();
        if (!file)
            throw std::runtime_error("cannot write " + path.string());
    }
}

} // namespace

int main(int count, char** arguments) {
    bool json = false;
    std::string curves;
    std::vector<std::string> texts;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument == "--json")
            json = true;
        else if (argument == "--curves" && i + 1 < count)
            curves = arguments[++i];
        else
            texts.push_back(argument);
    }
    if (texts.size() != 5) {
        std::fputs(
            "usage: bench_report [--json] [--curves DIR] MACHINE DATE LOAD-BEFORE LOAD-AFTER SETTINGS\n",
            stderr);
        return 64;
    }
    try {
        const Results results = read_results(std::cin);
        const Circumstances circumstances{texts[0], texts[1], texts[2], texts[3], texts[4]};
        if (!curves.empty())
            write_curves(results, curves);
        std::cout << (json ? report_json(results, circumstances) : report_text(results, circumstances))
                  << std::flush;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_report: %s\n", error.what());
        return 1;
    }
    return 0;
}
