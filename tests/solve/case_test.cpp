// Every tests/solve/*.case: the whole answer is compared. PKGJAIL_RENEW_CASES=1 writes the answers that are
// given now into the files; read the difference before you keep it.

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "pkgjail/solve/solver.hpp"
#include "solve/case_file.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

TEST_CASE("the solver answers every case as its file says", "[solve][case]") {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(PKGJAIL_SOURCE_DIR "/tests/solve"))
        if (entry.path().extension() == ".case")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    REQUIRE(files.size() >= 40);

    for (const std::filesystem::path& file : files) {
        INFO(file.filename().string());
        Case question = read_case(file);
        const std::string answer = show_answer(solve::solve(question.request, question.universe));
        if (std::getenv("PKGJAIL_RENEW_CASES") != nullptr)
            std::ofstream(file) << question.question << answer;
        else
            CHECK(answer == question.expected);

        // The order in which present packages are listed tells nothing.
        std::reverse(question.request.present.begin(), question.request.present.end());
        CHECK(show_answer(solve::solve(question.request, question.universe)) == answer);
    }
}
