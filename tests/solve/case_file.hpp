// A question to the solver as a small text file, and its answer as text.
//
//   # comment
//   repository NAME            offers that follow are its; the first repository is preferred
//   package PKGNAME
//       depends PATTERN        conflicts PATTERN        supersedes PATTERN        built DATE
//   present                    packages that follow are in the jail
//   package PKGNAME …
//       automatic              held
//   request
//   install PATTERN            remove PATTERN           upgrade                   upgrade-only BASE
//   remove-unneeded            max-steps N
//   expect
//   …                          show(), and for a plan the result after a line "result:", "*" marks explicit
//   packages
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "pkgjail/solve/solver.hpp"

namespace pkgjail::test {

/// Offers in memory.
class ListUniverse : public solve::Universe {
  public:
    void add(const solve::Offer& offer);
    const std::vector<solve::Offer>& of_base(const std::string& pkgbase) override;
    const std::vector<std::string>& bases() override { return bases_; }
    const std::vector<solve::Offer>& superseding(const std::string& pkgbase) override;

  private:
    std::map<std::string, std::vector<solve::Offer>> offers_;
    std::vector<std::string> bases_;
    std::vector<solve::Offer> superseding_;
    std::vector<solve::Offer> none_;
};

struct Case {
    ListUniverse universe;
    solve::Request request;
    std::string question; ///< the file up to and with the line "expect"
    std::string expected;
};

Case read_case(const std::filesystem::path& file);
/// What the file should have after "expect".
std::string show_answer(const solve::Answer& answer);

} // namespace pkgjail::test
