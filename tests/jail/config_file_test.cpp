#include "pkgjail/jail/config_file.hpp"

#include "jail/show.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using namespace pkgjail::jail;
using test::failure;
using test::show;
using test::show_words;

namespace {

std::string words_of(std::string_view text) {
    const auto words = split_command(text);
    return words ? show_words(*words) : "open";
}

std::string read_failure(const std::string& text) {
    return failure([&] { parse_sections(text, "x.conf"); });
}

} // namespace

TEST_CASE("sections and settings come in their order, each with its line", "[jail][syntax]") {
    const std::string text = "# a comment\n"
                             "before = 1\n"
                             "\n"
                             "[network]   # another\n"
                             "  mode=host\n"
                             "\tclaim \t= tcp:80  \n"
                             "claim = tcp:443\n"
                             "[ file   /etc/a b ]\n"
                             "empty =\n"
                             "equals = a=b = c";

    CHECK(show(parse_sections(text, "x.conf")) == "x.conf:2 kind <> name <>\n"
                                                  "x.conf:2: before = <1>\n"
                                                  "x.conf:4 kind <network> name <>\n"
                                                  "x.conf:5: mode = <host>\n"
                                                  "x.conf:6: claim = <tcp:80>\n"
                                                  "x.conf:7: claim = <tcp:443>\n"
                                                  "x.conf:8 kind <file> name </etc/a b>\n"
                                                  "x.conf:9: empty = <>\n"
                                                  "x.conf:10: equals = <a=b = c>\n");
    CHECK(parse_sections("", "x.conf").empty());
    CHECK(parse_sections("# nothing\n\n   \n", "x.conf").empty());
}

TEST_CASE("a number sign begins a comment only at the start of a line or after white space",
          "[jail][syntax]") {
    const std::string text = "[s]\n"
                             "a = x#y # comment # more\n"
                             "b = ##\n"
                             "c = http://h/#part\t# comment\n"
                             "d = #all of it\n"
                             " # e = 1\n"
                             "f = \"a #b\"\n";

    CHECK(show(parse_sections(text, "x")) == "x:1 kind <s> name <>\n"
                                             "x:2: a = <x#y>\n"
                                             "x:3: b = <>\n"
                                             "x:4: c = <http://h/#part>\n"
                                             "x:5: d = <>\n"
                                             "x:7: f = <\"a>\n");
}

TEST_CASE("a value may look like a section", "[jail][syntax]") {
    CHECK(show(parse_sections("[s]\na = [b]\nc = d]\n", "x")) == "x:1 kind <s> name <>\n"
                                                                 "x:2: a = <[b]>\n"
                                                                 "x:3: c = <d]>\n");
}

TEST_CASE("a line that is neither section nor setting is named with its position", "[jail][syntax]") {
    const std::string either = "\", allowed: [section] or key = value";
    const std::string header = "\", allowed: [section] or [section name]";
    CHECK(read_failure("[s]\nwhat is this\n") == "x.conf:2: found \"what is this" + either);
    CHECK(read_failure("\n\n[s\n") == "x.conf:3: found \"[s" + header);
    CHECK(read_failure("[]") == "x.conf:1: found \"[]" + header);
    CHECK(read_failure("[s] a = 1") == "x.conf:1: found \"[s] a = 1" + header);
    CHECK(read_failure("[s [t]]") == "x.conf:1: found \"[s [t]]" + header);
    CHECK(read_failure("[Net work]") == "x.conf:1: found \"[Net work]" + header);
    CHECK(read_failure("= 1") ==
          "x.conf:1: found the key \"\", allowed: a key of letters a-z, digits, \".\", \"-\" and \"_\"");
    CHECK(read_failure("two words = 1") == "x.conf:1: found the key \"two words\", allowed: a key of letters "
                                           "a-z, digits, \".\", \"-\" and \"_\"");
    CHECK(read_failure("k#y = 1") ==
          "x.conf:1: found the key \"k#y\", allowed: a key of letters a-z, digits, \".\", \"-\" and \"_\"");
}

TEST_CASE("text that does not show what it is is refused", "[jail][syntax]") {
    const std::string rule = "\", allowed: UTF-8 text without control characters";
    CHECK(read_failure("a = 1\nb = \x1b[2J\n") == "x.conf:2: found \"b = \\x1b[2J" + rule);
    CHECK(read_failure("# \xff\n") == "x.conf:1: found \"# \\xff" + rule);
    CHECK(read_failure("a = \x01\n") == "x.conf:1: found \"a = \\x01" + rule);
    CHECK(read_failure("a = \xe2\x80\xae/cte/\n") == "x.conf:1: found \"a = \\u{202e}/cte/" + rule);
    CHECK(read_failure(std::string("a = \0b", 6)) == "x.conf:1: found \"a = \\x00b" + rule);
    CHECK(read_failure("a = 1\r\n") ==
          "x.conf:1: found \"a = 1\\x0d" + rule + "\nhint: the file has the line ends of DOS");
    CHECK(read_failure("a = Größe\n") == "no error");
}

TEST_CASE("a command is split as a shell splits quotes, and nothing in it is expanded", "[jail][syntax]") {
    CHECK(words_of("${prefix}/sbin/nginx -c x.conf -g \"daemon off;\"") ==
          "<${prefix}/sbin/nginx> <-c> <x.conf> <-g> <daemon off;>");
    CHECK(words_of("  a \t b  ") == "<a> <b>");
    CHECK(words_of("") == "");
    CHECK(words_of("'' \"\" a''b") == "<> <> <ab>");
    CHECK(words_of("\"it's\" 'say \"so\"'") == "<it's> <say \"so\">");
    CHECK(words_of(R"(a\ b \"c\" \\)") == R"(<a b> <"c"> <\>)");
    CHECK(words_of(R"("a\"b\\c\d" 'e\f')") == R"(<a"b\c\d> <e\f>)");
    CHECK(words_of("pre'mid dle'\"post \"x") == "<premid dlepost x>");
    CHECK(words_of("$(touch /x) `id` *;|&") == "<$(touch> </x)> <`id`> <*;|&>");
    CHECK(words_of("'open") == "open");
    CHECK(words_of("a \"b'") == "open");
    CHECK(words_of("a\\") == "open");
}

TEST_CASE("variables are put in once, and only by their name", "[jail][syntax]") {
    const std::map<std::string, std::string> values = {{"port", "80"}, {"a.b", "${port}"}, {"empty", ""}};
    const auto text = [&](std::string_view from) { return expand(from, values, {"x", 7, "k"}); };

    CHECK(text("tcp:${port}") == "tcp:80");
    CHECK(text("${port}${port}") == "8080");
    CHECK(text("<${empty}>") == "<>");
    CHECK(text("${a.b}") == "${port}");
    CHECK(text("$${port} $$ $port $") == "${port} $$ $port $");
    CHECK(text("$$${port}") == "$${port}");
    CHECK(failure([&] { text("${prot}"); }) ==
          "x:7: k: found \"${prot}\", allowed: ${a.b}, ${empty}, ${port}\nhint: did you mean \"${port}\"?");
    CHECK(failure([&] { text("one\ntwo\n${three}"); }) ==
          "x:9: k: found \"${three}\", allowed: ${a.b}, ${empty}, ${port}\nhint: write $${ for a literal ${");
    CHECK(failure([&] { text("${"); }) ==
          "x:7: k: found \"${\" without a \"}\" on its line\nhint: write $${ for a literal ${");
    CHECK(failure([&] { text("a\n${port\n}"); }) ==
          "x:8: k: found \"${\" without a \"}\" on its line\nhint: write $${ for a literal ${");
    CHECK(
        failure([&] { text("${${port}}"); }) ==
        "x:7: k: found \"${${port}\", allowed: ${a.b}, ${empty}, ${port}\nhint: write $${ for a literal ${");
}

TEST_CASE("a section gives typed values and insists that none is left", "[jail][syntax]") {
    const auto sections = parse_sections("[s]\n"
                                         "text = some words\n"
                                         "flag = off\n"
                                         "count = 12\n"
                                         "time = 90s\n"
                                         "size = 3K\n"
                                         "word = two\n"
                                         "run = a 'b c'\n"
                                         "many = 1\n"
                                         "many = 2\n",
                                         "x");
    SectionReader reader(sections.at(0));

    CHECK(reader.text("text") == "some words");
    CHECK(reader.required("text") == "some words");
    CHECK(reader.yes_no("flag") == false);
    CHECK(reader.number("count", 1, 12) == 12u);
    CHECK(reader.duration("time")->count() == 90'000);
    CHECK(reader.size("size") == 3072u);
    CHECK(reader.word("word", {"one", "two"}) == "two");
    CHECK(show_words(reader.command("run").value()) == "<a> <b c>");
    CHECK(failure([&] {
              reader.finish();
          }).starts_with("x:9: many: found an unknown key in [s], allowed: count, "));
    CHECK(reader.list("many").size() == 2);
    CHECK(reader.text("missing") == std::nullopt);
    CHECK(reader.yes_no("missing") == std::nullopt);
    CHECK(reader.number("missing", 0, 1) == std::nullopt);
    CHECK_FALSE(reader.duration("missing").has_value());
    CHECK(reader.size("missing") == std::nullopt);
    CHECK(reader.word("missing", {}) == std::nullopt);
    CHECK_FALSE(reader.command("missing").has_value());
    CHECK(reader.list("missing").empty());
    CHECK(failure([&] { reader.finish(); }) == "no error");
}

TEST_CASE("a key that stands twice and is no list is refused", "[jail][syntax]") {
    const auto sections = parse_sections("[s]\na = 1\nb = 2\na = 3\n", "x");
    SectionReader reader(sections.at(0));
    reader.text("a");
    reader.text("b");

    CHECK(failure([&] { reader.finish(); }) == "x:4: a: found a second time, first in line 2, allowed: once");
}

TEST_CASE("a required key that is missing is looked for among the misspelled ones", "[jail][syntax]") {
    const auto sections = parse_sections("[s]\ncomand = 1\n", "x");

    CHECK(failure([&] { SectionReader(sections.at(0)).required("command"); }) ==
          "x:1: found no key \"command\" in [s]\nhint: line 2 has \"comand\"");
    CHECK(failure([&] { SectionReader(sections.at(0)).required("user"); }) ==
          "x:1: found no key \"user\" in [s]");
}

TEST_CASE("yes and no have three spellings each", "[jail][syntax]") {
    for (const auto& [word, meaning] : std::map<std::string, bool>{
             {"yes", true}, {"true", true}, {"on", true}, {"no", false}, {"false", false}, {"off", false}}) {
        const auto sections = parse_sections("[s]\na = " + word + "\n", "x");
        CHECK(SectionReader(sections.at(0)).yes_no("a") == meaning);
    }
}
