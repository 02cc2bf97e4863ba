// Account files merged entry by entry. The cases are text files in tests/data/store/accounts.
#include "support/catch.hpp"

#include "pkgjail/store/account_merge.hpp"
#include "store/case_file.hpp"

using namespace pkgjail;
using namespace pkgjail::test;

namespace {

/// The merged text, then the conflicts.
std::string merge(const std::string& file, const std::string& before, const std::string& after,
                  const std::string& mine) {
    const store::AccountMerge merged =
        store::merge_accounts(store::account_format(file).value(), before, after, mine);
    std::string text = merged.text;
    for (const std::string& conflict : merged.conflicts)
        text += "conflict " + conflict + "\n";
    return text;
}

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

} // namespace

TEST_CASE("each merge in tests/data/store/accounts comes out as its file says", "[store][merge][accounts]") {
    for (const std::filesystem::path& file : CaseFile::all_in("accounts")) {
        INFO(file.filename().string());
        const CaseFile expected(file);

        CHECK(merge(first_line(expected["file"]), expected["old"], expected["new"], expected["mine"]) ==
              expected["result"]);
    }
}

TEST_CASE("only the five account files have entries", "[store][merge][accounts]") {
    for (const char* name : {"passwd", "group", "shadow", "gshadow", "master.passwd"})
        CHECK(store::account_format(name));
    for (const char* name : {"passwd-", "hosts", "spwd.db", "pwd.db", "", "Group"})
        CHECK_FALSE(store::account_format(name));
}

TEST_CASE("an account file that one side left alone is the other's, byte by byte",
          "[store][merge][accounts]") {
    const std::string texts[] = {"",
                                 "\n",
                                 "a:*:1:",
                                 "a:*:1:\n\n# x\n:\nbad\r\n",
                                 std::string("a:*:1:\0\n", 8),
                                 "b:*:1:x,,y\na:*:2:\na:*:3:\n"};
    for (const std::string& one : texts)
        for (const std::string& other : texts) {
            CHECK(merge("group", one, one, other) == other);
            CHECK(merge("group", one, other, one) == other);
            CHECK(merge("group", one, other, other) == other);
        }
}

TEST_CASE("a last line without a newline gets one when something follows", "[store][merge][accounts]") {
    CHECK(merge("group", "a:*:1:\n", "a:*:1:\nb:*:2:\n", "# mine\na:*:1:x") == "# mine\na:*:1:x\nb:*:2:\n");
    CHECK(merge("group", "a:*:1:", "a:*:1:\nb:*:2:", "a:*:1:x") == "a:*:1:x\nb:*:2:\n");
    CHECK(merge("group", "a:*:1:\n", "b:*:2:", "") == "b:*:2:\n");
}

TEST_CASE("lines made of anything stay as they are", "[store][merge][accounts]") {
    const std::string odd = std::string("::::\n\n \nno colon\nz\0:*:9:\n", 24) + "#a:*:1:\n+:::\n" +
                            "x:*:99999999999999999999999:\ny:*:-1:\nw:*:0x2:\n" + std::string(100000, ':') +
                            "\n" + std::string(100000, 'n') + ":*:2x:\n\xff\xfe:*::\n";
    CHECK(merge("group", "a:*:1:\n", "a:*:1:\nb:*:2:\n", "a:*:1:m\n" + odd) ==
          "a:*:1:m\n" + odd + "b:*:2:\n");
}

TEST_CASE("a merge with many entries is a merge", "[store][merge][accounts]") {
    std::string mine = "a:*:1:me\n", members;
    for (int i = 0; i < 200000; ++i)
        mine += "u" + std::to_string(i) + ":*:7:\n";
    for (int i = 0; i < 100000; ++i)
        members += (i > 0 ? ",m" : "m") + std::to_string(i);
    CHECK(merge("group", "a:*:1:\n", "a:*:1:you\nb:*:2:\nc:*:7:\n", mine + "d:*:3:" + members + "\n") ==
          "a:*:1:me,you\n" + mine.substr(mine.find('\n') + 1) + "d:*:3:" + members +
              "\nb:*:2:\nconflict c: not added, because an entry of yours has its number 7\n");
    CHECK(merge("group", "d:*:3:m5\n", "d:*:3:new\n", "d:*:3:" + members + "\n") ==
          "d:*:3:" + std::string(members).erase(members.find(",m5,"), 3) + ",new\n");
}
