#include "flow/signing.hpp"

#include <chrono>
#include <ctime>
#include <stdexcept>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/process.hpp"
#include "support/package_writer.hpp"

namespace pkgjail::test {

namespace {

std::string time_text(std::int64_t from_now) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr) + from_now));
}

std::string trimmed(std::string text) {
    while (text.ends_with('\n'))
        text.pop_back();
    return text;
}

std::string ar_member(const std::string& name, const std::string& content) {
    // The name stands before the content, as the stock signer writes long ones.
    const bool is_long = name.size() > 16;
    const std::string body = is_long ? name + content : content;
    std::string member =
        fmt::format("{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n{}",
                    is_long ? fmt::format("#1/{}", name.size()) : name, 0, 0, 0, "100644", body.size(), body);
    if (member.size() % 2 != 0)
        member += "\n";
    return member;
}

constexpr const char* certificates = R"(
cat >ca.cnf <<'CNF'
[ca]
default_ca = authority
[authority]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
default_days = 3650
default_crl_days = 30
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = unused
[authority_extensions]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
[signer]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = codeSigning,emailProtection
[code_only]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = codeSigning
[three]
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = codeSigning,emailProtection,clientAuth
[signing_authority]
basicConstraints = critical,CA:true
extendedKeyUsage = codeSigning,emailProtection
CNF
: >index.txt
echo 01 >serial
curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config ca.cnf"
root() { openssl req -x509 $curve -extensions authority_extensions -subj "/CN=$2" -days 3650 -keyout $1.key -out $1.pem; }
root anchor "Test authority"
root other "Other authority"
signer() { # NAME EXTENSIONS AUTHORITY [options of ca]
    name=$1 extensions=$2 by=$3; shift 3
    openssl req -new $curve -subj "/CN=Signer $name" -keyout $name.key -out $name.csr
    openssl ca -batch -config ca.cnf -extensions $extensions -in $name.csr -out $name.pem -notext -cert $by.pem -keyfile $by.key "$@"
}
signer good signer anchor
signer expired signer anchor -startdate 20200101000000Z -enddate 20210101000000Z
signer early signer anchor -startdate 20990101000000Z -enddate 21000101000000Z
signer revoked signer anchor
signer stranger signer other
signer codeonly code_only anchor
signer three three anchor
signer authority signing_authority anchor
signer between authority_extensions anchor
signer below signer between
mv anchor.pem trusted.pem
openssl ca -config ca.cnf -cert trusted.pem -keyfile anchor.key -revoke revoked.pem
openssl ca -config ca.cnf -cert trusted.pem -keyfile anchor.key -gencrl -out crl.pem
)";

constexpr const char* openpgp_keys = R"(
mkdir -m 700 gnupg
GNUPGHOME=$PWD/gnupg; export GNUPGHOME
make() { gpg --batch --quiet --pinentry-mode loopback --passphrase '' "$@"; }
make --quick-generate-key 'Signer good <good@example.org>' ed25519 sign never
make --quick-generate-key 'Signer stranger <stranger@example.org>' ed25519 sign never
make --quick-generate-key 'Signer revoked <revoked@example.org>' ed25519 sign never
make --faked-system-time 20200101T000000 --quick-generate-key 'Signer expired <expired@example.org>' ed25519 sign 1y
# The certificate of revocation lies beside the key, made harmless by a colon; taken by a second ring, so that
# the first can go on signing.
fpr=$(gpg --batch --list-keys --with-colons revoked@example.org | awk -F: '/^fpr/ { print $10; exit }')
gpg --batch --quiet --export good@example.org revoked@example.org expired@example.org >all.gpg
mkdir -m 700 second
gpg --homedir second --batch --quiet --import all.gpg
sed 's/^:---/---/' gnupg/openpgp-revocs.d/$fpr.rev | gpg --homedir second --batch --quiet --import
gpg --homedir second --batch --quiet --export >keyring.gpg
gpg --homedir second --batch --quiet --export --armor >keyring.asc
)";

} // namespace

std::string run_script(const std::filesystem::path& directory, const std::string& script) {
    base::Command command;
    command.argv = {"/bin/sh", "-c", "set -eu\n" + script};
    command.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
                           "HOME=" + directory.string()};
    command.working_directory = directory.string();
    const base::Output output = base::run(command, std::chrono::seconds(180));
    if (!output.exit.success())
        throw std::runtime_error(output.exit.describe() + ": " + script + "\n" + output.err);
    return output.out;
}

SigningKey::SigningKey() {
    run_script(directory_.path(), "openssl genpkey -algorithm ed25519 -out key.pem 2>/dev/null\n"
                                  "chmod 600 key.pem\n"
                                  "openssl pkey -in key.pem -pubout -outform DER | tail -c 32 >raw");
    base64_ = trimmed(run_script(directory_.path(), "openssl base64 -A -in raw"));
    id_ = base::sha256(read_bytes(directory_ / "raw")).substr(0, 16);
}

std::string SigningKey::sign(const std::string& text) const {
    write_bytes(directory_ / "text", text);
    return trimmed(run_script(directory_.path(),
                              "openssl pkeyutl -sign -inkey key.pem -rawin -in text -out signature\n"
                              "openssl base64 -A -in signature"));
}

std::string IndexSignature::signed_text() const {
    std::string text = fmt::format("pkgjail index 1\nrepository: {}\nserial: {}\nmade-at: {}\nexpires: {}\n",
                                   repository, serial, time_text(made_at), time_text(expires));
    for (const std::filesystem::path& file : files) {
        const std::string bytes = read_bytes(file);
        text += fmt::format("file: {} {} sha256:{}\n", file.filename().string(), bytes.size(),
                            base::sha256(bytes));
    }
    for (const std::string& id : revoked)
        text += "revoked: " + id + "\n";
    return text;
}

void write_signature(const std::filesystem::path& directory, const IndexSignature& signature,
                     const std::vector<const SigningKey*>& keys) {
    const std::string text = signature.signed_text();
    std::string all = text;
    for (const SigningKey* const key : keys)
        all += fmt::format("signature: {} {}\n", key->id(), key->sign(text));
    write_bytes(directory / "pkg_summary.sig", all);
}

std::string SignedPackage::hash_text() const {
    constexpr std::size_t block = 65536;
    std::string text = fmt::format(
        "pkgsrc signature\n\nversion: 1\npkgname: {}\nalgorithm: SHA512\nblock size: {}\nfile size: {}\n\n",
        pkgname, block, package.size());
    for (std::size_t at = 0; at < package.size(); at += block)
        text += base::digest_of(base::DigestAlgorithm::sha512, package.substr(at, block)) + "\n";
    return text + "end pkgsrc signature\n";
}

std::string SignedPackage::bytes() const {
    return "!<arch>\n" + ar_member("+PKG_HASH", hash_text()) + ar_member(signature_name, signature) +
           ar_member(pkgname + ".tgz", package);
}

Signers::Signers(Kind kind) : kind_(kind) {
    run_script(directory_.path(), kind == Kind::x509 ? certificates : openpgp_keys);
}

Signers::~Signers() {
    if (kind_ != Kind::gpg)
        return;
    try {
        run_script(directory_.path(),
                   "gpgconf --homedir $PWD/gnupg --kill all; gpgconf --homedir $PWD/second "
                   "--kill all");
    } catch (const std::exception&) {
        // An agent whose directory is gone ends by itself.
    }
}

SignedPackage Signers::sign(const std::string& pkgname, const std::string& package,
                            const std::string& who) const {
    SignedPackage result;
    result.pkgname = pkgname;
    result.package = package;
    write_bytes(directory_ / "hash", result.hash_text());
    std::filesystem::remove(directory_ / "signature");
    if (kind_ == Kind::x509) {
        run_script(
            directory_.path(),
            fmt::format("openssl smime -sign -binary -in hash -signer {0}.pem -inkey {0}.key -outform PEM "
                        "-out signature",
                        who));
    } else {
        result.signature_name = "+PKG_GPG_SIGNATURE";
        run_script(directory_.path(),
                   fmt::format("gpg --homedir $PWD/gnupg --batch --quiet {} -u {}@example.org --armor "
                               "--detach-sign -o signature hash",
                               who == "expired" ? "--faked-system-time 20200201T000000" : "", who));
    }
    result.signature = read_bytes(directory_ / "signature");
    return result;
}

} // namespace pkgjail::test
