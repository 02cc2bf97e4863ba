#include "pkgjail/format/install_frame.hpp"

#include <algorithm>
#include <iterator>

namespace pkgjail::format {
namespace {

struct KnownSection {
    std::string_view digest;
    FrameSection section;
};

/// What a section's text does has been compared with what store/pkginstall does before its digest came here.
/// The program frame_digests (tests/frames) says the digests of another version's templates.
constexpr KnownSection sections[] = {
    // pkgsrc's mk/pkginstall, of the packages built since 2015
    {"e6def5c216971f176c1e06194ee2833c9bba9eec46594c27691e489964756d06",
     FrameSection::header}, // header 1.3, 2014
    {"0549f0e1670b480cbd9147e92be26df9aee99526a3770a928feab35ad77f199c",
     FrameSection::usergroup}, // usergroup 1.3, 2009
    {"c0818da83a97cbcad9030dcceffe825a70e216d810c2886eae41759d58db196f",
     FrameSection::accounts}, // usergroupfuncs 1.4, 2013
    {"2e0975da232782f8a1109566f8033605f518a6e3a38eb4ff47b51935b2af21ba",
     FrameSection::accounts}, // usergroupfuncs.Linux 1.6, 2013
    {"3bacb2e7f43796d8357135a6f5f18a6ebbfd976d801db1fb49ed387315d20e06",
     FrameSection::dirs}, // dirs 1.4, 2008
    {"602b6f1345bcc2964a1de2dd4591069976a1fcf3b07943eb5a3af6d02f90c5e7",
     FrameSection::files}, // files 1.9, 2014
    {"cea17581897d1f32528cd63636ced170c6154b04538f84e504d7ed656050ef82",
     FrameSection::files}, // files 1.11, 2020
    {"dcc8ff6bd673836051eaca449123e9f965b2f2c023de03faf589becc94521440",
     FrameSection::perms}, // perms 1.3, 2007
    {"1b282b7102cbcf069248c20c5bfe91706a087d8958e1c3825d184b8227afccca",
     FrameSection::shell}, // shell 1.6, 2010
    {"1bf71ed3cd1d8c47eae08d8944118af1b437af6f4bbc46c1515b0b2471f568d9",
     FrameSection::stages}, // install 1.3, 2014
    {"e2e4c52a46687aae70f0f3c637fe240906ae8d0c8f070c92dd60a952486e8fdd",
     FrameSection::stages}, // install 1.4, 2016
    {"8fd9ea10042267ac53557430a3ddd35d99fed15b3ef07571b46c8772886fbdf8",
     FrameSection::stages}, // install 1.5, 2017
    {"28d3b9e880a77975493dc7e359144c0295a4f694cfe0af4f928c22307bc5c320",
     FrameSection::end}, // footer 1.1, 2006
    // pkgsrc/demo/scripts
    {"bb3f0a0e05a4d118f89be526f3a90c9ec6bdd89283abc2ee4aae4ec28bdf63ba", FrameSection::header}, // header
    {"b4baca11f2d30abb97b5fc822f7e2f002ce091149df8d5955c8e65af0d2ec581",
     FrameSection::usergroup},                                                                    // usergroup
    {"31901e132fe98c1e712a1cd86ae999c88a6945daa88dd7706e3647f80752f95a", FrameSection::accounts}, // accounts
    {"1ff5f4619e1fe032a4388c1e888a35769e5692980c3ebdd8e7bb42bf1e135fdc", FrameSection::dirs},     // dirs
    {"8613bb99a9fcde99b47159e1c397243bca2fb2ebc9eb669b1c29061d3f90dd0c", FrameSection::files},    // files
    {"1c4f3745b21d5ff4beec811fbae8b0dd3b7b5fa90ce7333db181a26bb5dab988", FrameSection::perms},    // perms
    {"fde361d5f5ea18950044b96e74d7734a9527e9d44b1a1cf2547a8432a62c2628", FrameSection::shell},    // shell
    {"c4b11c3a2b1eec4de98b8056600b8a4e161b60f604dc157bf02c118104780a59", FrameSection::stages},   // install
    {"e0053c40f756e4cf74599c68722feb165f831bc2664076eaec777677d813df68",
     FrameSection::stages}, // install, which calls what tells other programs of fonts, icons and the like
};

} // namespace

std::optional<FrameSection> known_section(std::string_view digest) {
    const auto known = std::find_if(std::begin(sections), std::end(sections),
                                    [&](const KnownSection& section) { return section.digest == digest; });
    if (known == std::end(sections))
        return std::nullopt;
    return known->section;
}

} // namespace pkgjail::format
