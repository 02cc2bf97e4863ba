#include "inputs/values.hpp"

#include "pkgjail/base/printable.hpp"

namespace pkgjail::test {

const std::vector<WrongValue>& wrong_values() {
    static const std::vector<WrongValue> values = {
        {"empty", ""},
        {"blank", " "},
        {"huge", std::string(120'000, 'x')}, // about the longest word that a kernel hands to a program
        {"huge number", std::string(5'000, '9')},
        {"deep path",
         [] {
             std::string path;
             for (int i = 0; i < 3'000; ++i)
                 path += "a/";
             return path + "b";
         }()},
        {"no UTF-8", "we\xff\xfe"
                     "b"},
        {"overlong UTF-8", "we\xc0\xaf"
                           "b"},
        {"surrogate", "we\xed\xa0\x80"
                      "b"},
        {"escape sequence", "\033]0;owned\007web\033[31m"},
        {"line end", "web\nweb"},
        {"carriage return", "web\rbew"},
        {"tab", "web\tweb"},
        {"delete", "web\x7f"},
        {"C1 control", "web\xc2\x9b"
                       "31m"},
        {"negative", "-1"},
        {"very negative", "-9223372036854775809"},
        {"dash", "-"},
        {"option", "-rf"},
        {"long option", "--no-such-option"},
        {"2^32", "4294967296"},
        {"2^63", "9223372036854775808"},
        {"2^64", "18446744073709551616"},
        {"overflowing duration", "18446744073709551615d"},
        {"overflowing size", "18446744073709551615T"},
        {"not a number", "nan"},
        {"infinite", "inf"},
        {"fraction", "1.5"},
        {"exponent", "1e3"},
        {"hexadecimal", "0x10"},
        {"plus", "+1"},
        {"zero", "0"},
        {"led by blanks", "  1"},
        {"followed by a blank", "1 "},
        {"full-width digits", "\xef\xbc\x91\xef\xbc\x92"},
        {"Arabic digits", "\xd9\xa1\xd9\xa2"},
        {"Cyrillic look-alike", "w\xd0\xb5"
                                "b"},
        {"zero-width space", "web\xe2\x80\x8b"},
        {"right-to-left override", "web\xe2\x80\xae"
                                   "gpj"},
        {"combining accent", "we\xcc\x81"
                             "b"},
        {"upper case", "WEB"},
        {"parent", "../../../etc/passwd"},
        {"dots", ".."},
        {"dot", "."},
        {"slash", "/"},
        {"absolute", "/nonexistent/x"},
        {"inside", "a/b"},
        {"quote", "'; drop table jail; --"},
        {"shell", "$(touch owned)`touch owned`;|&<>*?"},
        {"variable", "${prefix}${HOME}"},
        {"format", "%s%n%d{}{0}"},
        {"equals", "="},
        {"key without value", "port="},
        {"value without key", "=80"},
        {"colon", ":"},
        {"at", "@"},
        {"comma", ","},
        {"brackets", "[jail]"},
        {"braces", "{{{a,b}"},
        {"comment", "#web"},
    };
    return values;
}

std::string shown(const std::string& bytes) {
    const std::string text = "\"" + base::printable(bytes.substr(0, 60)) + "\"";
    return bytes.size() > 60 ? text + " (" + std::to_string(bytes.size()) + " bytes)" : text;
}

} // namespace pkgjail::test
