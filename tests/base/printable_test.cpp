#include "support/catch.hpp"

#include <random>

#include "pkgjail/base/printable.hpp"

using namespace pkgjail::base;

namespace {

/// Whether a terminal could take anything in it for an order: control bytes, C1 characters, or bytes that are
/// not UTF-8. Written without the decoder under test: it knows only the shapes of the bytes.
bool can_disturb_a_terminal(const std::string& text, bool newlines_allowed) {
    for (std::size_t i = 0; i < text.size();) {
        unsigned char lead = static_cast<unsigned char>(text[i]);
        if (lead < 0x20 && !(newlines_allowed && (lead == '\n' || lead == '\t')))
            return true;
        if (lead == 0x7f)
            return true;
        std::size_t length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (length == 0 || i + length > text.size())
            return true;
        for (std::size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80)
                return true;
        if (lead == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0)
            return true;
        i += length;
    }
    return false;
}

} // namespace

TEST_CASE("plain and foreign text stays as it is", "[base][printable]") {
    CHECK(printable("nginx-1.26.1nb2") == "nginx-1.26.1nb2");
    CHECK(printable("Grüße, 世界 🎉 a\\b") == "Grüße, 世界 🎉 a\\b");
    CHECK(printable("") == "");
}

TEST_CASE("escape sequences lose their force", "[base][printable]") {
    CHECK(printable("\x1b[2J") == "\\x1b[2J");
    CHECK(printable("\x1b]52;c;ZXZpbA==\x07") == "\\x1b]52;c;ZXZpbA==\\x07");
    CHECK(printable("ok\rforged") == "ok\\x0dforged");
    CHECK(printable("a\bb\x7f") == "a\\x08b\\x7f");
    CHECK(printable(std::string("a\0b", 3)) == "a\\x00b");
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\u{009b}31m");
    CHECK(printable("\x9b"
                    "31m") == "\\x9b31m");
}

TEST_CASE("newline and tab stay only when they are asked for", "[base][printable]") {
    CHECK(printable("a\n\tb") == "a\\x0a\\x09b");
    CHECK(printable("a\n\tb\r", true) == "a\n\tb\\x0d");
}

TEST_CASE("characters that change what is seen without being seen are spelled out", "[base][printable]") {
    CHECK(printable("a\u202egnp.exe") == "a\\u{202e}gnp.exe");
    CHECK(printable("\u2066x\u2069") == "\\u{2066}x\\u{2069}");
    CHECK(printable("pay\u200bpal") == "pay\\u{200b}pal");
    CHECK(printable("\ufeff") == "\\u{feff}");
    CHECK(printable("\u2028") == "\\u{2028}");
    CHECK(printable("\U000e0041") == "\\u{e0041}");
}

TEST_CASE("bytes that are no UTF-8 are spelled out one by one", "[base][printable]") {
    CHECK(printable("\xff") == "\\xff");
    CHECK(printable("caf\xe9!") == "caf\\xe9!");
    CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");                   // overlong "/"
    CHECK(printable("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");          // overlong "/"
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");          // surrogate
    CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80"); // above U+10FFFF
    CHECK(printable("\xe4\xb8") == "\\xe4\\xb8");                   // cut off
}

TEST_CASE("no input whatever disturbs a terminal or grows beyond eight times its size", "[base][printable]") {
    std::mt19937 random(20261121);
    std::uniform_int_distribution<int> any_byte(0, 255), any_length(0, 40), any_kind(0, 3);
    const std::string interesting[] = {"\x1b", "\xc2",     "\x9b",   "\xe2\x80",
                                       "\xae", "\xf0\x9f", "\u202e", "\u0085"};
    for (int round = 0; round < 20000; ++round) {
        std::string input;
        for (int i = any_length(random); i > 0; --i) {
            if (any_kind(random) == 0)
                input += interesting[static_cast<std::size_t>(any_byte(random)) % std::size(interesting)];
            else
                input += static_cast<char>(any_byte(random));
        }
        bool newlines = round % 2 == 0;
        std::string output = printable(input, newlines);

        if (can_disturb_a_terminal(output, newlines) || output.size() > 8 * input.size() ||
            output.find("\u202e") != output.npos) {
            CAPTURE(input, output);
            FAIL("an input came through");
        }
    }
    CHECK(can_disturb_a_terminal("\x1b", false));
    CHECK(can_disturb_a_terminal("\u0085", true));
}

TEST_CASE("width counts columns, not bytes", "[base][printable]") {
    CHECK(display_width("nginx") == 5);
    CHECK(display_width("Grüße") == 5);
    CHECK(display_width("世界") == 4);
    CHECK(display_width("e\u0301") == 1);
    CHECK(display_width("🎉") == 2);
    CHECK(display_width("") == 0);
}

TEST_CASE("edit distance counts the smallest number of slips", "[base][printable]") {
    CHECK(edit_distance("install", "install") == 0);
    CHECK(edit_distance("instal", "install") == 1);
    CHECK(edit_distance("isntall", "install") == 1);
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("abc", "xyz") == 3);
}
