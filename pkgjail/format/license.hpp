// Licences as pkgsrc writes them (LICENSE of +BUILD_INFO), and the same as SPDX expressions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pkgjail::format {

struct LicenseExpression {
    /// A valid SPDX expression. A name that SPDX's list has no licence for, or that pkgjail does not know, is
    /// a "LicenseRef-pkgsrc-NAME". Empty: the package does not say.
    std::string spdx;
    /// Set when the expression is one licence of SPDX's list: its identifier.
    std::string single_id;
    struct Reference {
        std::string id;   ///< "LicenseRef-pkgsrc-vmware-license"
        std::string name; ///< as pkgsrc has it
    };
    std::vector<Reference> references; ///< in the expression, each once, by id
};

/// Names joined by AND or OR, one kind a level, with parentheses. What is no such expression becomes one
/// reference, so that nothing of what the package says is lost. Where pkgsrc names a version of a GNU licence
/// it does not say whether a later one will do: the result says no more ("GPL-2.0-only").
LicenseExpression to_spdx(std::string_view license);

} // namespace pkgjail::format
