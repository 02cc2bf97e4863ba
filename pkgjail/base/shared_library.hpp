// A library that is loaded when it is needed, and not with the program: some need longer to load than most
// commands take to run.
#pragma once

#include <string_view>

namespace pkgjail::base {

/// The hints of what SharedLibrary throws.
inline constexpr std::string_view missing_library_hint = "install the library that has it";
inline constexpr std::string_view unfit_library_hint =
    "install the one that pkgjail was built with, or build pkgjail again";

class SharedLibrary {
  public:
    /// Loads it, for the life of the process. `name` is its SONAME, `purpose` what needs it, as in "downloads
    /// need it"; both stay. Error{system} when it cannot be loaded.
    SharedLibrary(const char* name, const char* purpose);

    /// Sets `function` to the function of that name, which must be of that type. Error{system} when there is
    /// none.
    template <class Function>
    void look_up(const char* function_name, Function& function) const {
        // As POSIX has it for dlsym: a pointer to an object that is one to a function.
        function = reinterpret_cast<Function>(address_of(function_name));
    }

  private:
    void* address_of(const char* function_name) const;

    const char* name_;
    void* handle_;
};

} // namespace pkgjail::base
