#include "pkgjail/format/signature_x509.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <fmt/core.h>

#include "pkgjail/base/digest.hpp"
#include "pkgjail/base/error.hpp"
#include "pkgjail/format/changed_package.hpp"

namespace pkgjail::format {
namespace {

using base::Error;
using base::ErrorKind;

namespace hint {
constexpr const char* changed =
    "run `pkgjail update`; if it stays, the repository is damaged or somebody changes "
    "archives on their way";
constexpr const char* expired = "the repository has to be signed anew; a clock that is wrong looks the same";
constexpr const char* not_yet = "compare this host's clock";
constexpr const char* revoked = "do not use what it signed; ask the repository's owner";
constexpr const char* no_list = "`revocations` needs the list of the authority that issued it";
constexpr const char* old_list = "put the authority's present list in its place";
constexpr const char* unknown = "add the signer's authority to `certificates` only if you believe it";
constexpr const char* all[] = {changed, expired, not_yet, revoked, no_list, old_list, unknown};
} // namespace hint

template <auto release>
struct Release {
    template <class Object>
    void operator()(Object* object) const {
        release(object);
    }
};
struct CertificatesFree {
    void operator()(STACK_OF(X509) * list) const { sk_X509_pop_free(list, X509_free); }
};
/// The certificates in it are somebody else's.
struct ListFree {
    void operator()(STACK_OF(X509) * list) const { sk_X509_free(list); }
};
using Bio = std::unique_ptr<BIO, Release<BIO_free_all>>;
using Pkcs7 = std::unique_ptr<PKCS7, Release<PKCS7_free>>;
using Certificates = std::unique_ptr<STACK_OF(X509), CertificatesFree>;
using CertificateList = std::unique_ptr<STACK_OF(X509), ListFree>;
using Store = std::unique_ptr<X509_STORE, Release<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Release<X509_STORE_CTX_free>>;
using Usages = std::unique_ptr<EXTENDED_KEY_USAGE, Release<EXTENDED_KEY_USAGE_free>>;

/// OpenSSL's record of what failed, so that it does not show up in a later one's place.
void forget_errors() {
    ERR_clear_error();
}

void require(bool done, const char* call) {
    if (done)
        return;
    forget_errors();
    throw Error(ErrorKind::system, "signature", std::string(call) + " failed in the cryptographic library");
}

Bio reader(std::string_view text) {
    Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    require(bio != nullptr, "BIO_new_mem_buf");
    return bio;
}

Certificates read_certificates(std::string_view pem, const char* what) {
    Certificates list(sk_X509_new_null());
    require(list != nullptr, "sk_X509_new_null");
    const Bio bio = reader(pem);
    while (X509* const certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
        require(sk_X509_push(list.get(), certificate) > 0, "sk_X509_push");
    forget_errors();
    if (!pem.empty() && sk_X509_num(list.get()) == 0)
        throw Error(ErrorKind::configuration, what, "holds no certificate in PEM form");
    return list;
}

Store make_store(const X509Trust& trust) {
    Store store(X509_STORE_new());
    require(store != nullptr, "X509_STORE_new");
    const Certificates anchors = read_certificates(trust.anchors, "certificates");
    if (sk_X509_num(anchors.get()) == 0)
        throw Error(ErrorKind::configuration, "certificates", "holds no certificate in PEM form");
    for (int i = 0; i < sk_X509_num(anchors.get()); ++i)
        require(X509_STORE_add_cert(store.get(), sk_X509_value(anchors.get(), i)) == 1,
                "X509_STORE_add_cert");
    if (trust.revocations.empty())
        return store;
    const Bio bio = reader(trust.revocations);
    int count = 0;
    while (X509_CRL* const list = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)) {
        const bool added = X509_STORE_add_crl(store.get(), list) == 1;
        X509_CRL_free(list);
        require(added, "X509_STORE_add_crl");
        ++count;
    }
    forget_errors();
    if (count == 0)
        throw Error(ErrorKind::configuration, "revocations",
                    "holds no list of revoked certificates in PEM form");
    return store;
}

std::string subject_of(X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    require(bio != nullptr && X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0,
                                                 XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0,
            "X509_NAME_print_ex");
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string fingerprint_of(X509* certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(certificate, &bytes);
    require(size > 0, "i2d_X509");
    const std::string_view der(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    std::string digest = base::sha256(der);
    OPENSSL_free(bytes);
    return digest;
}

class Judgement {
  public:
    Judgement(const X509Trust& trust, X509Use use, base::WallTime now, const std::string& name)
        : trust_(trust), use_(use), now_(now), name_(name), store_(make_store(trust)),
          chain_(read_certificates(trust.chain, "chain")) {}

    X509Signer run(std::string_view signature, std::string_view content) {
        const Bio pem = reader(signature);
        const Pkcs7 pkcs7(PEM_read_bio_PKCS7(pem.get(), nullptr, nullptr, nullptr));
        forget_errors();
        if (pkcs7 == nullptr || !PKCS7_type_is_signed(pkcs7.get()))
            refuse("its signature is no PKCS7 signature in PEM form");
        if (PKCS7_get_detached(pkcs7.get()) == 0)
            refuse("its signature holds a content of its own and is not detached");
        STACK_OF(PKCS7_SIGNER_INFO)* const infos = PKCS7_get_signer_info(pkcs7.get());
        if (infos == nullptr || sk_PKCS7_SIGNER_INFO_num(infos) != 1)
            refuse(fmt::format("it has {} signatures; exactly one is allowed",
                               infos == nullptr ? 0 : sk_PKCS7_SIGNER_INFO_num(infos)));
        const CertificateList signers(PKCS7_get0_signers(pkcs7.get(), chain_.get(), 0));
        forget_errors();
        if (signers == nullptr || sk_X509_num(signers.get()) != 1)
            refuse("the certificate of its signer is missing");
        const Bio text = reader(content);
        // The chain is followed below, where it can be said why it leads nowhere.
        if (PKCS7_verify(pkcs7.get(), chain_.get(), nullptr, text.get(), nullptr,
                         PKCS7_BINARY | PKCS7_NOVERIFY) != 1) {
            forget_errors();
            throw ChangedAfterSigning(
                name_, "its signature is not over this package: one of them was changed", hint::changed);
        }
        X509* const signer = sk_X509_value(signers.get(), 0);
        follow_chain(signer, pkcs7->d.sign->cert);
        check_use(signer);
        return {subject_of(signer), fingerprint_of(signer)};
    }

  private:
    [[noreturn]] void refuse(std::string cause, std::string hint = {}) const {
        throw Error(ErrorKind::trust, name_, std::move(cause), std::move(hint));
    }

    void follow_chain(X509* signer, STACK_OF(X509) * sent_along) {
        const CertificateList between(sk_X509_dup(chain_.get()));
        require(between != nullptr, "sk_X509_dup");
        for (int i = 0; i < (sent_along == nullptr ? 0 : sk_X509_num(sent_along)); ++i)
            require(sk_X509_push(between.get(), sk_X509_value(sent_along, i)) > 0, "sk_X509_push");
        const StoreContext context(X509_STORE_CTX_new());
        require(context != nullptr &&
                    X509_STORE_CTX_init(context.get(), store_.get(), signer, between.get()) == 1 &&
                    X509_STORE_CTX_set_default(context.get(), "smime_sign") == 1,
                "X509_STORE_CTX_init");
        X509_VERIFY_PARAM* const rules = X509_STORE_CTX_get0_param(context.get());
        X509_VERIFY_PARAM_set_time(rules, static_cast<time_t>(base::to_unix(now_)));
        X509_VERIFY_PARAM_set_auth_level(rules, 1);
        if (!trust_.revocations.empty())
            X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK);
        const bool fine = X509_verify_cert(context.get()) == 1;
        forget_errors();
        if (!fine)
            refuse_chain(signer, X509_STORE_CTX_get_error(context.get()),
                         X509_STORE_CTX_get_current_cert(context.get()));
    }

    [[noreturn]] void refuse_chain(X509* signer, int error, X509* where) const {
        const std::string subject = subject_of(where == nullptr ? signer : where);
        switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            refuse(fmt::format("the certificate {} of its signer has expired", subject), hint::expired);
        case X509_V_ERR_CERT_NOT_YET_VALID:
            refuse(fmt::format("the certificate {} of its signer is not valid yet", subject), hint::not_yet);
        case X509_V_ERR_CERT_REVOKED:
            refuse(fmt::format("the certificate {} of its signer was revoked", subject), hint::revoked);
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            refuse(fmt::format("no list of revoked certificates covers the certificate {}", subject),
                   hint::no_list);
        case X509_V_ERR_CRL_HAS_EXPIRED:
            refuse("the list of revoked certificates has expired", hint::old_list);
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            refuse(fmt::format("it was signed by {}, to whom none of the trusted certificates leads",
                               subject_of(signer)),
                   hint::unknown);
        case X509_V_ERR_INVALID_PURPOSE:
            refuse(fmt::format("the certificate {} of its signer is not for this use", subject));
        default:
            refuse(fmt::format("the certificate {} of its signer is not accepted: {}", subject,
                               X509_verify_cert_error_string(error)));
        }
    }

    void check_use(X509* signer) const {
        if (X509_check_ca(signer) != 0)
            refuse(fmt::format("it was signed by {}, which is an authority's certificate and not a signer's",
                               subject_of(signer)));
        const Usages usages(
            static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(signer, NID_ext_key_usage, nullptr, nullptr)));
        bool code = false, email = false;
        const int count = usages == nullptr ? 0 : sk_ASN1_OBJECT_num(usages.get());
        for (int i = 0; i < count; ++i) {
            const int usage = OBJ_obj2nid(sk_ASN1_OBJECT_value(usages.get(), i));
            code = code || usage == NID_code_sign;
            email = email || usage == NID_email_protect;
        }
        const bool fitting =
            use_ == X509Use::packages ? code && email && count == 2 : usages == nullptr && count == 0;
        if (!fitting)
            refuse(fmt::format("the certificate {} of its signer has another extended key usage than {}",
                               subject_of(signer),
                               use_ == X509Use::packages ? "codeSigning and emailProtection" : "none"));
    }

    const X509Trust& trust_;
    X509Use use_;
    base::WallTime now_;
    const std::string& name_;
    Store store_;
    Certificates chain_;
};

} // namespace

X509Signer judge_x509(std::string_view signature, std::string_view content, const X509Trust& trust,
                      X509Use use, base::WallTime now, const std::string& name) {
    return Judgement(trust, use, now, name).run(signature, content);
}

bool is_x509_changed_hint(std::string_view text) {
    return text == hint::changed;
}

bool is_x509_hint(std::string_view text) {
    return std::find(std::begin(hint::all), std::end(hint::all), text) != std::end(hint::all);
}

} // namespace pkgjail::format
