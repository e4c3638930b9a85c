#include "consumer/app/introspect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "consumer/app/config.h"
#include "consumer/schema/schema.h"

namespace app {
namespace {

using Json = nlohmann::ordered_json;
using schema::Catalog;
using schema::CatalogTable;
using schema::TableName;
using Strings = std::vector<std::string>;

TableName In(const std::string& schema, const std::string& table) { return {schema, table}; }
TableName Public(const std::string& table) { return {"public", table}; }

// A database by hand: the first column is the primary key if none is given.
class Database {
 public:
  CatalogTable& Table(const TableName& name, const Strings& columns, Strings key = {}) {
    CatalogTable& table = catalog.tables[name];
    table.name = name;
    for (const std::string& column : columns) {
      schema::CatalogColumn made;
      made.name = column;
      made.type_oid = 23;
      made.type_name = made.declared_type = "integer";
      made.not_null = true;
      table.columns.push_back(made);
    }
    table.primary_key = key.empty() ? Strings{columns.front()} : std::move(key);
    table.indexes.push_back({name.table + "_pkey", table.primary_key, true, false, true});
    names[name] = name;
    if (std::find(catalog.schemas.begin(), catalog.schemas.end(), name.schema) ==
        catalog.schemas.end()) {
      catalog.schemas.push_back(name.schema);
    }
    return table;
  }
  void Key(const TableName& from, const Strings& from_columns, const TableName& to,
           const Strings& to_columns = {"id"}) {
    const std::string name = "key" + std::to_string(catalog.foreign_keys.size());
    catalog.foreign_keys.push_back({name, from, from_columns, to, to_columns});
  }

  base::Result<Introspected> Ask(const std::vector<TableName>& roots, int depth = 2,
                                 const std::string& database = "shop") const {
    return Introspect({database, roots, depth}, catalog, names);
  }
  // The file, which the validator takes without an error or a warning.
  Json Made(const std::vector<TableName>& roots, int depth = 2) const {
    auto made = Ask(roots, depth);
    EXPECT_TRUE(made.ok()) << (made ? "" : made.error().message);
    if (!made) return {};
    const auto nothing = [](const std::string&) { return std::optional<std::string>(); };
    const schema::SchemaFile file = schema::Parse(made->text, "schema.json", nothing);
    for (const auto& finding : file.findings()) ADD_FAILURE() << ToString(finding) << made->text;
    if (file.ok()) {
      for (const auto& finding : Resolve(file, "shop", catalog).findings) {
        ADD_FAILURE() << ToString(finding) << "\n" << made->text;
      }
    }
    return Json::parse(made->text);
  }
  Json Root(const TableName& root, int depth = 2) const { return Made({root}, depth)[0]["nodes"]; }

  Catalog catalog;
  TableNames names;
};

// book -> publisher -> country; isbn -> book (one each); review -> book; book_author.
Database Books() {
  Database d;
  d.Table(Public("country"), {"id", "name"});
  d.Table(Public("publisher"), {"id", "country_id"});
  d.Table(Public("book"), {"id", "title", "publisher_id"});
  d.Table(Public("isbn"), {"id", "book_id", "value"});
  d.catalog.tables[Public("isbn")].indexes.push_back({"u", {"book_id"}, true, false, true});
  d.Table(Public("review"), {"id", "book_id", "stars"});
  d.Table(Public("author"), {"id", "name"});
  d.Table(Public("book_author"), {"book_id", "author_id"}, {"book_id", "author_id"});
  d.Key(Public("publisher"), {"country_id"}, Public("country"));
  d.Key(Public("book"), {"publisher_id"}, Public("publisher"));
  d.Key(Public("isbn"), {"book_id"}, Public("book"));
  d.Key(Public("review"), {"book_id"}, Public("book"));
  d.Key(Public("book_author"), {"book_id"}, Public("book"));
  d.Key(Public("book_author"), {"author_id"}, Public("author"));
  return d;
}

// "publisher one_to_one {country one_to_one}, …": the shape of what hangs below a node.
std::string Shape(const Json& node) {
  std::string text;
  if (!node.contains("children")) return text;
  for (const Json& child : node["children"]) {
    const Json& relationship = child["relationship"];
    text += text.empty() ? "" : ", ";
    text += child.contains("label") ? child["label"].get<std::string>() + "=" : "";
    text += child["table"].get<std::string>();
    text += relationship["type"] == "one_to_one" ? " one" : " many";
    if (relationship.contains("through_tables")) {
      text += " through " + relationship["through_tables"][0].dump();
    }
    if (relationship.contains("foreign_key")) text += " by " + relationship["foreign_key"].dump();
    if (const std::string below = Shape(child); !below.empty()) text += " {" + below + "}";
  }
  return text;
}

TEST(Introspect, GoesUpDownAndAcross) {
  EXPECT_EQ(Shape(Books().Root(Public("book"), 1)),
            "publisher one, isbn one, review many, author many through \"book_author\"");
}

TEST(Introspect, GoesAsDeepAsAskedAndNeverBack) {
  const Database d = Books();
  EXPECT_EQ(Shape(d.Root(Public("book"), 0)), "");
  EXPECT_EQ(Shape(d.Root(Public("country"), 1)), "publisher many");
  EXPECT_EQ(Shape(d.Root(Public("country"), 2)), "publisher many {book many}");
  EXPECT_EQ(Shape(d.Root(Public("country"), 3)),
            "publisher many {book many {isbn one, review many, author many through "
            "\"book_author\"}}");
  EXPECT_EQ(Shape(d.Root(Public("author"), 2)),
            "book many through \"book_author\" {publisher one, isbn one, review many}");
}

TEST(Introspect, NamesAllColumnsInTableOrder) {
  EXPECT_EQ(Books().Root(Public("book"))["columns"], Json({"id", "title", "publisher_id"}));
}

TEST(Introspect, WritesFilesAsPeopleDo) {
  Database d;
  d.Table(Public("a"), {"id", "b_id"});
  d.Table(Public("b"), {"id", std::string(90, 'x')});
  d.Key(Public("a"), {"b_id"}, Public("b"));
  EXPECT_EQ(d.Ask({Public("a")})->text,
            "[\n"
            "  {\n"
            "    \"$schema\": \"pgsync.schema.json\",\n"
            "    \"database\": \"shop\",\n"
            "    \"index\": \"a\",\n"
            "    \"nodes\": {\n"
            "      \"table\": \"a\",\n"
            "      \"columns\": [\"id\", \"b_id\"],\n"
            "      \"children\": [\n"
            "        {\n"
            "          \"table\": \"b\",\n"
            "          \"columns\": [\n"
            "            \"id\",\n"
            "            \"" +
                std::string(90, 'x') +
                "\"\n"
                "          ],\n"
                "          \"relationship\": {\"type\": \"one_to_one\", \"variant\": \"object\"}\n"
                "        }\n"
                "      ]\n"
                "    }\n"
                "  }\n"
                "]\n");
}

TEST(Introspect, SeveralKeysBetweenTwoTablesAreWrittenOut) {
  Database d;
  d.Table(Public("person"), {"id", "name"});
  d.Table(Public("mail"), {"id", "from_id", "to_id"});
  d.Key(Public("mail"), {"from_id"}, Public("person"));
  d.Key(Public("mail"), {"to_id"}, Public("person"));
  EXPECT_EQ(Shape(d.Root(Public("mail"), 1)),
            "from=person one by {\"parent\":[\"from_id\"],\"child\":[\"id\"]}, "
            "to=person one by {\"parent\":[\"to_id\"],\"child\":[\"id\"]}");
  EXPECT_EQ(Shape(d.Root(Public("person"), 1)),
            "mail_by_from=mail many by {\"parent\":[\"id\"],\"child\":[\"from_id\"]}, "
            "mail_by_to=mail many by {\"parent\":[\"id\"],\"child\":[\"to_id\"]}");
}

TEST(Introspect, TheSameColumnsLinkedTwiceAreOneChildWithItsKeyWrittenOut) {
  Database d;
  d.Table(Public("a"), {"id", "b_id"});
  d.Table(Public("b"), {"id"});
  d.Key(Public("a"), {"b_id"}, Public("b"));
  d.Key(Public("a"), {"b_id"}, Public("b"));
  EXPECT_EQ(Shape(d.Root(Public("a"))), "b one by {\"parent\":[\"b_id\"],\"child\":[\"id\"]}");
}

TEST(Introspect, SelfReferencesGoBothWaysButDoNotTurnBack) {
  Database d;
  d.Table(Public("staff"), {"id", "boss_id"});
  d.Key(Public("staff"), {"boss_id"}, Public("staff"));
  const std::string up = "staff one by {\"parent\":[\"boss_id\"],\"child\":[\"id\"]}";
  const std::string down = "staff many by {\"parent\":[\"id\"],\"child\":[\"boss_id\"]}";
  EXPECT_EQ(Shape(d.Root(Public("staff"), 1)), "boss=" + up + ", staff_by_boss=" + down);
  EXPECT_EQ(Shape(d.Root(Public("staff"), 2)),
            "boss=" + up + " {" + up + "}, staff_by_boss=" + down + " {" + down + "}");
}

TEST(Introspect, AJunctionFromATableToItselfNamesBothItsEnds) {
  Database d;
  d.Table(Public("person"), {"id", "name"});
  d.Table(Public("friendship"), {"person_id", "friend_id"}, {"person_id", "friend_id"});
  d.Key(Public("friendship"), {"person_id"}, Public("person"));
  d.Key(Public("friendship"), {"friend_id"}, Public("person"));
  const Json children = d.Root(Public("person"), 1)["children"];
  ASSERT_EQ(children.size(), 2u);
  EXPECT_EQ(children[0]["label"], "person_as_friend");
  EXPECT_EQ(children[1]["label"], "person_as_person");
  EXPECT_EQ(children[0]["relationship"]["through_tables"][0],
            Json::parse(R"({"table": "friendship", "schema": "public",
                            "parent": {"parent": ["id"], "through": ["person_id"]},
                            "child": {"through": ["friend_id"], "child": ["id"]}})"));
}

TEST(Introspect, AJunctionMayHaveAKeyOfItsOwn) {
  Database d = Books();
  CatalogTable& junction = d.catalog.tables[Public("book_author")];
  junction.columns.push_back(junction.columns[0]);
  junction.columns.back().name = "id";
  junction.indexes.push_back({"own", {"id"}, true, false, true});
  junction.primary_key = {"id"};
  EXPECT_NE(Shape(d.Root(Public("book"), 1)).find("author many through"), std::string::npos);
}

TEST(Introspect, WhatSaysMoreThanAJunctionIsANode) {
  const std::string node = "book_author many {author one}";
  const auto has_node = [&](const Database& d) {
    return Shape(d.Root(Public("book"), 2)).find(node) != std::string::npos;
  };
  EXPECT_FALSE(has_node(Books()));
  {
    Database d = Books();  // a further column
    auto& columns = d.catalog.tables[Public("book_author")].columns;
    columns.push_back(columns[0]);
    columns.back().name = "position";
    EXPECT_TRUE(has_node(d));
  }
  {
    Database d = Books();  // not unique
    auto& junction = d.catalog.tables[Public("book_author")];
    junction.columns.push_back(junction.columns[0]);
    junction.columns.back().name = "id";
    junction.primary_key = {"id"};
    junction.indexes = {{"own", {"id"}, true, false, true}};
    EXPECT_TRUE(has_node(d));
    junction.indexes.push_back({"part", {"book_id", "author_id"}, true, true, true});
    EXPECT_TRUE(has_node(d)) << "unique only where its condition holds";
    junction.indexes.push_back({"all", {"author_id", "book_id"}, true, false, true});
    EXPECT_FALSE(has_node(d));
    junction.columns[1].not_null = false;
    EXPECT_TRUE(has_node(d)) << "NULLs are never unique";
  }
  {
    Database d = Books();  // something refers to it
    d.Table(Public("royalty"), {"id", "book_id", "author_id"});
    d.Key(Public("royalty"), {"book_id", "author_id"}, Public("book_author"),
          {"book_id", "author_id"});
    EXPECT_NE(Shape(d.Root(Public("book"), 2)).find("book_author many {author one, royalty many}"),
              std::string::npos);
  }
}

TEST(Introspect, LabelsNeverMeetColumnsOrEachOther) {
  Database d;
  d.Table(Public("book"), {"id", "publisher", "review"});
  d.Table(Public("publisher"), {"id"});
  d.Table(Public("review"), {"id", "book"});
  d.Table(In("archive", "review"), {"id", "book"});
  d.Key(Public("book"), {"publisher"}, Public("publisher"));
  d.Key(Public("review"), {"book"}, Public("book"));
  d.Key(In("archive", "review"), {"book"}, Public("book"));
  EXPECT_EQ(Shape(d.Root(Public("book"), 1)),
            "publisher_publisher=publisher one, review_by_book=review many, "
            "review_by_book_2=review many");
  EXPECT_EQ(d.Root(Public("book"), 1)["children"][2]["schema"], "archive");
}

TEST(Introspect, JunctionsInOtherSchemasAreQualified) {
  Database d;
  d.Table(Public("a"), {"id"});
  d.Table(Public("b"), {"id"});
  d.Table(In("links", "a_b"), {"a_id", "b_id"}, {"a_id", "b_id"});
  d.Key(In("links", "a_b"), {"a_id"}, Public("a"));
  d.Key(In("links", "a_b"), {"b_id"}, Public("b"));
  EXPECT_EQ(Shape(d.Root(Public("a"))), "b many through \"links.a_b\"");

  Database dotted;
  dotted.Table(Public("a"), {"id"});
  dotted.Table(Public("b"), {"id"});
  dotted.Table(Public("a.b"), {"a_id", "b_id"}, {"a_id", "b_id"});
  dotted.Key(Public("a.b"), {"a_id"}, Public("a"));
  dotted.Key(Public("a.b"), {"b_id"}, Public("b"));
  EXPECT_EQ(Shape(dotted.Root(Public("a"))), R"(b many through {"table":"a.b","schema":"public"})");
}

TEST(Introspect, LeavesOutWhatCannotBeANodeAndSaysSo) {
  Database d = Books();
  d.catalog.tables[Public("review")].primary_key.clear();
  d.catalog.tables[Public("isbn")].may_select = false;
  EXPECT_EQ(Shape(d.Root(Public("book"), 1)), "publisher one, author many through \"book_author\"");
  EXPECT_EQ(d.Ask({Public("book")}, 1)->notes,
            (Strings{"public.isbn may not be read by this role: left out; GRANT SELECT ON "
                     "\"public\".\"isbn\" to it",
                     "public.review has no primary key: left out"}));
}

TEST(Introspect, WithoutAnyDocumentItIsAnError) {
  Database d = Books();
  d.catalog.tables[Public("review")].primary_key.clear();
  const auto made = d.Ask({Public("review")});
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().kind, base::ErrorKind::kUsage);
  EXPECT_EQ(made.error().message,
            "no document can be made:\npublic.review has no primary key: left out");
}

TEST(Introspect, AViewIsARootOnlyAndNeedsAWordMore) {
  Database d = Books();
  CatalogTable& view = d.Table(Public("best"), {"id", "rank"});
  view.kind = 'v';
  view.primary_key.clear();
  const auto made = d.Ask({Public("best")});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->notes,
            (Strings{"public.best is no table and has no primary key: add \"primary_key\", the "
                     "columns that make its rows unique, and \"base_tables\", the tables behind "
                     "it"}));
}

TEST(Introspect, PartitionsCountAsTheirTable) {
  Database d = Books();
  d.names[Public("book_2024")] = Public("book");
  d.names[Public("review_2024")] = Public("review");
  d.Key(Public("review_2024"), {"id"}, Public("country"));
  const auto made = d.Ask({Public("book_2024"), Public("book")}, 1);
  ASSERT_TRUE(made.ok()) << made.error().message;
  const Json file = Json::parse(made->text);
  ASSERT_EQ(file.size(), 1u);
  EXPECT_EQ(file[0]["nodes"]["table"], "book");
  EXPECT_EQ(made->notes,
            (Strings{"foreign key key6 of public.review_2024 belongs to a partition alone: left "
                     "out",
                     "public.book_2024 is a partition of public.book, which is used in its "
                     "place"}));
}

TEST(Introspect, IndexNamesAreLegalAndDistinct) {
  Database d;
  d.Table(Public("Order $x.Y"), {"id"});
  d.Table(Public("_?"), {"id"});
  d.Table(In("a", "book"), {"id"});
  d.Table(In("b", "book"), {"id"});
  d.Table(In("b", "BOOK"), {"id"});
  const auto made =
      d.Ask({Public("Order $x.Y"), Public("_?"), In("a", "book"), In("b", "book"), In("b", "BOOK")},
            2, "my$DB");
  ASSERT_TRUE(made.ok());
  Strings indexes;
  for (const Json& document : Json::parse(made->text)) {
    indexes.push_back(document["index"]);
    EXPECT_EQ(document["database"], "my$$DB");  // a lone $ would start a variable
  }
  EXPECT_EQ(indexes, (Strings{"order__x_y", "documents", "book", "b_book", "b_book_2"}));
}

TEST(Introspect, ColumnNamesThatNoFileCanWriteAreNotWritten) {
  Database d;
  d.Table(Public("odd"), {"id", "a->"});
  const auto made = d.Ask({Public("odd")});
  ASSERT_TRUE(made.ok());
  EXPECT_FALSE(Json::parse(made->text)[0]["nodes"].contains("columns"));
  EXPECT_EQ(made->notes.size(), 1u);
}

TEST(Introspect, RefusesTreesThatNobodyReads) {
  Database d;
  d.Table(Public("hub"), {"id"});
  for (int i = 0; i < 30; ++i) {
    const TableName table = Public("t" + std::to_string(i));
    d.Table(table, {"id", "a", "b"});
    d.Key(table, {"a"}, Public("hub"));
    d.Key(table, {"b"}, Public("hub"));
  }
  const auto made = d.Ask({Public("hub")}, 4);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().message,
            "--depth 4: more than 2000 nodes; take a smaller depth, or fewer tables");
}

TEST(FindTable, ReadsNamesAsTheyAreWritten) {
  TableNames names;
  for (const TableName& name :
       {Public("book"), In("archive", "book"), In("a", "only"), In("a", "two"), In("b", "two"),
        Public("Odd.\"Name\""), In("Odd", "T.x")}) {
    names[name] = name;
  }
  EXPECT_EQ(*FindTable("book", names), Public("book"));
  EXPECT_EQ(*FindTable("archive.book", names), In("archive", "book"));
  EXPECT_EQ(*FindTable("only", names), In("a", "only"));
  EXPECT_EQ(*FindTable("\"Odd.\"\"Name\"\"\"", names), Public("Odd.\"Name\""));
  EXPECT_EQ(*FindTable("Odd.\"T.x\"", names), In("Odd", "T.x"));
  EXPECT_EQ(FindTable("two", names).error().message,
            "table \"two\" is in several schemas; say which: a.two, b.two");
  EXPECT_EQ(FindTable("boook", names).error().message,
            "table \"boook\" does not exist; did you mean \"book\"?");
  EXPECT_EQ(FindTable("archiv.book", names).error().message,
            "table \"archiv.book\" does not exist; did you mean \"archive.book\"?");
  EXPECT_EQ(FindTable("xyzzyxyzzy", names).error().message, "table \"xyzzyxyzzy\" does not exist");
  for (const char* wrong : {"", "a.", ".a", "a.b.c", "\"a"}) {
    EXPECT_NE(FindTable(wrong, names).error().message.find("is not the name of a table"),
              std::string::npos)
        << wrong;
  }
}

base::Result<Invocation> Typed(const Strings& arguments,
                               std::map<std::string, std::string> variables = {}) {
  return ParseConfig(arguments, Environment(std::move(variables)));
}

TEST(IntrospectArguments, TakeTablesDepthAndDatabase) {
  const auto typed =
      Typed({"introspect", "book", "a.b", "--depth", "3", "--database", "shop"},
            {{"SCHEMA", "other.json"}, {"PG_DATABASE", "no"}, {"PG_URL", "postgresql://h/no"}});
  ASSERT_TRUE(typed) << typed.error().message;
  EXPECT_EQ(typed->config.command, Command::kIntrospect);
  EXPECT_EQ(typed->config.tables, (Strings{"book", "a.b"}));
  EXPECT_EQ(typed->config.depth, 3);
  EXPECT_EQ(typed->config.database, "shop");
  EXPECT_EQ(typed->config.schema_path, "");
}

TEST(IntrospectArguments, TheDatabaseIsThatOfTheEnvironmentElse) {
  const auto database = [](std::map<std::string, std::string> variables) {
    const auto typed = Typed({"introspect", "book"}, std::move(variables));
    return typed ? typed->config.database : typed.error().message;
  };
  EXPECT_EQ(database({{"PG_DATABASE", "shop"}}), "shop");
  EXPECT_EQ(database({{"PG_DATABASE", "no"}, {"PG_URL", "postgresql://u:p@h:1/my%20shop?a=/b"}}),
            "my shop");
  EXPECT_EQ(database({{"PG_DATABASE", "shop"}, {"PG_URL", "postgresql://h"}}), "shop");
  EXPECT_EQ(database({}),
            "introspect: in which database? Give --database NAME, or set PG_DATABASE or PG_URL");
}

TEST(IntrospectArguments, AreCheckedAndItsOwn) {
  const auto wrong = [](const Strings& arguments) {
    const auto typed = Typed(arguments, {{"PG_DATABASE", "shop"}});
    return typed ? "accepted" : typed.error().message;
  };
  EXPECT_EQ(wrong({"introspect"}),
            "introspect: of which table? Type: pgsync-consumer introspect TABLE… > schema.json");
  EXPECT_NE(wrong({"introspect", "book", "--depth", "many"}).find("--depth"), std::string::npos);
  EXPECT_NE(wrong({"introspect", "book", "--depth", "-1"}).find("--depth"), std::string::npos);
  EXPECT_EQ(wrong({"introspect", "book", "-c", "s.json"}),
            "introspect makes a schema file and reads none");
  EXPECT_EQ(wrong({"run", "s.json", "--depth", "1"}),
            "--depth is an option of `introspect`, not of `run`");
}

}  // namespace
}  // namespace app
