// What guards engines: certificates (row 36 of the fault matrix), signatures of AWS. Against
// tests/fakes/guarded_stub.py, with certificates that tests/fakes/certificates makes.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>

#include "consumer/sink/http_client.h"
#include "consumer/sink/http_tls.h"
#include "consumer/sink/target.h"
#include "tests/unit/sink/bulk_builder.h"
#include "tests/unit/sink/stub_process.h"

namespace sink {
namespace {

using Json = nlohmann::json;
using base::ErrorKind;
using sink_test::StubProcess;

class HttpTls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    char name[] = "/tmp/pgsync-certificates.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    const std::string make = PGSYNC_SOURCE_DIR "/tests/fakes/certificates " + folder_;
    ASSERT_EQ(system(make.c_str()), 0) << "openssl is needed: apt-get install openssl";
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::string File(const std::string& name) { return folder_ + "/" + name; }

  static Json Speaking(const std::string& certificate) {
    return {{"cert", File(certificate + ".pem")}, {"key", File(certificate + ".key")}};
  }

  // Of the one certificate in a file.
  static std::string Fingerprint(const std::string& name) {
    const std::string command =
        "openssl x509 -noout -fingerprint -sha256 -in " + File(name + ".pem");
    const std::unique_ptr<FILE, int (*)(FILE*)> out(popen(command.c_str(), "r"), pclose);
    char line[200] = "";
    if (fgets(line, sizeof line, out.get()) == nullptr) ADD_FAILURE() << "no fingerprint";
    std::string digits;
    for (const char* c = strchr(line, '='); c != nullptr && *++c != '\0';) {
      if (isxdigit(*c)) digits += static_cast<char>(tolower(*c));
    }
    return digits;
  }

  // "" = a request got through; else the error, which is the operator's to mend.
  std::string Try(const StubProcess& stub) {
    config_.url = stub.url;
    HttpClient client(config_);
    auto response = client.Send({.method = "GET", .path = "/"});
    if (response) return response->status == 200 ? "" : "status";
    EXPECT_EQ(response.error().kind, ErrorKind::kRefused) << response.error().message;
    return response.error().message;
  }

  HttpConfig config_;

 private:
  static inline std::string folder_;
};

TEST_F(HttpTls, TakesACertificateOfAKnownAuthorityOnly) {
  StubProcess stub(Speaking("good"));
  EXPECT_NE(Try(stub).find("ELASTICSEARCH_CA_CERTS"), std::string::npos);
  config_.ca_file = File("other_ca.pem");
  EXPECT_NE(Try(stub), "");
  config_.ca_file = File("ca.pem");
  EXPECT_EQ(Try(stub), "");
}

TEST_F(HttpTls, RefusesOneThatIsSelfSignedExpiredOrOfAnotherHost) {
  config_.ca_file = File("ca.pem");
  for (const std::string name : {"self", "expired", "elsewhere", "posing"}) {
    StubProcess stub(Speaking(name));
    EXPECT_NE(Try(stub), "") << name;
    config_.verify_certificates = false;
    EXPECT_EQ(Try(stub), "") << name;
    config_.verify_certificates = true;
  }
}

TEST_F(HttpTls, RefusesOldProtocols) {
  Json options = Speaking("good");
  options["most"] = "1.1";
  StubProcess stub(options);
  config_.url = stub.url;
  config_.verify_certificates = false;
  HttpClient client(config_);
  auto response = client.Send({.method = "GET", .path = "/"});
  ASSERT_FALSE(response.ok());
  EXPECT_NE(response.error().message.find("protocol version"), std::string::npos)
      << response.error().message;
}

TEST_F(HttpTls, AnotherNameMayBeAskedFor) {
  config_.ca_file = File("ca.pem");
  StubProcess stub(Speaking("elsewhere"));
  config_.certificate_host = "elsewhere.test";
  EXPECT_EQ(Try(stub), "");
  config_.certificate_host = "nowhere.test";
  EXPECT_NE(Try(stub), "");
  config_.certificate_host = "127.0.0.1";
  EXPECT_NE(Try(stub), "");
  config_.certificate_host = "";
  config_.any_host = true;
  EXPECT_EQ(Try(stub), "");
  config_.ca_file = File("other_ca.pem");  // the name alone is no trust
  EXPECT_NE(Try(stub), "");
}

TEST_F(HttpTls, AFingerprintTakesThePlaceOfAnAuthority) {
  StubProcess stub(Speaking("self"));
  config_.fingerprint = Fingerprint("self");
  EXPECT_EQ(Try(stub), "");
  config_.fingerprint = Fingerprint("good");
  EXPECT_NE(Try(stub).find("ELASTICSEARCH_SSL_ASSERT_FINGERPRINT"), std::string::npos);
  config_.verify_certificates = false;  // as strict
  EXPECT_NE(Try(stub), "");
}

TEST_F(HttpTls, AFingerprintMayBeThatOfTheAuthorityWhoIssuedIt) {
  config_.fingerprint = Fingerprint("ca");
  StubProcess chain(Speaking("chain"));
  EXPECT_EQ(Try(chain), "");
  StubProcess alone(Speaking("good"));
  EXPECT_NE(Try(alone), "");  // nothing leads to the authority
  StubProcess posing(Speaking("posing"));
  EXPECT_NE(Try(posing), "");  // sent along, but did not issue it
}

TEST_F(HttpTls, ShowsItsOwnCertificate) {
  Json options = Speaking("good");
  options["client_ca"] = File("ca.pem");
  StubProcess stub(options);
  config_.url = stub.url;
  config_.ca_file = File("ca.pem");
  EXPECT_FALSE(HttpClient(config_).Send({.method = "GET", .path = "/"}).ok());
  config_.client_certificate = File("client.pem");
  config_.client_key = File("client.key");
  EXPECT_EQ(Try(stub), "");
}

struct HttpAws : testing::Test {
  HttpConfig Signing(const StubProcess& stub) {
    HttpConfig config;
    config.url = stub.url;
    config.aws_region = "eu-west-1";
    config.aws_service = "es";
    config.aws_access_key = "AKIDEXAMPLE";
    config.aws_secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    config.aws_session_token = "a+token/==";
    return config;
  }
  static Json Keys() {
    return {{"access", "AKIDEXAMPLE"},
            {"secret", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
            {"region", "eu-west-1"},
            {"service", "es"},
            {"token", "a+token/=="}};
  }
  std::vector<schema::DocumentTree> trees = sink_test::Trees({"book"});
  std::unique_ptr<base::Logger> log = base::MakeSilentLogger();
};

TEST_F(HttpAws, EveryRequestOfATargetIsSigned) {
  for (const bool compress : {false, true}) {
    StubProcess stub(Json::object({{"aws", Keys()}}));
    HttpConfig config = Signing(stub);
    config.compress = compress;
    trees[0].pipeline = "an enrichment";
    auto target = MakeHttpTarget(config, trees, *log);
    const auto holds = [](const auto& result) {
      return result ? std::string("holds") : result.error().message;
    };
    EXPECT_EQ(holds(target->Probe()), "holds");
    EXPECT_EQ(holds(target->ReadState(trees[0])), "holds");
    EXPECT_EQ(holds(target->Create(trees[0], sink_test::State())), "holds");
    model::BulkRequest request;
    for (int i = 0; i < 100; ++i) sink_test::Put(&request, std::to_string(i), 1, R"({"t":"é +"})");
    EXPECT_EQ(holds(target->NewWriter()->Write(request)), "holds");
    EXPECT_EQ(holds(target->WriteState(trees[0], sink_test::State())), "holds");
    EXPECT_EQ(holds(target->WriteRejected(trees[0], {{"r 1", "r", "{}", 1, base::Lsn{1}}})),
              "holds");
    EXPECT_EQ(holds(target->MakeSearchable(trees[0])), "holds");
    EXPECT_EQ(holds(target->Count(trees[0])), "holds");
    EXPECT_EQ(holds(target->Sweep(trees[0], 8)), "holds");
    EXPECT_EQ(holds(target->Drop(trees[0])), "holds");
  }
}

TEST_F(HttpAws, AnotherSecretIsRefused) {
  StubProcess stub(Json::object({{"aws", Keys()}}));
  HttpConfig config = Signing(stub);
  config.aws_secret_key = "other";
  auto probed = MakeHttpTarget(config, trees, *log)->Probe();
  ASSERT_FALSE(probed.ok());
  EXPECT_EQ(probed.error().kind, ErrorKind::kRefused);
}

TEST(HttpHeaders, TheOpaqueIdIsSent) {
  StubProcess stub;
  HttpConfig config;
  config.url = stub.url;
  config.opaque_id = "shop 1";
  HttpClient client(config);
  ASSERT_TRUE(client.Send({.method = "GET", .path = "/"}).ok());
  auto headers = client.Send({.method = "GET", .path = "/_guard/headers"});
  ASSERT_TRUE(headers.ok());
  EXPECT_EQ(Json::parse(headers->body)["x-opaque-id"], "shop 1");
}

}  // namespace
}  // namespace sink
