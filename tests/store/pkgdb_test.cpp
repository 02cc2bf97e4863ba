// Who needs whom, in the stock package database.
#include "pkgjail/store/pkgdb.hpp"

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

using namespace pkgjail;

TEST_CASE("who needs a package is written beside the best one that his pattern matches, as pkg_add does",
          "[store][pkgdb]") {
    const std::vector<store::PkgdbPackage> packages = {
        {"font-1.0", {}},
        {"font-100dpi-1.0.3",
         {}}, // goes on with "-1", and so matches "font-[0-9]*" as well, with a higher version
        {"fontconfig-9", {}},
        {"mysql-client-8.0", {}},
        {"zebra-1", {"font-[0-9]*", "{maria,mysql}-client>=5", "font-1.0", "nobody>=1"}},
        {"app-1", {"font>=1", "font-100dpi-[0-9]*", "fontconfig", "font*-9", "zebra"}},
    };
    const test::TempDir directory;
    const base::Tree tree = base::Tree::open(directory.path());
    tree.make_directory(store::pkgdb_path(), 0755);
    for (const store::PkgdbPackage& package : packages)
        tree.make_directory(store::pkgdb_directory(package.pkgname), 0755);

    store::write_required_by(tree, packages);

    std::string text;
    for (const store::PkgdbPackage& package : packages)
        if (const base::RootPath file = store::pkgdb_directory(package.pkgname) / "+REQUIRED_BY";
            tree.exists(file))
            text += package.pkgname + ":\n" + tree.read(file, 1000);
    CHECK(text == "font-1.0:\nzebra-1\napp-1\n"
                  "font-100dpi-1.0.3:\nzebra-1\napp-1\n"
                  "fontconfig-9:\napp-1\n"
                  "mysql-client-8.0:\nzebra-1\n"
                  "zebra-1:\napp-1\n");
}
