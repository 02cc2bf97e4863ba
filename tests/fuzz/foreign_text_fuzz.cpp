// Texts of packages and publishers that are read outside of a confined process, or after one has passed them.
#include "fuzz/fuzz.hpp"
#include "pkgjail/format/install_frame.hpp"
#include "pkgjail/format/license.hpp"
#include "pkgjail/format/pattern.hpp"
#include "pkgjail/format/rc_script.hpp"
#include "pkgjail/format/vulnerabilities.hpp"

namespace pkgjail::fuzz {

void rc_script(std::string_view bytes) {
    constexpr std::size_t bound = std::size_t{256}
                                  << 10; // a value that doubles with each line would pass any
    accepted([&] {
        const format::RcScript script = format::read_rc_script(bytes);
        for (const std::string* text :
             {&script.name, &script.command, &script.arguments, &script.user, &script.group,
              &script.directory, &script.pid_file, &script.reload_signal})
            promise(text->size() <= bound, "what is understood of a script has its bound");
        std::size_t size = 0;
        for (const std::string& word : format::split_rc_arguments(script.arguments).words)
            size += word.size();
        promise(size <= script.arguments.size(), "words have nothing that the arguments do not have");
    });
}

void license(std::string_view bytes) {
    accepted([&] {
        const format::LicenseExpression expression = format::to_spdx(bytes);
        for (const format::LicenseExpression::Reference& reference : expression.references) {
            promise(reference.id.starts_with("LicenseRef-pkgsrc-"), "a reference says whose it is");
            promise(expression.spdx.find(reference.id) != std::string::npos,
                    "a reference is in the expression");
        }
        for (const char c : expression.spdx)
            promise((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                        c == '.' || c == '+' || c == '(' || c == ')' || c == ' ',
                    "an expression has the characters of one");
    });
}

void vulnerabilities(std::string_view bytes) {
    format::VulnerabilityList list;
    if (!accepted([&] { list = format::parse_vulnerabilities(bytes, "list"); }))
        return;
    for (const format::Vulnerability& entry : list.entries) {
        promise(accepted([&] { format::Pattern::parse(entry.pattern); }), "an entry has a pattern");
        promise(!entry.type.empty() && !entry.url.empty(), "an entry says what and where");
    }
}

void install_frame(std::string_view bytes) {
    accepted([&] {
        const auto frame = format::InstallFrame::recognise(bytes);
        if (!frame)
            return;
        for (const format::InstallFrame::Helper& helper : frame->helpers)
            promise(helper.name.starts_with('+') && helper.name.find('/') == std::string::npos,
                    "a helper is a file of the package's metadata");
    });
}

} // namespace pkgjail::fuzz
