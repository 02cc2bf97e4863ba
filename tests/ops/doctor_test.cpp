// What doctor tells an operator to do.
#include "pkgjail/ops/doctor.hpp"
#include "support/catch.hpp"

using namespace pkgjail;
using base::Mount;

namespace {

const Mount root = {"/", "zfs", "tank/root"};
const Mount state = {"/state", "zfs", "tank/state"};
const Mount of_another = {"/state/jails/id2/data", "zfs", "tank/state/pkgjail-2"};

std::string removal(const std::vector<Mount>& mounts) {
    return ops::removal_of_kept_data("/state/jails/id", mounts);
}

} // namespace

TEST_CASE("kept data in a directory, or a subvolume, are removed by rm", "[ops][doctor]") {
    CHECK(removal({}) == "rm -r /state/jails/id");
    CHECK(removal({{"/", "btrfs", "/dev/sda2"}}) == "rm -r /state/jails/id");
    CHECK(removal({root, state, of_another}) == "rm -r /state/jails/id");
}

TEST_CASE("kept data on ZFS go with their dataset, which rm would only empty", "[ops][doctor]") {
    CHECK(removal({root, state, {"/state/jails/id/data", "zfs", "tank/state/pkgjail-1"}, of_another}) ==
          "zfs destroy tank/state/pkgjail-1 && rm -r /state/jails/id");
}

TEST_CASE("what else is mounted in kept data is unmounted before anything there is removed",
          "[ops][doctor]") {
    CHECK(removal({root, {"/state/jails/id/data", "ext4", "/dev/sdb1"}}) ==
          "umount /state/jails/id/data && rm -r /state/jails/id; what is on /dev/sdb1 stays there");
    CHECK(removal({root,
                   {"/state/jails/id/data", "zfs", "tank/state/pkgjail-1"},
                   {"/state/jails/id/data/var", "zfs", "tank/own"},
                   {"/state/jails/id/data/var/db", "ext4", "/dev/sdb1"}}) ==
          "umount /state/jails/id/data/var/db && umount /state/jails/id/data/var && "
          "zfs destroy tank/state/pkgjail-1 && rm -r /state/jails/id; what is on /dev/sdb1, tank/own stays "
          "there");
    CHECK(removal({root,
                   {"/state/jails/id/data", "zfs", "tank/state/pkgjail-1"},
                   {"/state/jails/id/data", "tmpfs", "tmpfs"}}) ==
          "umount /state/jails/id/data && zfs destroy tank/state/pkgjail-1 && rm -r /state/jails/id; what is "
          "on tmpfs stays there");
}
