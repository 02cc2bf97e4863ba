// Install scripts of the shape that pkgsrc's pkginstall framework gives them, put together by the demo
// repository's own tool, so that pkgjail's reading of them is not tested with pkgjail's writing.
#pragma once

#include <string>

namespace pkgjail::test {

/// +INSTALL with these data: lines like "DIR: etc/svc m". `templates`: empty for the demo repository's, or
/// the directory mk/pkginstall of a pkgsrc tree.
std::string framework_script(const std::string& data, const std::string& templates = {});
/// That directory as PKGJAIL_TEST_PKGINSTALL names it, empty when it does not.
std::string pkginstall_templates();

} // namespace pkgjail::test
