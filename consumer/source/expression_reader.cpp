#include "consumer/source/expression_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace source {

using base::Result;
using base::Status;
using schema::Expression;
using schema::ExpressionFacts;
using schema::TableName;

namespace {

// A copy of the table's columns, without rows. Not the user's name: names qualified with the table
// are refused, because our statements give it another name, too.
constexpr std::string_view kTable = "pg_temp.pgsync_expression";
constexpr std::string_view kBareTable = "pgsync_expression";

constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kSyntaxError = "42601";
constexpr std::string_view kInvalidObjectDefinition = "42P17";  // "must be marked IMMUTABLE"

class ExpressionReader {
 public:
  ExpressionReader(pg::Connection& connection, schema::Catalog* catalog)
      : connection_(connection), catalog_(catalog) {}

  Status Read(const std::vector<Expression>& expressions);

 private:
  // A new empty table with the columns of `name` in place of the one before. Returns why there can
  // be none, or "".
  Result<std::string> CopyTable(const TableName& name);
  Result<ExpressionFacts> Judge(const Expression& expression);

  Status CheckContext(const Expression& expression, ExpressionFacts* facts);
  Status CheckUse(const Expression& expression, ExpressionFacts* facts);
  Status ReadColumns(ExpressionFacts* facts);
  Status ReadType(uint32_t oid, ExpressionFacts* facts);
  Status ReadVolatility(const Expression& expression, ExpressionFacts* facts);

  // Runs before + the expression + after in a savepoint; what the server has against it goes to
  // `facts`.
  Result<std::optional<pg::Rows>> Try(std::string_view before, const Expression& expression,
                                      std::string_view after, ExpressionFacts* facts);
  // Whether the error is about the statement, so that the session can go on.
  bool IsJudgement(const base::Error& error) const {
    return error.kind == base::ErrorKind::kFatal && !connection_.SqlState().empty();
  }
  Status Run(const std::string& sql);

  pg::Connection& connection_;
  schema::Catalog* const catalog_;
};

std::string Text(const pg::Rows& rows, int row, int column) {
  return std::string(rows.Cell(row, column));
}

// Of UTF-8 text: bytes that continue one are not counted.
size_t Characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

uint32_t ToOid(std::string_view text) {
  uint32_t oid = 0;
  std::from_chars(text.data(), text.data() + text.size(), oid);
  return oid;
}

Status ExpressionReader::Read(const std::vector<Expression>& expressions) {
  std::optional<TableName> copied;
  std::string refusal;                                // of the copy
  for (const Expression& expression : expressions) {  // in order of their tables
    if (catalog_->Find(expression.table) == nullptr) continue;
    if (copied != expression.table) {
      auto refused = CopyTable(expression.table);
      if (!refused) return refused.error();
      refusal = *std::move(refused);
      copied = expression.table;
    }
    ExpressionFacts facts;
    if (!refusal.empty()) {
      facts.error = refusal;
    } else {
      auto judged = Judge(expression);
      if (!judged) return judged.error();
      facts = *std::move(judged);
    }
    catalog_->expressions[expression] = std::move(facts);
  }
  return {};
}

Result<std::string> ExpressionReader::CopyTable(const TableName& name) {
  if (auto status = Run("SAVEPOINT pgsync_copy"); !status) return status.error();
  if (auto status = Run("DROP TABLE IF EXISTS " + std::string(kTable)); !status) {
    return status.error();
  }
  // A temporary table needs no right to create in any schema; it is gone with the transaction.
  const auto created = connection_.Query("CREATE TEMPORARY TABLE " + std::string(kBareTable) +
                                         " (LIKE " + schema::Quoted(name) + ")");
  if (created) {
    if (auto status = Run("RELEASE SAVEPOINT pgsync_copy"); !status) return status.error();
    return std::string();
  }
  if (!IsJudgement(created.error())) return created.error();
  std::string refusal = "cannot be checked: " + connection_.ServerMessage();
  const bool may_not = connection_.SqlState() == kInsufficientPrivilege;
  if (auto status = Run("ROLLBACK TO SAVEPOINT pgsync_copy"); !status) return status.error();
  if (may_not) {
    auto names = connection_.Query(
        "SELECT pg_catalog.quote_ident(current_database()), pg_catalog.quote_ident(current_user), "
        "pg_catalog.has_database_privilege(current_database(), 'TEMPORARY')");
    if (!names) return names.error();
    const std::string role = Text(*names, 0, 1);
    refusal += names->Cell(0, 2) == "t"
                   ? "; run GRANT SELECT ON " + schema::Quoted(name) + " TO " + role
                   : "; run GRANT TEMPORARY ON DATABASE " + Text(*names, 0, 0) + " TO " + role;
  }
  return refusal;
}

// Everything that a judgement does to the table is undone.
Result<ExpressionFacts> ExpressionReader::Judge(const Expression& expression) {
  ExpressionFacts facts;
  if (auto status = Run("SAVEPOINT pgsync_judge"); !status) return status.error();
  // First the use: only there an error has its place in the text.
  if (auto status = CheckUse(expression, &facts); !status) return status.error();
  if (facts.error.empty()) {
    if (auto status = CheckContext(expression, &facts); !status) return status.error();
  }
  if (facts.error.empty()) {
    if (auto status = ReadColumns(&facts); !status) return status.error();
  }
  if (facts.error.empty() && expression.use != Expression::Use::kOrder) {
    if (auto status = ReadVolatility(expression, &facts); !status) return status.error();
  }
  if (auto status = Run("ROLLBACK TO SAVEPOINT pgsync_judge"); !status) return status.error();
  return facts;
}

// A check constraint may hold what we may: columns of its own row, no subquery, aggregate, window
// or set-returning function, no parameter, no other table. It says so in PostgreSQL's words, and
// pg_constraint lists the columns.
Status ExpressionReader::CheckContext(const Expression& expression, ExpressionFacts* facts) {
  auto tried = Try("ALTER TABLE pg_temp.pgsync_expression ADD CONSTRAINT pgsync_check CHECK ((",
                   expression, ") IS NULL)", facts);
  if (!tried) return tried.error();
  return {};
}

// Nothing is computed: there are no rows, and none is asked for.
Status ExpressionReader::CheckUse(const Expression& expression, ExpressionFacts* facts) {
  constexpr std::string_view kFrom = ") FROM pg_temp.pgsync_expression LIMIT 0";
  switch (expression.use) {
    case Expression::Use::kValue: {
      auto rows = Try("SELECT (", expression, kFrom, facts);
      if (!rows) return rows.error();
      return *rows ? ReadType((*rows)->TypeOid(0), facts) : Status();
    }
    case Expression::Use::kCondition: {
      auto rows =
          Try("SELECT FROM pg_temp.pgsync_expression WHERE (", expression, ") LIMIT 0", facts);
      if (!rows) return rows.error();
      return {};
    }
    case Expression::Use::kOrder: {
      auto rows =
          Try("SELECT FROM pg_temp.pgsync_expression ORDER BY (", expression, ") LIMIT 0", facts);
      if (!rows) return rows.error();
      return {};
    }
  }
  return {};
}

Status ExpressionReader::ReadColumns(ExpressionFacts* facts) {
  auto rows = connection_.Query(
      "SELECT coalesce(a.attname, '') FROM pg_catalog.pg_constraint k "
      "CROSS JOIN LATERAL unnest(k.conkey) AS used (attnum) "
      "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = used.attnum "
      "WHERE k.conrelid = 'pg_temp.pgsync_expression'::pg_catalog.regclass "
      "  AND k.conname = 'pgsync_check' ORDER BY used.attnum");
  if (!rows) return rows.error();
  for (int i = 0; i < rows->size(); ++i) {
    facts->columns.push_back(Text(*rows, i, 0));
    // Attribute 0 is the whole row, which only our name for it can mean.
    if (facts->columns.back().empty()) {
      facts->error = "column \"" + std::string(kBareTable) + "\" does not exist";
    }
  }
  return {};
}

// The server describes a domain as its base type already.
Status ExpressionReader::ReadType(uint32_t oid, ExpressionFacts* facts) {
  const std::vector<pg::Param> params = {std::to_string(oid)};
  auto rows = connection_.Query(
      "SELECT CASE WHEN coalesce(en.nspname, n.nspname) = 'pg_catalog' "
      "    THEN pg_catalog.format_type(t.oid, -1) "
      "  WHEN e.oid IS NOT NULL THEN pg_catalog.quote_ident(en.nspname) || '.' || "
      "    pg_catalog.quote_ident(e.typname) || '[]' "
      "  ELSE pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) END, "
      "  pg_catalog.format_type(t.oid, NULL), coalesce(e.typtype, t.typtype), coalesce(e.oid, 0) "
      "FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace "
      "LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid "
      "LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace WHERE t.oid = $1::oid",
      params);
  if (!rows) return rows.error();
  if (rows->size() != 1) return base::Fatal("the type of an expression is not in pg_type");
  facts->type.type_oid = oid;
  facts->type.type_name = Text(*rows, 0, 0);
  facts->type.declared_type = Text(*rows, 0, 1);
  facts->type.type_kind = rows->Cell(0, 2)[0];
  facts->type.element_oid = ToOid(rows->Cell(0, 3));
  return {};
}

// The predicate of an index has to be immutable: the server looks through casts, operators and
// inlined functions. Which of the two other kinds it is, the functions in the stored expression
// tell; values like CURRENT_USER and the text forms of types are no functions there, and stable.
Status ExpressionReader::ReadVolatility(const Expression& expression, ExpressionFacts* facts) {
  ExpressionFacts about;
  auto tried = Try("CREATE INDEX ON pg_temp.pgsync_expression ((1)) WHERE ((", expression,
                   ") IS NULL)", &about);
  if (!tried) return tried.error();
  if (*tried) return {};
  if (connection_.SqlState() != kInvalidObjectDefinition) {
    facts->error = about.error;
    facts->position = about.position;
    return {};
  }
  auto rows = connection_.Query(
      "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint k, "
      "  pg_catalog.regexp_matches(k.conbin::text, ':(?:funcid|opfuncid) (\\d+)', 'g') f, "
      "  pg_catalog.pg_proc p "
      "WHERE k.conrelid = 'pg_temp.pgsync_expression'::pg_catalog.regclass "
      "  AND k.conname = 'pgsync_check' AND p.oid = f[1]::oid AND p.provolatile = 'v')");
  if (!rows) return rows.error();
  facts->volatility = rows->Cell(0, 0) == "t" ? 'v' : 's';
  return {};
}

Result<std::optional<pg::Rows>> ExpressionReader::Try(std::string_view before,
                                                      const Expression& expression,
                                                      std::string_view after,
                                                      ExpressionFacts* facts) {
  if (auto status = Run("SAVEPOINT pgsync_try"); !status) return status.error();
  // With parameters, though none: then the server takes one statement only, whatever the text is.
  // The expression may end with a comment: what follows is on a line of its own.
  const std::string sql = std::string(before) + expression.sql + "\n" + std::string(after);
  auto rows = connection_.Query(sql, {});
  if (rows) {
    if (auto status = Run("RELEASE SAVEPOINT pgsync_try"); !status) return status.error();
    return std::optional(*std::move(rows));
  }
  if (!IsJudgement(rows.error())) return rows.error();
  facts->error = connection_.ServerMessage();
  const size_t position = connection_.ErrorPosition();
  if (position > before.size()) facts->position = position - before.size();
  if (facts->position > Characters(expression.sql)) {
    // It stumbled over what we wrote behind it.
    facts->position = 0;
    if (connection_.SqlState() == kSyntaxError) facts->error = "syntax error at its end";
  }
  if (auto status = Run("ROLLBACK TO SAVEPOINT pgsync_try"); !status) return status.error();
  return std::optional<pg::Rows>();
}

Status ExpressionReader::Run(const std::string& sql) {
  auto rows = connection_.Query(sql);
  if (!rows) return rows.error();
  return {};
}

}  // namespace

Status ReadExpressions(pg::Connection& connection, const std::vector<Expression>& expressions,
                       schema::Catalog* catalog) {
  if (expressions.empty()) return {};
  auto begun = connection.Query("BEGIN READ WRITE");
  if (!begun) return begun.error();
  Status status = ExpressionReader(connection, catalog).Read(expressions);
  auto ended = connection.Query("ROLLBACK");
  if (!status) return status;
  if (!ended) return ended.error();
  return {};
}

}  // namespace source
