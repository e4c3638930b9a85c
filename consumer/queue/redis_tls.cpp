#include "consumer/queue/redis_tls.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace queue {
namespace {

constexpr size_t kRecordBytes = 16u << 10;  // of TLS, at most
constexpr char kClosed[] = "the connection was closed";
constexpr char kNameOurs[] = "name ours with rediss://…?ssl_certfile=FILE&ssl_keyfile=FILE";

struct FreeSslContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

std::string LastReason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown failure" : reason;
}

base::Error Unusable(std::string_view what, const std::string& file) {
  return base::Refused(
      fmt::format("{} of the Redis address: {} cannot be used ({})", what, file, LastReason()));
}

base::Status UseCertificates(SSL_CTX* context, const RedisConfig& config) {
  if (config.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);  // SSL_CERT_FILE, SSL_CERT_DIR, else the system's
  } else if (SSL_CTX_load_verify_locations(context, config.ca_file.c_str(), nullptr) != 1) {
    return Unusable("ssl_ca_certs", config.ca_file);
  }
  if (config.client_certificate.empty()) return {};
  const std::string& certificate = config.client_certificate;
  const std::string& key = config.client_key.empty() ? certificate : config.client_key;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return Unusable("ssl_certfile", certificate);
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Unusable("ssl_keyfile", key);
  }
  return {};
}

bool AsksForOurCertificate(int reason) {
  return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
         reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
         reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE || reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA;
}

}  // namespace

void FreeSsl::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

base::Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t now = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return base::Retry(std::strerror(errno));
    bytes.remove_prefix(static_cast<size_t>(now));
  }
  return {};
}

base::Result<size_t> Receive(int fd, char* buffer, size_t size) {
  for (;;) {
    const ssize_t now = recv(fd, buffer, size, 0);
    if (now > 0) return static_cast<size_t>(now);
    if (now == 0) return base::Retry(kClosed);
    if (errno != EINTR) return base::Retry(std::strerror(errno));
  }
}

base::Result<std::unique_ptr<RedisTls>> RedisTls::Open(int fd, const RedisConfig& config) {
  std::unique_ptr<RedisTls> made(new RedisTls(fd, config));
  if (base::Status prepared = made->Prepare(); !prepared.ok()) return std::move(prepared).error();
  if (base::Status shaken = made->ShakeHands(); !shaken.ok()) return std::move(shaken).error();
  return made;
}

base::Status RedisTls::Prepare() {
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, FreeSslContext> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return base::Retry("out of memory for TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), config_.verify_certificate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                     nullptr);
  if (base::Status used = UseCertificates(context.get(), config_); !used.ok()) return used;

  ssl_.reset(SSL_new(context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  if (ssl_ == nullptr || in == nullptr || out == nullptr) {
    BIO_free(in);
    BIO_free(out);
    return base::Retry("out of memory for TLS");
  }
  SSL_set_bio(ssl_.get(), in, out);  // owns them from here on
  SSL_set_connect_state(ssl_.get());

  const std::string& host = config_.host;
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl_.get());
  const bool is_address = X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1;
  if (!is_address) SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  if (config_.any_host) {
    X509_VERIFY_PARAM_set1_ip(parameters, nullptr, 0);
  } else if (!is_address &&
             X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size()) != 1) {
    return base::Refused("the host of the Redis address is no name that a certificate can carry");
  }
  return {};
}

base::Status RedisTls::ShakeHands() {
  for (;;) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl_.get());
    const bool goes_on =
        returned == 1 || SSL_get_error(ssl_.get(), returned) == SSL_ERROR_WANT_READ;
    base::Status failed = goes_on ? base::Status() : Failure(returned);
    base::Status sent = Flush();  // also what tells them why we hang up
    if (!failed.ok()) return failed;
    if (!sent.ok() || returned == 1) return sent;
    if (base::Status filled = Fill(); !filled.ok()) return filled;
  }
}

base::Status RedisTls::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    size_t written = 0;
    const int returned = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    if (returned != 1) return Failure(returned);  // never for want of room: memory takes it all
    bytes.remove_prefix(written);
    if (base::Status sent = Flush(); !sent.ok()) return Unheard(std::move(sent).error());
  }
  return {};
}

base::Result<size_t> RedisTls::Read(char* buffer, size_t size) {
  for (;;) {
    ERR_clear_error();
    size_t got = 0;
    const int returned = SSL_read_ex(ssl_.get(), buffer, size, &got);
    if (returned == 1) {
      heard_ = true;
      return got;
    }
    if (SSL_get_error(ssl_.get(), returned) != SSL_ERROR_WANT_READ) return Failure(returned);
    if (base::Status sent = Flush(); !sent.ok()) return Unheard(std::move(sent).error());
    if (base::Status filled = Fill(); !filled.ok()) return Unheard(std::move(filled).error());
  }
}

// With TLS 1.3 a server looks at our certificate when the handshake is over for us, and may be gone
// before its reason arrives, or before we have sent anything.
base::Error RedisTls::Unheard(base::Error error) const {
  if (!heard_ && config_.client_certificate.empty()) {
    error.message += "; if it wants a certificate of its clients: " + std::string(kNameOurs);
  }
  return error;
}

base::Status RedisTls::Flush() {
  BIO* out = SSL_get_wbio(ssl_.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  if (size <= 0) return {};
  base::Status sent = SendAll(fd_, {bytes, static_cast<size_t>(size)});
  BIO_reset(out);
  return sent;
}

base::Status RedisTls::Fill() {
  std::array<char, kRecordBytes> buffer;
  auto got = Receive(fd_, buffer.data(), buffer.size());
  if (!got.ok()) return std::move(got).error();
  if (BIO_write(SSL_get_rbio(ssl_.get()), buffer.data(), static_cast<int>(*got)) !=
      static_cast<int>(*got)) {
    return base::Retry("out of memory for TLS");
  }
  return {};
}

base::Error RedisTls::Failure(int returned) const {
  if (SSL_get_error(ssl_.get(), returned) == SSL_ERROR_ZERO_RETURN) return base::Retry(kClosed);
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return base::Refused(fmt::format(
        "its certificate is not accepted: {}; name the authority that issued it with "
        "rediss://…?ssl_ca_certs=FILE or SSL_CERT_FILE, and the host as the certificate has it "
        "(or not: ssl_check_hostname=false)",
        X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()))));
  }
  if (AsksForOurCertificate(reason)) {
    return base::Refused(
        fmt::format("it does not accept us ({}): it wants a certificate of its clients; {}",
                    LastReason(), kNameOurs));
  }
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
    return base::Refused("it does not speak TLS on this port; use redis://, or its TLS port");
  }
  return base::Retry("TLS: " + LastReason());
}

}  // namespace queue
