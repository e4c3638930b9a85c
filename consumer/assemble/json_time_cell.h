// date, time, timetz, timestamp, timestamptz and interval as JSON strings, from their binary form:
// as to_json writes them with TimeZone = UTC and IntervalStyle = postgres. Parts of the table in
// json_cell.cpp.
#pragma once

#include <string>
#include <string_view>

#include "consumer/assemble/json_cell.h"

namespace assemble {

CellResult AppendDateCell(std::string_view cell, std::string* out);
CellResult AppendTimeCell(std::string_view cell, std::string* out);
CellResult AppendTimetzCell(std::string_view cell, std::string* out);
CellResult AppendTimestampCell(std::string_view cell, std::string* out);
CellResult AppendTimestamptzCell(std::string_view cell, std::string* out);
CellResult AppendIntervalCell(std::string_view cell, std::string* out);

}  // namespace assemble
