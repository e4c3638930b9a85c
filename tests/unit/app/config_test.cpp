// The command line with the environment behind it: every flag, precedence, errors, and that secrets
// stay out of them.
#include "consumer/app/config.h"

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace app {
namespace {

using Variables = std::map<std::string, std::string>;

base::Result<Invocation> Parse(const std::vector<std::string>& arguments,
                               Variables variables = {}) {
  return ParseConfig(arguments, Environment(std::move(variables)));
}

Config Ok(std::vector<std::string> arguments, Variables variables = {}) {
  arguments.insert(arguments.begin(), "s.json");
  auto parsed = Parse(arguments, std::move(variables));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? parsed->config : Config{};
}

// A faulty call's message. Every one of them is the operator's to mend.
std::string Wrong(const std::vector<std::string>& arguments, Variables variables = {}) {
  const auto parsed = Parse(arguments, std::move(variables));
  if (parsed) {
    ADD_FAILURE() << "was accepted";
    return "";
  }
  EXPECT_EQ(parsed.error().kind, base::ErrorKind::kUsage);
  return parsed.error().message;
}

::testing::AssertionResult Has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "\"" << text << "\" lacks \"" << part << "\"";
}

TEST(Commands, FirstWordOrRun) {
  EXPECT_EQ(Parse({"s.json"})->config.command, Command::kRun);
  const std::pair<const char*, Command> words[] = {
      {"run", Command::kRun},           {"validate", Command::kValidate},
      {"plan", Command::kPlan},         {"bootstrap", Command::kBootstrap},
      {"teardown", Command::kTeardown}, {"status", Command::kStatus}};
  for (const auto& [word, command] : words) {
    const auto parsed = Parse({word, "s.json"});
    ASSERT_TRUE(parsed) << word;
    EXPECT_EQ(parsed->config.command, command);
    EXPECT_EQ(parsed->config.schema_path, "s.json");
  }
}

TEST(Commands, UnknownOneNamesTheNearest) {
  EXPECT_TRUE(Has(Wrong({"valdate", "s.json"}), "did you mean \"validate\"?"));
  EXPECT_TRUE(Has(Wrong({"bootstrp"}), "did you mean \"bootstrap\"?"));
  EXPECT_TRUE(Has(Wrong({"es_mapping", "s.json"}), "write the mapping in the schema file"));
}

TEST(Commands, ComesFirst) {
  EXPECT_EQ(Wrong({"s.json", "run"}), "the command comes first; type: pgsync-consumer run s.json");
  EXPECT_TRUE(Has(Wrong({"a.json", "b.json"}), "unknown command \"a.json\""));
}

TEST(Commands, HelpIsOne) {
  for (const std::vector<std::string>& ask :
       std::vector<std::vector<std::string>>{{"help"}, {"help", "run"}}) {
    const auto parsed = Parse(ask);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_TRUE(parsed->text && Has(*parsed->text, "--target"));
  }
}

TEST(Spool, HasAPlaceAndALimit) {
  EXPECT_EQ(Ok({}).spool_memory_bytes, 64u << 20);
  EXPECT_EQ(Ok({}).spool_directory, "/var/tmp");
  EXPECT_EQ(Ok({}, {{"TMPDIR", "/a"}}).spool_directory, "/a");
  EXPECT_EQ(Ok({"--spool-dir", "/b"}, {{"TMPDIR", "/a"}}).spool_directory, "/b");
  EXPECT_EQ(Ok({"--spool-memory", "0"}).spool_memory_bytes, 0u);
  EXPECT_EQ(Ok({"--spool-memory", "512"}).spool_memory_bytes, 512u << 20);
  EXPECT_TRUE(Has(Wrong({"s.json", "--spool-memory", "64MB"}), "--spool-memory: \"64MB\""));
  EXPECT_TRUE(Has(Wrong({"status", "s.json", "--spool-dir", "/b"}), "is an option of `run`"));
}

TEST(Errors, JoinTheirSentences) {
  for (const std::string& message :
       {Wrong({"valdate", "s.json"}), Wrong({"s.json", "--targt", "null:"}),
        Wrong({"s.json", "--target", "sqlit:x"})}) {
    EXPECT_TRUE(message.ends_with("?")) << message;
    for (const char* clash : {"?;", ":;", ";:", ";;"}) {
      EXPECT_EQ(message.find(clash), std::string::npos) << message;
    }
  }
}

TEST(Commands, PgsyncSpellings) {
  EXPECT_EQ(Parse({"bootstrap", "-t", "-c", "s.json"})->config.command, Command::kTeardown);
  EXPECT_FALSE(Parse({"bootstrap", "-nc", "s.json"})->config.apply);
  const auto load = Parse({"parallel_sync", "-n", "3", "-m", "multiprocess", "s.json"});
  ASSERT_TRUE(load) << load.error().message;
  EXPECT_TRUE(load->config.once);
  EXPECT_EQ(load->config.workers, 3);
  EXPECT_EQ(load->config.notices.size(), 1u);
  EXPECT_TRUE(Ok({"-d", "-w", "-a", "-b"}).create);
  EXPECT_TRUE(Has(Wrong({"s.json", "--polling"}), "not needed"));
}

TEST(Schema, FromWordFlagOrVariableAndOnlyOne) {
  EXPECT_EQ(Parse({"-c", "f.json"})->config.schema_path, "f.json");
  EXPECT_EQ(Parse({"--config=f.json"})->config.schema_path, "f.json");
  EXPECT_EQ(Parse({}, {{"SCHEMA", "e.json"}})->config.schema_path, "e.json");
  EXPECT_EQ(Parse({"w.json"}, {{"SCHEMA", "e.json"}})->config.schema_path, "w.json");
  EXPECT_TRUE(Has(Wrong({}), "which schema file?"));
  EXPECT_TRUE(Has(Wrong({"run", "a.json", "-c", "b.json"}), "more than one schema file"));
  EXPECT_TRUE(Has(Wrong({"s.json"}, {{"S3_SCHEMA_URL", "s3://b/k"}}), "S3_SCHEMA_URL"));
}

TEST(Schema, FromAnUrl) {
  const Config flag = Parse({"--schema_url", "https://u:p%40@h:81/a/shop.json?key=hush#x"})->config;
  EXPECT_EQ(flag.schema_path, "https://h:81/a/shop.json");
  ASSERT_TRUE(flag.schema_download);
  EXPECT_EQ(flag.schema_download->url, "https://h:81/a/shop.json?key=hush");
  EXPECT_EQ(flag.schema_download->user + " " + flag.schema_download->password, "u p@");
  EXPECT_FALSE(Ok({}).schema_download);
  EXPECT_EQ(Parse({}, {{"SCHEMA_URL", "http://h/s"}})->config.schema_path, "http://h/s");
  EXPECT_TRUE(Parse({"http://h/s"})->config.schema_download);
  EXPECT_TRUE(Parse({}, {{"SCHEMA", "http://h/s"}})->config.schema_download);
  EXPECT_FALSE(Parse({"w.json"}, {{"SCHEMA_URL", "http://h/s"}})->config.schema_download);
  EXPECT_TRUE(Has(Wrong({}, {{"SCHEMA_URL", "http://h/s"}, {"SCHEMA", "e.json"}}), "both set"));
  EXPECT_TRUE(Has(Wrong({"s.json", "--schema-url", "http://h/s"}), "more than one schema file"));
  EXPECT_TRUE(Has(Wrong({"--schema-url", "s.json"}), "--schema-url: no scheme"));
  EXPECT_TRUE(Has(Wrong({}, {{"SCHEMA_URL", "ftp://h/s"}}), "use http or https"));
  EXPECT_FALSE(Has(Wrong({"--schema-url", "http://u:hush@/s?hush"}), "hush"));
  EXPECT_TRUE(Has(Wrong({"--s3_schema_url", "s3://b/k"}), "--s3-schema-url"));
}

TEST(Target, IgnoresNoStatusThatWouldLoseDeletions) {
  const auto wrong = [](const std::string& list) {
    return Wrong({"s.json"}, {{"ELASTICSEARCH_IGNORE_STATUS", list}});
  };
  EXPECT_TRUE(Has(wrong("404,429"), "429 cannot be ignored"));
  EXPECT_TRUE(Has(wrong("403"), "403 cannot be ignored"));
  EXPECT_TRUE(Has(wrong("503"), "from 400 to 499"));
  EXPECT_TRUE(Has(wrong("400;404"), "from 400 to 499"));
}

TEST(Options, UnknownOneNamesTheNearestAndNotItsValue) {
  const std::string message = Wrong({"s.json", "--targt=http://u:hush@h"});
  EXPECT_TRUE(Has(message, "unknown option --targt"));
  EXPECT_TRUE(Has(message, "did you mean \"--target\"?"));
  EXPECT_FALSE(Has(message, "hush"));
}

TEST(Options, UnderscoreAndDashAreEqual) {
  EXPECT_EQ(Ok({"--num_workers", "5"}).workers, 5);
  EXPECT_EQ(Ok({"--num-workers=6"}).workers, 6);
  EXPECT_EQ(Ok({"--log_format", "json"}).log_format, base::LogFormat::kJson);
}

TEST(Options, BelongToTheirCommands) {
  EXPECT_TRUE(Has(Wrong({"status", "s.json", "--once"}), "--once is an option of `run`"));
  EXPECT_TRUE(Has(Wrong({"s.json", "--apply"}), "--apply is an option of `bootstrap`"));
  EXPECT_TRUE(Has(Wrong({"plan", "s.json", "--id", "1"}), "`preview`"));
  EXPECT_TRUE(Parse({"bootstrap", "--apply", "s.json"})->config.apply);
  EXPECT_TRUE(Parse({"teardown", "--yes", "s.json"})->config.yes);
  EXPECT_TRUE(Parse({"validate", "--offline", "s.json"})->config.offline);
}

TEST(Options, PreviewByIdOrTheFirst) {
  EXPECT_EQ(Parse({"preview", "s.json"})->config.first, 1u);
  EXPECT_EQ(Parse({"preview", "s.json", "--first", "20"})->config.first, 20u);
  EXPECT_TRUE(Has(Wrong({"preview", "s.json", "--first", "none"}), "--first"));
  const auto parsed = Parse({"preview", "--id", "1|2", "s.json", "--id=-5"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->config.ids, (std::vector<std::string>{"1|2", "-5"}));
  EXPECT_EQ(parsed->config.schema_path, "s.json");
}

TEST(Options, HelpAndVersion) {
  for (const std::vector<std::string>& ask :
       std::vector<std::vector<std::string>>{{"--help"}, {"-h"}, {"run", "-h"}, {"-h", "--once"}}) {
    const auto parsed = Parse(ask);
    ASSERT_TRUE(parsed && parsed->text) << ask.front();
    for (const char* part :
         {"Usage: pgsync-consumer", "--target", "--apply", "PG_URL", "Exit status", "bootstrap"}) {
      EXPECT_TRUE(Has(*parsed->text, part));
    }
  }
  const auto version = Parse({"--version"});
  ASSERT_TRUE(version && version->text);
  EXPECT_TRUE(version->text->starts_with("pgsync-consumer 0.1.0\nlibpq "));
}

TEST(Postgres, FlagsOverVariablesOverDefaults) {
  EXPECT_EQ(Ok({}).postgres.host, "localhost");
  EXPECT_EQ(Ok({}, {{"PGHOST", "/run/pg"}}).postgres.host, "");
  const Variables variables = {{"PG_HOST", "a"},          {"PG_PORT", "1"},
                               {"PG_USER", "u"},          {"PG_PASSWORD", "p"},
                               {"PG_SSLMODE", "require"}, {"PG_SSLROOTCERT", "c"}};
  const Config set = Ok({}, variables);
  EXPECT_EQ(set.postgres.host + set.postgres.port + set.postgres.user + set.postgres.password +
                set.postgres.sslmode + set.postgres.sslrootcert,
            "a1uprequirec");
  const Config flags = Ok({"-h", "b", "-p", "2", "-u", "v", "--sslmode", "disable"}, variables);
  EXPECT_EQ(
      flags.postgres.host + flags.postgres.port + flags.postgres.user + flags.postgres.sslmode,
      "b2vdisable");
}

TEST(Postgres, UrlWinsOverPartsAndFlagsOverUrl) {
  const Variables variables = {{"PG_URL", "postgresql://u:hush@h:5/d"}, {"PG_HOST", "other"}};
  EXPECT_EQ(Ok({}, variables).postgres.url, "postgresql://u:hush@h:5/d");
  const Config config = Ok({"-h", "/run/p g", "-p", "6"}, variables);
  EXPECT_EQ(config.postgres.url, "postgresql://u:hush@h:5/d?host=%2Frun%2Fp%20g&port=6");
  EXPECT_EQ(ToDisplay(config.postgres), "h:5");
  const std::string message = Wrong({"s.json"}, {{"PG_URL", "mysql://u:hush@h/d"}});
  EXPECT_TRUE(Has(message, "PG_URL"));
  EXPECT_FALSE(Has(message, "hush"));
}

TEST(Postgres, WrongValues) {
  EXPECT_TRUE(Has(Wrong({"s.json", "-p", "x"}), "--port: \"x\""));
  EXPECT_TRUE(Has(Wrong({"s.json"}, {{"PG_PORT", "70000"}}), "PG_PORT"));
  EXPECT_TRUE(Has(Wrong({"s.json", "--sslmode", "requre"}), "did you mean \"require\"?"));
}

TEST(Target, DefaultsAndParts) {
  EXPECT_EQ(Ok({}).target.http.url, "http://localhost:9200");
  const Config parts = Ok({}, {{"ELASTICSEARCH_SCHEME", "https"},
                               {"ELASTICSEARCH_HOST", "es"},
                               {"ELASTICSEARCH_PORT", "9201"},
                               {"ELASTICSEARCH_USER", "u"},
                               {"ELASTICSEARCH_PASSWORD", "p"}});
  EXPECT_EQ(parts.target.http.url, "https://es:9201");
  EXPECT_EQ(parts.target.http.user + parts.target.http.password, "up");
  EXPECT_EQ(Ok({}, {{"ELASTICSEARCH_USER", "u"}}).target.http.user, "");  // only both together
}

TEST(Target, FlagOverUrlOverParts) {
  const Variables variables = {{"ELASTICSEARCH_URL", "https://u:p%40q@es/pre/"},
                               {"ELASTICSEARCH_HOST", "no"}};
  const Config config = Ok({}, variables);
  EXPECT_EQ(config.target.http.url, "https://es:443/pre");
  EXPECT_EQ(config.target.http.password, "p@q");
  EXPECT_EQ(Ok({"--target", "http://[::1]:1"}, variables).target.http.url, "http://[::1]:1");
}

TEST(Target, OtherKinds) {
  EXPECT_EQ(ToDisplay(Ok({"--target", "sqlite:a b.db"}).target), "sqlite:a b.db");
  EXPECT_EQ(Ok({"--target", "ndjson:-"}).target.file, "-");
  EXPECT_EQ(Ok({"--target=null:"}).target.kind, TargetConfig::Kind::kNull);
  EXPECT_EQ(ToDisplay(Ok({"--target=null:a.state"}).target), "null:a.state");
  EXPECT_TRUE(Has(Wrong({"s.json", "--target", "sqlit:x"}), "did you mean \"sqlite\"?"));
  EXPECT_TRUE(Has(Wrong({"s.json", "--target", "sqlite:"}), "needs a file"));
}

TEST(Target, Credentials) {
  const auto http = [](Variables variables) { return Ok({}, std::move(variables)).target.http; };
  EXPECT_EQ(http({{"ELASTICSEARCH_API_KEY", "enc"}}).api_key, "enc");
  EXPECT_EQ(http({{"ELASTICSEARCH_API_KEY", "key"}, {"ELASTICSEARCH_API_KEY_ID", "id"}}).api_key,
            "aWQ6a2V5");
  EXPECT_EQ(http({{"ELASTICSEARCH_BEARER_AUTH", "tok"}}).bearer, "tok");
  EXPECT_EQ(http({{"ELASTICSEARCH_BASIC_AUTH", "u:p:q"}}).password, "p:q");
  EXPECT_EQ(http({{"ELASTICSEARCH_HTTP_AUTH", "u,p"}}).password, "p");
  // base64("eu.example.org$abc$def")
  EXPECT_EQ(http({{"ELASTICSEARCH_CLOUD_ID", "n:ZXUuZXhhbXBsZS5vcmckYWJjJGRlZg=="}}).url,
            "https://abc.eu.example.org:443");
}

TEST(Target, TransportAndBounds) {
  const Config config = Ok({}, {{"ELASTICSEARCH_VERIFY_CERTS", "no"},
                                {"ELASTICSEARCH_CA_CERTS", "ca"},
                                {"ELASTICSEARCH_CLIENT_CERT", "cc"},
                                {"ELASTICSEARCH_CLIENT_KEY", "ck"},
                                {"ELASTICSEARCH_TIMEOUT", "2.5"},
                                {"ELASTICSEARCH_HTTP_COMPRESS", "1"},
                                {"ELASTICSEARCH_MAX_CHUNK_BYTES", "1000000"},
                                {"ELASTICSEARCH_CHUNK_SIZE", "77"},
                                {"ELASTICSEARCH_THREAD_COUNT", "3"},
                                {"ELASTICSEARCH_MAX_RETRIES", "5"},
                                {"ELASTICSEARCH_INITIAL_BACKOFF", "0.2"},
                                {"ELASTICSEARCH_MAX_BACKOFF", "600"},
                                {"ELASTICSEARCH_IGNORE_STATUS", "404, 400"},
                                {"ELASTICSEARCH_OPAQUE_ID", "shop"}});
  const sink::HttpConfig& http = config.target.http;
  EXPECT_FALSE(http.verify_certificates);
  EXPECT_EQ(http.ca_file + http.client_certificate + http.client_key, "caccck");
  EXPECT_EQ(http.timeout, std::chrono::seconds(3));
  EXPECT_TRUE(http.compress);
  EXPECT_EQ(http.max_bulk_bytes, 1000000u);
  EXPECT_EQ(http.max_bulk_items, 77u);
  EXPECT_EQ(http.max_bulk_requests, 3u);
  EXPECT_EQ(http.retry.retries, 5u);
  EXPECT_EQ(http.retry.first, std::chrono::milliseconds(200));
  EXPECT_EQ(http.retry.most, std::chrono::seconds(600));
  EXPECT_EQ(http.opaque_id, "shop");
  EXPECT_EQ(http.ignored_of_deletions, (std::vector<int>{404, 400}));
  EXPECT_FALSE(Ok({}, {}).target.http.retry.retries.has_value());
  // A first wait beyond the usual longest, or a longest below the usual first.
  EXPECT_EQ(Ok({}, {{"ELASTICSEARCH_INITIAL_BACKOFF", "60"}}).target.http.retry.most,
            std::chrono::seconds(60));
  EXPECT_EQ(Ok({}, {{"ELASTICSEARCH_MAX_BACKOFF", "0.01"}}).target.http.retry.first,
            std::chrono::milliseconds(10));
}

TEST(Target, SeveralAddressesOfOneCluster) {
  const auto http = [](Variables variables) { return Ok({}, std::move(variables)).target.http; };
  const auto urls = http({{"ELASTICSEARCH_URL", "http://u:a,b@es1, http://u:a,b@es2:9201/"}});
  EXPECT_EQ(urls.url, "http://es1:9200,http://es2:9201");
  EXPECT_EQ(urls.password, "a,b");
  EXPECT_EQ(http({{"ELASTICSEARCH_URL", "https://es1,https://u:p@es2"}}).user, "u");
  EXPECT_EQ(
      http({{"ELASTICSEARCH_HOST", "es1, es2:9201,[::1]"}, {"ELASTICSEARCH_PORT", "9300"}}).url,
      "http://es1:9300,http://es2:9201,http://[::1]:9300");
  const std::string wrong = Wrong({"s.json", "--target", "http://u:p@es1,http://u:hush@es2"});
  EXPECT_TRUE(Has(wrong, "differ in user or password"));
  EXPECT_FALSE(Has(wrong, "hush"));
}

TEST(Target, WhatIsAskedOfTheCertificate) {
  const auto http = [](Variables variables) { return Ok({}, std::move(variables)).target.http; };
  std::string colons = "AB";
  for (int i = 0; i < 31; ++i) colons += ":cd";
  const std::string digits = http({{"ELASTICSEARCH_SSL_ASSERT_FINGERPRINT", colons}}).fingerprint;
  EXPECT_EQ(digits.size(), 64u);
  EXPECT_TRUE(digits.starts_with("abcdcd"));
  EXPECT_TRUE(
      Has(Wrong({"s.json"}, {{"ELASTICSEARCH_SSL_ASSERT_FINGERPRINT", "abcd"}}), "SHA-256"));
  EXPECT_EQ(http({{"ELASTICSEARCH_SSL_ASSERT_HOSTNAME", "es.test"}}).certificate_host, "es.test");
  EXPECT_FALSE(http({{"ELASTICSEARCH_SSL_ASSERT_HOSTNAME", "es.test"}}).any_host);
  EXPECT_TRUE(http({{"ELASTICSEARCH_SSL_ASSERT_HOSTNAME", "False"}}).any_host);
}

TEST(Target, Aws) {
  const Variables keys = {{"OPENSEARCH_AWS_HOSTED", "true"},
                          {"ELASTICSEARCH_AWS_REGION", "eu-west-1"},
                          {"AWS_ACCESS_KEY_ID", "AK"},
                          {"AWS_SECRET_ACCESS_KEY", "hush"},
                          {"AWS_SESSION_TOKEN", "tok"}};
  const auto with = [&](const std::string& name, const std::string& value) {
    Variables variables = keys;
    variables[name] = value;
    return variables;
  };
  const sink::HttpConfig http = Ok({}, keys).target.http;
  EXPECT_EQ(http.aws_region + " " + http.aws_service, "eu-west-1 es");
  EXPECT_EQ(http.aws_access_key + http.aws_secret_key + http.aws_session_token, "AKhushtok");
  EXPECT_EQ(Ok({}, with("OPENSEARCH_AWS_SERVERLESS", "1")).target.http.aws_service, "aoss");
  EXPECT_EQ(Ok({}, with("OPENSEARCH_AWS_HOSTED", "false")).target.http.aws_region, "");
  EXPECT_TRUE(Has(Wrong({"s.json"}, with("ELASTICSEARCH_AWS_REGION", "")), "AWS_REGION"));
  EXPECT_TRUE(Has(Wrong({"s.json"}, with("AWS_SECRET_ACCESS_KEY", "")), "AWS_SECRET_ACCESS_KEY"));
}

TEST(Target, EngineIsACheck) {
  EXPECT_EQ(Ok({}).target.expected_engine, "");
  EXPECT_EQ(Ok({}, {{"OPENSEARCH", "true"}}).target.expected_engine, "opensearch");
  EXPECT_EQ(Ok({}, {{"ELASTICSEARCH", "no"}}).target.expected_engine, "opensearch");
  EXPECT_EQ(Ok({}, {{"ELASTICSEARCH", "yes"}}).target.expected_engine, "elasticsearch");
  EXPECT_TRUE(Has(Wrong({"s.json"}, {{"ELASTICSEARCH", "1"}, {"OPENSEARCH", "1"}}), "same value"));
}

TEST(Queue, MemoryUnlessRedisIsNamed) {
  EXPECT_TRUE(Ok({}).queue.in_memory);
  EXPECT_TRUE(Ok({"--queue", "memory:"}, {{"REDIS_URL", "redis://r"}}).queue.in_memory);
  const Config url = Ok({}, {{"REDIS_URL", "redis://r:7/2"}, {"REDIS_HOST", "no"}});
  EXPECT_FALSE(url.queue.in_memory);
  EXPECT_EQ(url.queue.redis.host, "r");
  EXPECT_EQ(url.queue.redis.port, 7);
  EXPECT_EQ(url.queue.redis.database, 2);
  EXPECT_EQ(Ok({"--queue", "redis://q"}, {{"REDIS_URL", "redis://r"}}).queue.redis.host, "q");
}

TEST(Queue, Parts) {
  const Config config = Ok({}, {{"REDIS_SCHEME", "rediss"},
                                {"REDIS_HOST", "r"},
                                {"REDIS_PORT", "8"},
                                {"REDIS_DB", "3"},
                                {"REDIS_USER", "u"},
                                {"REDIS_AUTH", "hush"},
                                {"REDIS_SOCKET_TIMEOUT", "0.25"}});
  const queue::RedisConfig& redis = config.queue.redis;
  EXPECT_FALSE(config.queue.in_memory);
  EXPECT_TRUE(redis.tls);
  EXPECT_EQ(redis.host + std::to_string(redis.port) + std::to_string(redis.database), "r83");
  EXPECT_EQ(redis.password, "hush");
  EXPECT_EQ(redis.timeout, std::chrono::milliseconds(250));
  EXPECT_FALSE(Has(ToDisplay(config.queue), "hush"));
  EXPECT_FALSE(Ok({}, {{"REDIS_DB", "0"}}).queue.in_memory);
}

TEST(Names, SlotNameFollowsFlags) {
  EXPECT_EQ(SlotName(Ok({}), "Shop", "book", false), "shop_book");
  EXPECT_EQ(SlotName(Ok({"--name", "n"}), "shop", "book", false), "n");
  EXPECT_EQ(SlotName(Ok({"--name", "n", "--slot", "s"}), "shop", "book", false), "s");
  EXPECT_EQ(SlotName(Ok({"--slot", "s"}), "shop", "book", true), "s_shop");
  EXPECT_TRUE(Has(Wrong({"s.json", "--slot", "My-Slot"}), "a-z, 0-9 and _"));
}

TEST(Names, DefaultNameIsALegalSlotName) {
  EXPECT_EQ(DefaultName("Shop-1", "Bücher.v2"), "shop_1_b__cher_v2");
  EXPECT_EQ(DefaultName(std::string(40, 'a'), std::string(40, 'b')).size(), 63u);
}

TEST(Run, RolesWorkersHttpAndCoreFiles) {
  EXPECT_FALSE(Ok({}).core_files);
  EXPECT_TRUE(Ok({}, {{"PGSYNC_CORE_FILES", "true"}}).core_files);
  EXPECT_EQ(Ok({}).workers, 2);
  EXPECT_EQ(Ok({"-n", "4"}, {{"NUM_WORKERS", "3"}}).workers, 4);
  EXPECT_EQ(Ok({}, {{"NUM_WORKERS", "3"}}).workers, 3);
  EXPECT_TRUE(Has(Wrong({"s.json", "--workers", "0"}), "--workers: \"0\""));
  EXPECT_TRUE(Has(Wrong({"s.json"}, {{"NUM_WORKERS", "many"}}), "NUM_WORKERS: \"many\""));
  EXPECT_TRUE(Has(Wrong({"s.json", "--role", "worker"}), "share a queue in Redis"));
  EXPECT_TRUE(Has(Wrong({"s.json", "--producer"}), "share a queue in Redis"));
  EXPECT_EQ(Ok({"--role", "worker", "--queue", "redis://h"}).role, Role::kWorker);
  EXPECT_EQ(Ok({"--producer", "--queue", "redis://h"}).role, Role::kProducer);
  EXPECT_TRUE(Has(Wrong({"s.json", "--role", "worker", "--once", "--queue", "redis://h"}),
                  "--once is the producer's"));
  EXPECT_EQ(Ok({"--wal-limit", "2048"}).wal_limit_bytes, int64_t{2} << 30);
  EXPECT_TRUE(Ok({"--on-lost-slot", "reload"}).reload_lost);
  EXPECT_TRUE(Has(Wrong({"s.json", "--on-lost-slot", "relod"}), "did you mean \"reload\"?"));
  EXPECT_TRUE(Has(Wrong({"s.json", "--role", "al"}), "did you mean \"all\"?"));
  EXPECT_EQ(Ok({"--role", "all"}).workers, 2);
  EXPECT_EQ(Ok({"--http", "8080"}).http->host, "127.0.0.1");
  EXPECT_EQ(Ok({"--http", "0.0.0.0:81"}).http->host, "0.0.0.0");
  EXPECT_EQ(Ok({"--http", "[::1]:81"}).http->host, "::1");
  EXPECT_EQ(Ok({"--http", "[::1]:81"}).http->port, 81);
  EXPECT_FALSE(Ok({}).http);
  EXPECT_TRUE(Has(Wrong({"s.json", "--http", "localhost"}), "ADDRESS:PORT"));
}

TEST(Run, SizesAndTimes) {
  const Config none = Ok({});
  EXPECT_EQ(none.block_size, 20480);
  EXPECT_EQ(none.filter_chunk_size, 5000);
  EXPECT_EQ(none.log_interval, std::chrono::seconds(10));
  const Config set = Ok({}, {{"BLOCK_SIZE", "10"},
                             {"QUERY_CHUNK_SIZE", "20"},
                             {"FILTER_CHUNK_SIZE", "30"},
                             {"LOG_INTERVAL", "0.5"},
                             {"PG_WORK_MEM", "64MB"},
                             {"PG_DATABASE", "admin"}});
  EXPECT_EQ(set.block_size + set.query_chunk_size + set.filter_chunk_size, 60u);
  EXPECT_EQ(set.log_interval, std::chrono::milliseconds(500));
  EXPECT_EQ(set.work_mem + set.postgres.maintenance_database, "64MBadmin");
}

TEST(Output, LevelsAndFormats) {
  EXPECT_EQ(Ok({}).log_level, base::LogLevel::kInfo);
  EXPECT_EQ(Ok({"-v"}).log_level, base::LogLevel::kDebug);
  EXPECT_EQ(Ok({"--log-level", "ERROR"}).log_level, base::LogLevel::kError);
  EXPECT_EQ(Ok({}, {{"CONSOLE_LOGGING_HANDLER_MIN_LEVEL", "WARNING"}}).log_level,
            base::LogLevel::kWarning);
  EXPECT_TRUE(Has(Wrong({"s.json", "--log-format", "xml"}), "use text, json"));
}

TEST(Output, IgnoredVariablesMakeOneNotice) {
  const Config config = Ok({}, {{"POLLING", "1"}, {"REDIS_CHECKPOINT", "1"}});
  ASSERT_EQ(config.notices.size(), 1u);
  EXPECT_TRUE(Has(config.notices[0], "REDIS_CHECKPOINT, POLLING"));
}

TEST(Secrets, NeverInErrors) {
  const std::string bad_urls[] = {"http://u:hush@",
                                  "http://u:hush@h:port",
                                  "http://u:hu%sh@h",
                                  "http://u:hush@h?x",
                                  "ftp://u:hush@h",
                                  "https://hush@a,b",
                                  "hush"};
  for (const std::string& url : bad_urls) {
    EXPECT_FALSE(Has(Wrong({"s.json", "--target", url}), "hush")) << url;
    EXPECT_FALSE(Has(Wrong({"s.json"}, {{"ELASTICSEARCH_URL", url}}), "hush")) << url;
    EXPECT_FALSE(Has(Wrong({"s.json"}, {{"PG_URL", url}}), "hush")) << url;
    EXPECT_FALSE(Has(Wrong({"s.json", "--queue", url}), "hush")) << url;
  }
  EXPECT_FALSE(Has(Wrong({"s.json"}, {{"ELASTICSEARCH_BASIC_AUTH", "hush"}}), "hush"));
  EXPECT_FALSE(Has(Wrong({"s.json"}, {{"ELASTICSEARCH_CLOUD_ID", "hush"}}), "hush"));
}

TEST(Secrets, AreOverwrittenInArguments) {
  const auto hidden = [](std::string text) {
    HideSecrets({text.data(), text.size()});
    return text;
  };
  EXPECT_EQ(hidden("--target=http://u:hush@h:9200"), "--target=http://u:xxxx@h:9200");
  EXPECT_EQ(hidden("http://u:hush@a,http://u:hush@b").find("hush"), std::string::npos);
  EXPECT_EQ(hidden("redis://:a@b/c@h"), "redis://:xxxxx@h");
  EXPECT_EQ(hidden("http://h:9200/x"), "http://h:9200/x");
  EXPECT_EQ(hidden("schema.json"), "schema.json");
  EXPECT_EQ(hidden("--schema-url=http://h/s.json?key=hush"),
            "--schema-url=http://h/s.json?xxxxxxxx");
}

}  // namespace
}  // namespace app
