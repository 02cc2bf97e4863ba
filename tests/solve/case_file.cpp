#include "solve/case_file.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace pkgjail::test {

void ListUniverse::add(const solve::Offer& offer) {
    const std::string base = offer.pkgname.substr(0, offer.pkgname.rfind('-'));
    offers_[base].push_back(offer);
    if (!offer.supersedes.empty())
        superseding_.push_back(offer);
    bases_.clear();
    for (const auto& [each, ignored] : offers_)
        bases_.push_back(each);
}

const std::vector<solve::Offer>& ListUniverse::of_base(const std::string& pkgbase) {
    const auto found = offers_.find(pkgbase);
    return found != offers_.end() ? found->second : none_;
}

// All that supersede anything: candidates, as the header has it, which the solver must look through.
const std::vector<solve::Offer>& ListUniverse::superseding(const std::string&) {
    return superseding_;
}

Case read_case(const std::filesystem::path& file) {
    Case result;
    std::ifstream input(file);
    if (!input)
        throw std::runtime_error("cannot read " + file.string());
    std::vector<solve::Present> packages;
    std::string place;
    int order = -1;
    const auto finish_package = [&] {
        if (packages.empty())
            return;
        if (place == "present")
            result.request.present.push_back(packages.back());
        else
            result.universe.add(packages.back().package);
        packages.clear();
    };
    for (std::string line; std::getline(input, line);) {
        result.question += line + "\n";
        std::istringstream words(line);
        std::string word, value;
        words >> word;
        std::getline(words >> std::ws, value);
        const auto package = [&]() -> solve::Present& {
            if (packages.empty())
                throw std::runtime_error(file.string() + ": no package for: " + line);
            return packages.back();
        };
        if (word.empty() || word[0] == '#')
            continue;
        if (word == "expect") {
            finish_package();
            std::ostringstream rest;
            rest << input.rdbuf();
            result.expected = rest.str();
            return result;
        }
        if (word == "repository" || word == "present" || word == "request") {
            finish_package();
            place = word == "repository" ? value : word;
            order += word == "repository";
        } else if (word == "package") {
            finish_package();
            packages.emplace_back();
            packages.back().package.pkgname = value;
            packages.back().package.repository = place;
            packages.back().package.order = place == "present" ? 0 : order;
        } else if (word == "depends") {
            package().package.depends.push_back(value);
        } else if (word == "conflicts") {
            package().package.conflicts.push_back(value);
        } else if (word == "supersedes") {
            package().package.supersedes.push_back(value);
        } else if (word == "built") {
            package().package.build_date = value;
        } else if (word == "automatic") {
            package().automatic = true;
        } else if (word == "held") {
            package().held = true;
        } else if (word == "install") {
            result.request.install.push_back(value);
        } else if (word == "remove") {
            result.request.remove.push_back(value);
        } else if (word == "upgrade") {
            result.request.upgrade = true;
        } else if (word == "upgrade-only") {
            result.request.upgrade = true;
            result.request.upgrade_only.push_back(value);
        } else if (word == "remove-unneeded") {
            result.request.remove_unneeded = true;
        } else if (word == "max-steps") {
            result.request.max_steps = std::stoul(value);
        } else {
            throw std::runtime_error(file.string() + ": what is this: " + line);
        }
    }
    throw std::runtime_error(file.string() + ": no line \"expect\"");
}

std::string show_answer(const solve::Answer& answer) {
    if (const auto* refusal = std::get_if<solve::Refusal>(&answer))
        return show(*refusal);
    const auto& plan = std::get<solve::Plan>(answer);
    std::string text = show(plan) + "result:";
    for (const solve::Plan::Member& member : plan.result)
        text += " " + member.package.pkgname + (member.automatic ? "" : "*");
    return text + "\n";
}

} // namespace pkgjail::test
