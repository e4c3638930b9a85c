// Commands in remedies: they repeat what finds the pipeline, and no secret.
#include "consumer/app/typed_command.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace app {
namespace {

Config Given(const std::vector<std::string>& arguments) {
  const auto parsed = ParseConfig(arguments, Environment());
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? parsed->config : Config{};
}

TEST(SchemaArguments, RepeatWhatWasGiven) {
  EXPECT_EQ(SchemaArguments(Given({"s.json"})), "s.json");
  EXPECT_EQ(SchemaArguments(Given({"--slot", "foo", "s.json", "--name=bar", "--once"})),
            "s.json --name bar --slot foo");
  EXPECT_EQ(SchemaArguments(Given({"s.json", "--target", "sqlite:x.db", "--queue", "memory:"})),
            "s.json --target sqlite:x.db --queue memory:");
}

TEST(SchemaArguments, AreReadyForAShell) {
  EXPECT_EQ(SchemaArguments(Given({"my shop's.json", "--target", "ndjson:a$b"})),
            "'my shop'\\''s.json' --target 'ndjson:a$b'");
}

TEST(SchemaArguments, HideSecrets) {
  const std::string arguments = SchemaArguments(
      Given({"s.json", "--target", "http://u:hush@h:9200", "--queue", "redis://:hush@h:6379/1"}));
  EXPECT_EQ(arguments, "s.json --target http://h:9200 --queue redis://h:6379/1");
}

TEST(WithSchemaArguments, FillsCommandsOnly) {
  const Config config = Given({"s.json", "--slot", "foo"});
  EXPECT_EQ(WithSchemaArguments("run `pgsync-consumer teardown SCHEMA`, then bootstrap --apply "
                                "SCHEMA, then start",
                                config),
            "run `pgsync-consumer teardown s.json --slot foo`, then bootstrap --apply s.json "
            "--slot foo, then start");
  EXPECT_EQ(WithSchemaArguments("see pgsync-consumer dlq list SCHEMA", config),
            "see pgsync-consumer dlq list s.json --slot foo");
  for (const std::string same :
       {"GRANT USAGE ON SCHEMA shop", "set SCHEMA", "a rerun SCHEMA", "plan SCHEMATA", "SCHEMA"}) {
    EXPECT_EQ(WithSchemaArguments(same, config), same);
  }
}

}  // namespace
}  // namespace app
