// How a root is put together: the base (the host's own system directories, read-only, one by one), the
// image's tree at the prefix, configuration and data.
#pragma once

#include <string>
#include <vector>

#include "pkgjail/base/tree.hpp"
#include "pkgjail/confine/spec.hpp"
#include "pkgjail/store/layout.hpp"

namespace pkgjail::store {

/// The base `host` on this machine: which directories are bound, which names are links (/bin → usr/bin on
/// merged systems).
struct HostBase {
    struct Link {
        base::RootPath path;
        std::string target;
    };
    base::HostPath top = "/";                ///< the host itself, or a directory unpacked from system sets
    std::vector<base::RootPath> directories; ///< exist below top, bound read-only at the same place
    std::vector<Link> links;
    /// "host-linux-debian-12-x86_64", "sets-…": part of the build key; images of one base id run on that
    /// base.
    std::string id;
};
/// Looks at the host: /bin, /sbin, /lib*, /libexec, /rescue, /usr/bin, /usr/sbin, /usr/lib*, /usr/libexec,
/// /usr/share, and where it exists /etc/alternatives.
HostBase host_base();
/// The same of a directory unpacked from system sets. Error{configuration} when it is none.
HostBase directory_base(const base::HostPath& top);
/// `base` of pkgjail.conf: "host", or such a directory.
HostBase configured_base(const std::string& setting);

/// Where a path of the root's writable part lives on the host: below config/ (/etc, PREFIX/etc) or below
/// data/ (everything else).
bool is_configuration(const base::RootPath& path, const std::string& prefix);

/// Makes the skeleton of mount points in the empty tree `root`: base directories and links, prefix, /etc,
/// /var, /home, /root, /tmp, /run, /dev, /proc, /sys and the data paths.
void make_skeleton(const base::Tree& root, const HostBase& base, const std::string& prefix,
                   const std::vector<base::RootPath>& data_paths);

/// Whether something may be mounted over a jail's own files there: outside of base, prefix, configuration
/// and the kernel's and the fresh file systems. Empty: it may; else why not: "belongs to the base".
std::string mount_target_problem(const HostBase& base, const std::string& prefix,
                                 const base::RootPath& target);

/// Makes the missing directories on the way to a mount point and the mount point itself, a directory or an
/// empty file, in a jail's data or, outside of them, in its skeleton. Goes descriptor by descriptor, because
/// the jail's root has shaped the data: a link on the way is Error{corrupt}, something of the other kind in
/// its place Error{conflict}.
void make_mount_point(const Layout& layout, const std::string& jail_id,
                      const std::vector<base::RootPath>& data_paths, const base::RootPath& target,
                      bool directory);

/// Where the parts of one root are.
struct RootParts {
    base::HostPath tree;        ///< mounted at the prefix
    bool tree_writable = false; ///< only while an image is built
    base::HostPath config;      ///< its etc and its PREFIX/etc are mounted
    base::HostPath data;
    std::vector<base::RootPath> data_paths; ///< mounted beside /var, /home and /root
};
/// In mounting order: base, tree, /etc, PREFIX/etc, /etc/alternatives, data, tmpfs on /tmp, /run and
/// /var/run.
std::vector<confine::Mount> root_mounts(const HostBase& base, const std::string& prefix,
                                        const RootParts& parts);

} // namespace pkgjail::store
