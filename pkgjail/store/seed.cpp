#include "pkgjail/store/seed.hpp"

#include "pkgjail/store/owner.hpp"

namespace pkgjail::store {

using base::RootPath;
using base::Tree;

void make_seed(const Tree& config, const Tree& data, const HostBase& base, const std::string& prefix) {
    const base::Owner owner = permitted_owner();
    config.make_directories(RootPath::parse("/etc/rc.d"));
    config.make_directories(RootPath::parse(prefix) / "etc");
    for (const RootPath& directory : base.directories) // mount points inside /etc
        if (directory.is_within(RootPath::parse("/etc")))
            config.make_directories(directory);
    config.write(RootPath::parse("/etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n", 0644, owner);
    config.write(RootPath::parse("/etc/nsswitch.conf"),
                 "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: "
                 "files\nservices: files\n",
                 0644, owner);
    config.write(RootPath::parse("/etc/shells"), "/bin/sh\n", 0644, owner);
    config.write(RootPath::parse("/etc/rc.conf"), "", 0644, owner);

    for (const char* path : {"/var/cache", "/var/db", "/var/lib", "/var/log", "/var/run", "/var/spool",
                             "/var/tmp", "/home", "/root"})
        data.make_directories(RootPath::parse(path));
    data.set_permissions(RootPath::parse("/var/tmp"), 01777);
    data.set_permissions(RootPath::parse("/root"), 0700);
}

} // namespace pkgjail::store
