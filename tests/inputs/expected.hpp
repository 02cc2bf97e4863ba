// What every wrong value comes to, in files that a person can read: tests/data/inputs/*.txt, a line for each
// place, with the commonest outcome first and the others with the values that have them:
//
//     install --jail: 64; 0: 2^32, zero
#pragma once

#include <map>
#include <string>
#include <vector>

namespace pkgjail::test {

class Expected {
  public:
    explicit Expected(std::string file) : file_(std::move(file)) {}
    void saw(const std::string& place, const std::string& value, const std::string& outcome);
    /// Every place as the file has it, and none missing. With PKGJAIL_RENEW=1 the file is written instead;
    /// the difference is then for git and for you to judge.
    void compare() const;

  private:
    std::string text() const;
    std::string file_;
    std::vector<std::string> places_; ///< in the order in which they were tried
    std::map<std::string, std::map<std::string, std::vector<std::string>>>
        outcomes_; ///< place → outcome → values
};

/// Lines that only one of two texts has, with + and -; at most 40.
std::string difference(const std::string& before, const std::string& after);

} // namespace pkgjail::test
