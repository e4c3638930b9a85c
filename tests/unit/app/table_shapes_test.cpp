// What a difference between two shapes means for the documents.
#include "consumer/app/table_shapes.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace app {
namespace {

using Json = nlohmann::json;

class TableShapesTest : public ::testing::Test {
 protected:
  static Json Table() {
    return Json::parse(R"({"oid": 7, "kind": "p", "persistence": "p", "schema_marks": ["1", "a"],
      "name_marks": ["2", "b"], "identity": "d", "keys": null, "view": null,
      "partitions": {"8": "d"}, "columns": {"id": [1, 23, -1, "5", "c"]}})");
  }
  static ShapeChange Compare(const Json& before, const Json& now) {
    return CompareShapes(Json{{"public.t", before}}.dump(), Json{{"public.t", now}}.dump());
  }
  static bool Matters(const ShapeChange& change) { return change.documents || change.rows; }

  const Json before_ = Table();
  Json now_ = Table();
};

TEST_F(TableShapesTest, TheSameIsNoChange) { EXPECT_FALSE(Matters(Compare(before_, now_))); }

TEST_F(TableShapesTest, AnotherIdentityOrOwnerLeavesDocumentsAlone) {
  now_["identity"] = "f";
  now_["name_marks"] = {"9", "other"};
  now_["schema_marks"] = {"9", "other"};
  now_["columns"]["id"] = {1, 23, -1, "9", "other"};
  EXPECT_FALSE(Matters(Compare(before_, now_)));
}

TEST_F(TableShapesTest, ColumnsOfAnotherTypeOrNumberOrRewrittenChangeDocuments) {
  for (const Json& column : {Json{1, 20, -1, "9", "c"}, Json{1, 23, 8, "9", "c"},
                             Json{2, 23, -1, "9", "c"}, Json{1, 23, -1, "9", "c"}}) {
    now_["columns"]["id"] = column;
    const ShapeChange change = Compare(before_, now_);
    EXPECT_TRUE(change.documents) << column;
    EXPECT_FALSE(change.rows) << column;
    EXPECT_EQ(change.reasons.size(), 1u);
  }
  now_["columns"].erase("id");
  EXPECT_TRUE(Compare(before_, now_).documents);
}

TEST_F(TableShapesTest, AnAddedColumnIsLeftToTheFingerprint) {
  now_["columns"]["more"] = {2, 23, -1, "9", "c"};
  EXPECT_FALSE(Matters(Compare(before_, now_)));
}

TEST_F(TableShapesTest, RowsMayHaveGoneWithTheirTable) {
  const auto rows = [&](const char* key, const Json& value) {
    Json now = Table();
    now[key] = value;
    return Compare(before_, now).rows;
  };
  EXPECT_TRUE(rows("oid", 70));
  EXPECT_TRUE(rows("name_marks", {"9", "b"}));
  EXPECT_TRUE(rows("schema_marks", {"9", "a"}));
  EXPECT_TRUE(rows("persistence", "u"));
  EXPECT_TRUE(rows("view", "other"));
  EXPECT_TRUE(rows("partitions", Json::object()));
  EXPECT_TRUE(CompareShapes(Json{{"public.t", before_}}.dump(), "{}").rows);
}

TEST_F(TableShapesTest, NewPartitionsAreToBeLookedInto) {
  now_["partitions"]["9"] = "d";
  const ShapeChange change = Compare(before_, now_);
  EXPECT_FALSE(Matters(change));
  EXPECT_EQ(change.new_partitions, std::vector<uint32_t>{9});
}

TEST_F(TableShapesTest, UnloggedTablesAreNamed) {
  now_["kind"] = "r";
  now_["persistence"] = "u";
  EXPECT_EQ(UnloggedTables(Json{{"public.t", now_}}.dump()), std::vector<std::string>{"public.t"});
  EXPECT_TRUE(UnloggedTables(Json{{"public.t", before_}}.dump()).empty());
}

}  // namespace
}  // namespace app
