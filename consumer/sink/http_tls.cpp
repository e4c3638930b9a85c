#include "consumer/sink/http_tls.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <fmt/format.h>

#include <array>
#include <memory>

namespace sink {
namespace {

constexpr size_t kDigestBytes = 32;

struct StoreDeleter {
  void operator()(X509_STORE* store) const noexcept { X509_STORE_free(store); }
};
struct ContextDeleter {
  void operator()(X509_STORE_CTX* context) const noexcept { X509_STORE_CTX_free(context); }
};

template <size_t kSize>
std::string Hex(const std::array<unsigned char, kSize>& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

bool IsPinned(const X509* certificate, const std::string& fingerprint) {
  std::array<unsigned char, kDigestBytes> digest{};
  unsigned size = 0;
  return X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1 &&
         size == digest.size() && Hex(digest) == fingerprint;
}

// Whether the chain that was sent leads from `leaf` to `authority`, and holds today. That an
// authority was sent along means nothing by itself: anybody can send it.
bool IsIssuedBelow(X509* leaf, STACK_OF(X509) * sent, X509* authority) {
  const std::unique_ptr<X509_STORE, StoreDeleter> store(X509_STORE_new());
  const std::unique_ptr<X509_STORE_CTX, ContextDeleter> context(X509_STORE_CTX_new());
  if (!store || !context || X509_STORE_add_cert(store.get(), authority) != 1 ||
      X509_STORE_CTX_init(context.get(), store.get(), leaf, sent) != 1) {
    return false;
  }
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  return X509_verify_cert(context.get()) == 1;
}

// Takes the place of OpenSSL's check of the chain: the certificate is the one of the fingerprint,
// or was issued by it.
int OnVerify(X509_STORE_CTX* context, void* user) noexcept {
  try {
    const std::string& fingerprint = static_cast<const HttpConfig*>(user)->fingerprint;
    X509* leaf = X509_STORE_CTX_get0_cert(context);
    STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(context);
    bool trusted = leaf != nullptr && IsPinned(leaf, fingerprint);
    for (int i = 0; !trusted && leaf != nullptr && i < sk_X509_num(sent); ++i) {
      X509* authority = sk_X509_value(sent, i);
      trusted = IsPinned(authority, fingerprint) && IsIssuedBelow(leaf, sent, authority);
    }
    X509_STORE_CTX_set_error(context, trusted ? X509_V_OK : X509_V_ERR_CERT_UNTRUSTED);
    return trusted ? 1 : 0;
  } catch (...) {
    return 0;
  }
}

CURLcode OnSslContext(CURL*, void* ssl_context, void* user) noexcept {
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  auto* config = static_cast<HttpConfig*>(user);
  if (!config->fingerprint.empty()) {
    SSL_CTX_set_cert_verify_callback(context, OnVerify, config);
    return CURLE_OK;
  }
  X509_VERIFY_PARAM* parameters = SSL_CTX_get0_param(context);
  const std::string& name = config->certificate_host;
  const bool set = X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1 ||
                   X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size()) == 1;
  return set ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK;
}

}  // namespace

base::Status SetTls(CURL* easy, const HttpConfig& config) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!config.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, config.ca_file.c_str());
  if (!config.client_certificate.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLCERT, config.client_certificate.c_str());
  }
  if (!config.client_key.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSLKEY, config.client_key.c_str());
  }
  if (!config.verify_certificates && config.fingerprint.empty()) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    return {};
  }
  // Ours take the place of libcurl's own check of the name.
  if (!config.fingerprint.empty() || !config.certificate_host.empty() || config.any_host) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (config.fingerprint.empty() && config.certificate_host.empty()) return {};
  if (curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, OnSslContext) != CURLE_OK ||
      curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, &config) != CURLE_OK) {
    return base::Fatal(
        "ELASTICSEARCH_SSL_ASSERT_FINGERPRINT and _SSL_ASSERT_HOSTNAME need a libcurl made with "
        "OpenSSL (Debian: libcurl4)");
  }
  return {};
}

}  // namespace sink
