// A document's address and what stands around it: id, routing, plugins, meta; views with their base
// tables.
#include "tests/unit/schema/shop.h"

namespace schema {
namespace {

const std::string kFile = "error: schema.json[0]";
const TableName kOrder = {"public", "order"};

// An order has a surrogate key and a second, natural one; ref may be NULL.
Catalog WithOrders() {
  Catalog catalog = Library();
  CatalogTable table = Table(kOrder,
                             {{"id", "integer"},
                              {"tenant", "integer"},
                              {"code", "text"},
                              {"place", "text"},
                              {"ref", "text"},
                              {"doc", "jsonb"},
                              {"tags", "text[]"}},
                             {"id"});
  for (const size_t i : {0, 1, 2, 3}) table.columns[i].not_null = true;
  table.indexes.push_back({"order_pkey", {"id"}, true, false, true});
  table.indexes.push_back({"order_code", {"tenant", "code"}, true, false, true});
  table.indexes.push_back({"order_place", {"place"}, true, true, true});       // partial
  table.indexes.push_back({"order_lower", {"", "place"}, true, false, true});  // expression
  table.indexes.push_back({"order_ref", {"ref"}, true, false, true});
  catalog.tables[kOrder] = table;
  return catalog;
}

std::string Order(const std::string& more, const std::string& root = "") {
  return Document(R"({"table": "order")" + root + "}", more);
}
Strings Found(const std::string& more, const std::string& root = "") {
  return OfResolve(Order(more, root), WithOrders());
}
DocumentTree TreeWith(const std::string& more, const std::string& root = "") {
  return TreeOf(Order(more, root), WithOrders());
}

TEST(Id, TakesColumnsInTheOrderWritten) {
  const DocumentTree tree = TreeWith(R"("id": ["tenant", "code"], )");
  EXPECT_EQ(tree.id_columns, (Strings{"tenant", "code"}));
  EXPECT_EQ(tree.id_types, (Strings{"integer", "text"}));
  EXPECT_EQ(tree.id_texts, Strings{});
  EXPECT_EQ(tree.nodes[0].key, Strings{"id"});
  EXPECT_EQ(tree.entries[0].columns, (Strings{"tenant", "code"}));
}

TEST(Id, TakesATemplate) {
  const DocumentTree tree = TreeWith(R"("id": "{{o}}-{tenant}-{id}!", )");
  EXPECT_EQ(tree.id_columns, (Strings{"tenant", "id"}));
  EXPECT_EQ(tree.id_texts, (Strings{"{o}-", "-", "!"}));
}

TEST(Id, IsCheckedOffline) {
  const auto faults = [](const std::string& id) { return OfParse(Order("\"id\": " + id + ", ")); };
  const std::string at = kFile + ".id";
  EXPECT_EQ(faults("7"),
            Strings{at + ": expected a list of columns or a template; found a number"});
  EXPECT_EQ(faults("[7]"), Strings{at + "[0]: expected a string; found a number"});
  EXPECT_EQ(faults(R"(["a", "b", "a"])"), Strings{at + "[2]: \"a\" is listed twice"});
  EXPECT_EQ(faults(R"("{a}{b}")"),
            Strings{at + ": \"{a}{b}\": {a} and {b} run together: two rows could share an id; put "
                         "a text between"});
  EXPECT_EQ(faults(R"("order")"),
            Strings{at + ": \"order\" names no column: all documents would have one id"});
  for (const char* bad : {"{a", "a}", "{}", "{a{b}}", "{{a}"}) {
    EXPECT_EQ(faults("\"" + std::string(bad) + "\""),
              Strings{at + ": \"" + bad +
                      "\": a column stands in braces, like {id}; write {{ and "
                      "}} for braces"});
  }
}

TEST(Id, HasToBeUniqueAndNotNull) {
  const std::string at = kFile + ".id: ";
  EXPECT_EQ(
      Found(R"("id": ["tenant", "codes"], )"),
      Strings{at + "column \"codes\" does not exist in public.order; did you mean \"code\"?"});
  EXPECT_EQ(Found(R"("id": ["tenant", "place"], )"),
            Strings{at + "(tenant, place) is not unique: no primary key or unique index on "
                         "non-null columns covers exactly or partly these columns"});
  EXPECT_EQ(Found(R"("id": ["ref"], )"),
            Strings{at + "\"ref\" may be NULL; an id is made of columns that are NOT NULL"});
  EXPECT_EQ(Found(R"("id": ["id", "place"], )"), Strings{});
}

TEST(Id, WarnsOfTextsThatAValueMayHold) {
  EXPECT_EQ(Found(R"("id": "{code}-{place}-{id}", )"),
            Strings{"warning: schema.json[0].id: two rows share an id when a value holds the text "
                    "that stands between the columns; a list of columns is safe"});
  EXPECT_EQ(Found(R"("id": "{code}-{id}", )"), Strings{});
}

TEST(Id, OfAViewRestsOnItsPrimaryKey) {
  EXPECT_EQ(TreeOf(Document(R"({"table": "best_seller", "primary_key": ["rank"]})",
                            R"("id": ["isbn", "rank"], )"))
                .id_columns,
            (Strings{"isbn", "rank"}));
}

TEST(Routing, IsAColumnThatIsCarried) {
  const DocumentTree tree = TreeWith(R"("routing": "ref", )");
  EXPECT_EQ(tree.routing_key, "ref");
  EXPECT_EQ(tree.routing_column, "ref");
  EXPECT_EQ(tree.routing_type, "text");
  EXPECT_EQ(tree.entries[0].columns, (Strings{"id", "ref"}));
  EXPECT_EQ(tree.entries[0].types, (Strings{"integer", "text"}));
  EXPECT_EQ(tree.entries[0].carried, 1u);
}

TEST(Routing, IsNotCarriedWhenTheIdHoldsIt) {
  const DocumentTree tree = TreeWith(R"("routing": "id", )");
  EXPECT_EQ(tree.routing_column, "id");
  EXPECT_EQ(tree.entries[0].columns, Strings{"id"});
  EXPECT_EQ(tree.entries[0].carried, 0u);
}

TEST(Routing, IsTheRenamedKey) {
  const std::string rename = R"(, "transform": {"rename": {"ref": "reference"}})";
  EXPECT_EQ(TreeWith(R"("routing": "reference", )", rename).routing_column, "ref");
  EXPECT_EQ(Found(R"("routing": "ref", )", rename),
            Strings{kFile + ".routing: the document has no key \"ref\" after rename; it has: id, "
                            "tenant, code, place, reference, doc, tags"});
}

TEST(Routing, IsKnownFromTheDocumentAloneWhenSomethingMakesIt) {
  for (const char* root :
       {R"(, "transform": {"concat": {"columns": ["code"], "destination": "r"}})",
        R"(, "columns": ["id", {"name": "r", "expression": "code || place"}])",
        R"(, "columns": ["id", "doc->>r"], "transform": {"rename": {"doc_r": "r"}})",
        R"(, "columns": ["id", "ref"], "transform": {"rename": {"ref": "r"},
             "replace": {"ref": {"a": "b"}}})"}) {
    const DocumentTree tree = TreeWith(R"("routing": "r", )", root);
    EXPECT_EQ(tree.routing_key, "r") << root;
    EXPECT_EQ(tree.routing_column, "") << root;
    EXPECT_EQ(tree.entries[0].carried, 0u) << root;
  }
}

TEST(Routing, IsASingleValue) {
  const std::string at = kFile + ".routing: ";
  EXPECT_EQ(Found(R"("routing": "doc", )"),
            Strings{at + "\"doc\" is JSON; a routing is a single value"});
  EXPECT_EQ(Found(R"("routing": "doc_x", )", R"(, "columns": ["doc->x"])"),
            Strings{at + "\"doc_x\" is JSON; ->> and #>> give text; a routing is a single value"});
  EXPECT_EQ(Found(R"("routing": "tags", )"),
            Strings{at + "\"tags\" is an array; a routing is a single value"});
  const std::string children =
      R"(, "children": [{"table": "book", "relationship": {"type": "TYPE", "variant": "VARIANT",
         "foreign_key": {"parent": "code", "child": "isbn"}}, "columns": ["title"]}])";
  const auto child = [&](std::string type, std::string variant) {
    std::string text = children;
    text.replace(text.find("TYPE"), 4, type);
    text.replace(text.find("VARIANT"), 7, variant);
    return Found(R"("routing": "book", )", text);
  };
  EXPECT_EQ(child("one_to_one", "object"),
            Strings{at + "\"book\" is an object; a routing is a single value"});
  EXPECT_EQ(child("one_to_many", "scalar"),
            Strings{at + "\"book\" is an array; a routing is a single value"});
  EXPECT_EQ(child("one_to_one", "scalar"), Strings{});
}

TEST(Plugins, AreUnknownInThisVersion) {
  EXPECT_EQ(OfParse(Order(R"("plugins": ["Groot", "Auth", "Groot"], )")),
            (Strings{kFile + ".plugins[2]: \"Groot\" is listed twice",
                     kFile + ".plugins[0]: unknown plugin \"Groot\"; known: none in this version; "
                             "with --skip-plugins documents are built without it",
                     kFile + ".plugins[1]: unknown plugin \"Auth\"; known: none in this version; "
                             "with --skip-plugins documents are built without it",
                     kFile + ".plugins[2]: unknown plugin \"Groot\"; known: none in this version; "
                             "with --skip-plugins documents are built without it"}));
  EXPECT_EQ(OfParse(Order(R"("plugins": "Groot", )")),
            Strings{kFile + ".plugins: expected a list of strings; found a string"});
}

TEST(Plugins, AreSkippedOnDemandWithAWarning) {
  const SchemaFile file = Parse(Order(R"("plugins": ["Groot", "Auth"], )"), "schema.json",
                                NoEnvironment, {.skip_plugins = true});
  EXPECT_EQ(Texts(file.findings()),
            Strings{"warning: schema.json[0].plugins: skipped: documents are built without Groot, "
                    "Auth"});
}

TEST(Meta, IsASwitch) {
  EXPECT_TRUE(TreeWith(R"("meta": true, )").meta);
  EXPECT_FALSE(TreeWith("").meta);
  EXPECT_EQ(OfParse(Order(R"("meta": "yes", )")),
            Strings{kFile + ".meta: expected true or false; found a string"});
}

// report shows order.id, place and book.isbn under their names.
Catalog WithReport(char kind = 'v') {
  Catalog catalog = WithOrders();
  const TableName name = {"public", "report"};
  catalog.tables[name] =
      Table(name, {{"id", "integer"}, {"isbn", "text"}, {"place", "text"}}, {}, kind);
  return catalog;
}

std::string Report(const std::string& base_tables) {
  return Document(R"({"table": "report", "primary_key": ["id"], "base_tables": )" + base_tables +
                  "}");
}

TEST(BaseTables, AreEntriesOfTheirOwn) {
  const DocumentTree tree = TreeOf(Report(R"(["order", "public.book"])"), WithReport());
  ASSERT_EQ(tree.nodes[0].base_tables.size(), 2u);
  const BaseTable& order = tree.nodes[0].base_tables[0];
  EXPECT_EQ(order.table, kOrder);
  EXPECT_EQ(order.key, Strings{"id"});
  EXPECT_EQ(order.key_types, Strings{"integer"});
  EXPECT_EQ(order.link, Strings{"id"});
  EXPECT_EQ(order.link_types, Strings{"integer"});
  EXPECT_EQ(tree.nodes[0].base_tables[1].link, Strings{});
  using Via = EntryPoint::Via;
  std::vector<std::pair<Via, std::string>> entries;
  for (const EntryPoint& entry : tree.entries) entries.emplace_back(entry.via, entry.table.table);
  EXPECT_EQ(entries, (std::vector<std::pair<Via, std::string>>{
                         {Via::kRoot, "report"}, {Via::kViewLink, "order"}, {Via::kView, "book"}}));
  EXPECT_EQ(tree.entries[2].columns, Strings{"isbn"});
}

TEST(Lookup, KeepsTheIdentityOfTheTable) {
  const auto child = [](const std::string& lookup) {
    return WithChild(
        "book", R"({"table": "order", "relationship": {"type": "one_to_many", "variant": "object",
        "foreign_key": {"parent": ["title"], "child": ["place"]}})" +
                    lookup + "}");
  };
  Catalog catalog = WithReport();
  const auto needed = [&](const DocumentTree& tree) {
    std::map<std::string, Strings> old_values;
    for (const TableUse& use : TablesUsed({tree})) old_values[use.table.table] = use.old_values;
    return old_values.at("order");
  };
  EXPECT_EQ(needed(TreeOf(child(""), catalog)), Strings{"place"});
  const DocumentTree tree = TreeOf(child(R"(, "lookup": "index")"), catalog);
  EXPECT_EQ(needed(tree), Strings{"id"});
  ASSERT_EQ(tree.entries.size(), 3u);
  EXPECT_TRUE(tree.entries[1].old_by_lookup);
  EXPECT_EQ(tree.entries[2].via, EntryPoint::Via::kLookup);
  EXPECT_EQ(tree.entries[2].lookup, "order");
  EXPECT_NE(tree.index_body.find("_pgsync"), std::string::npos);
  EXPECT_NE(tree.fingerprint, TreeOf(child(""), catalog).fingerprint);
}

TEST(BaseTables, OfAChildAreFoundByTheLinkToo) {
  const DocumentTree tree = TreeOf(WithChild("book", R"({"table": "report", "primary_key": ["id"],
      "base_tables": ["order"], "relationship": {"type": "one_to_many", "variant": "object",
      "foreign_key": {"parent": ["title"], "child": ["place"]}}})"),
                                   WithReport());
  EXPECT_EQ(tree.nodes[1].base_tables.at(0).link, Strings{"place"});
}

TEST(BaseTables, WarnOfRowsThatLeaveUnseen) {
  EXPECT_EQ(OfResolve(Report(R"(["book"])"), WithReport()),
            Strings{"warning: schema.json[0].nodes.base_tables: public.book has no column \"id\": "
                    "rows that leave the view when it changes are not seen"});
}

TEST(BaseTables, AreChecked) {
  const std::string at = kFile + ".nodes.base_tables";
  EXPECT_EQ(OfParse(Report(R"("order")")),
            Strings{at + ": expected a list of strings; found a string"});
  EXPECT_EQ(OfParse(Report(R"(["a.", "order", "public.order"])")),
            (Strings{at + "[0]: expected \"table\" or \"schema.table\"; found \"a.\"",
                     at + "[2]: \"public.order\" is listed twice"}));
  EXPECT_EQ(
      OfResolve(Report(R"(["ordr", "log", "best_seller", "author", "shelf"])"), WithReport()),
      (Strings{at + "[0]: table \"public.ordr\" does not exist; did you mean \"order\"?",
               at + "[1]: public.log has no primary key; a base table needs one",
               at + "[2]: public.best_seller is no table: only changes of tables are seen; name "
                    "the tables behind it",
               at + "[4]: public.shelf has the primary key (room, area); the view does not show "
                    "\"room\", \"area\""}));
  EXPECT_EQ(OfResolve(Document(R"({"table": "order", "base_tables": ["book"]})"), WithOrders()),
            Strings{"warning: schema.json[0].nodes.base_tables: public.order is no view; this is "
                    "ignored"});
}

TEST(MaterializedView, IsRefreshedConcurrentlyWithAUniqueIndex) {
  Catalog catalog = WithReport('m');
  const std::string text = Report(R"(["order"])");
  EXPECT_EQ(OfResolve(text, catalog),
            Strings{"warning: schema.json[0].nodes: public.report has no unique index on columns "
                    "alone: it cannot be refreshed concurrently, and its readers wait meanwhile"});
  auto& indexes = catalog.tables[{"public", "report"}].indexes;
  indexes.push_back({"partial", {"id"}, true, true, true});
  indexes.push_back({"computed", {"id", ""}, true, false, true});
  EXPECT_FALSE(TreeOf(text, catalog).nodes[0].refresh_concurrently);
  indexes.push_back({"good", {"id"}, true, false, true});
  EXPECT_EQ(OfResolve(text, catalog), Strings{});
  EXPECT_TRUE(TreeOf(text, catalog).nodes[0].refresh_concurrently);
}

}  // namespace
}  // namespace schema
