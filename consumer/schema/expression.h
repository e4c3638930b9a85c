// Expressions of a schema file (`where`, computed columns): what can be said of their text without
// a database. They are put into statements of ours between parentheses, on lines of their own, so
// they must not end the parentheses, the line's comment or the statement. Everything else is
// PostgreSQL's to judge.
#pragma once

#include <string>
#include <string_view>

namespace schema {

// Returns why the text is not one SQL expression, or "": quotes ('…', E'…', "…", $tag$…$tag$),
// comments and brackets are closed, nothing separates it in two.
std::string FaultOfExpression(std::string_view text);

// 'text' as SQL of its own type: a literal that takes the type of what it is compared with. Means
// the same whatever standard_conforming_strings says.
std::string SqlLiteral(std::string_view text);

}  // namespace schema
