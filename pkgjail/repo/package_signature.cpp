#include "pkgjail/repo/package_signature.hpp"

#include <fmt/core.h>

#include "pkgjail/base/error.hpp"
#include "pkgjail/base/file.hpp"
#include "pkgjail/jail/pkg_install_conf.hpp"
#include "pkgjail/repo/gpg.hpp"
#include "pkgjail/repo/repository.hpp"

namespace pkgjail::repo {

namespace {

using base::Error;
using base::ErrorKind;

std::string first_of(const std::string& own, const std::string& other) {
    return own.empty() ? other : own;
}

std::string read(const std::string& path) {
    if (path.empty())
        return "";
    const auto text = base::read_file_if_exists(path);
    if (!text)
        throw Error(ErrorKind::configuration, path, "there is no such file");
    return *text;
}

} // namespace

SigningRules signing_rules(const jail::RepositoryConfig& repository, const base::HostPath& scratch,
                           base::WallTime now) {
    jail::PkgInstallConf conf;
    if (!repository.pkg_install_conf.empty())
        conf = jail::parse_pkg_install_conf(read(repository.pkg_install_conf), repository.pkg_install_conf);
    const std::string certificates = first_of(repository.certificates, conf.certificates);
    SigningRules rules;
    rules.repository = shown_repository(repository);
    rules.section = fmt::format("[repository {}]", repository.name);
    rules.keyring = first_of(repository.keyring, conf.keyring);
    rules.gpg = first_of(repository.gpg, conf.gpg);
    rules.scratch = scratch;
    rules.now = now;
    rules.verification =
        repository.verification.value_or(conf.verification.value_or(jail::Verification::always));
    if (certificates.empty() && rules.keyring.empty())
        throw Error(ErrorKind::trust, rules.repository,
                    "its packages must be signed (trust = package-signed), and neither certificates nor a "
                    "keyring say by whom",
                    fmt::format("set `certificates` or `keyring` in {} of repositories.conf", rules.section));
    rules.x509.anchors = read(certificates);
    rules.x509.chain = read(first_of(repository.chain, conf.chain));
    rules.x509.revocations = read(repository.revocations);
    return rules;
}

std::string prove_package(const format::SignatureParts& parts, const SigningRules& rules,
                          const std::string& name) {
    if (parts.kind == format::SignatureKind::x509) {
        if (rules.x509.anchors.empty())
            throw Error(ErrorKind::trust, name, "it has an X.509 signature, and no certificates are trusted",
                        fmt::format("set `certificates` in {} of repositories.conf", rules.section));
        return "x509 " + format::verify_x509(parts.signature, parts.hash_text, rules.x509,
                                             format::X509Use::packages, rules.now, name)
                             .subject;
    }
    if (rules.keyring.empty())
        throw Error(ErrorKind::trust, name, "it has an OpenPGP signature, and no keyring is configured",
                    fmt::format("set `keyring` in {} of repositories.conf", rules.section));
    const GpgSigner signer =
        verify_gpg(parts.signature, parts.hash_text, rules.keyring, rules.gpg, rules.scratch, name);
    return fmt::format("gpg {} {}", signer.fingerprint, signer.user);
}

} // namespace pkgjail::repo
