#include "pkgjail/base/shell_word.hpp"

#include "pkgjail/base/process.hpp"
#include "support/catch.hpp"

using namespace pkgjail;

TEST_CASE("a word for the shell is read back unchanged", "[base][shell_word]") {
    for (const std::string& text :
         {std::string(), std::string("plain"), std::string("a b"), std::string("it's"), std::string("''"),
          std::string("$HOME `x` \\ \" * ; # &\n"), std::string("\xff\x01")}) {
        base::Command command;
        command.argv = {"/bin/sh", "-c", "printf %s " + base::shell_word(text)};
        CHECK(base::run(command, std::chrono::seconds(20)).out == text);
    }
}
