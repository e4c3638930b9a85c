#include "consumer/assemble/level_rows.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "consumer/assemble/cell_bytes.h"
#include "consumer/assemble/json_cell.h"

namespace assemble {
namespace {

constexpr uint64_t kSign = 1ull << 63;

// A binary cell of int2, int4, int8 or uuid.
LinkValue ValueOf(std::string_view cell) {
  const auto number = [](int64_t value) {
    return LinkValue{0, static_cast<uint64_t>(value) ^ kSign};
  };
  switch (cell.size()) {
    case 2:
      return number(BigEndian<int16_t>(cell.data()));
    case 4:
      return number(BigEndian<int32_t>(cell.data()));
    case 8:
      return number(BigEndian<int64_t>(cell.data()));
    default:
      return {static_cast<uint64_t>(BigEndian<int64_t>(cell.data())),
              static_cast<uint64_t>(BigEndian<int64_t>(cell.data() + 8))};
  }
}

std::string TextOf(const LinkValue& value, bool uuid) {
  if (uuid) return fmt::format("{:016x}{:016x}", value.high, value.low);
  return std::to_string(static_cast<int64_t>(value.low ^ kSign));
}

uint32_t CollectByValue(const pg::Rows& parent_rows, int column,
                        std::vector<std::vector<std::string>>* values, LevelRows* level) {
  values->assign(1, {});
  level->group_of_parent.assign(static_cast<size_t>(parent_rows.size()), -1);
  std::vector<LinkValue>& groups = level->group_values;
  groups.clear();
  groups.reserve(static_cast<size_t>(parent_rows.size()));
  bool uuid = false;
  for (int row = 0; row < parent_rows.size(); ++row) {
    if (parent_rows.IsNull(row, column)) continue;
    const std::string_view cell = parent_rows.Cell(row, column);
    uuid = cell.size() == 16;
    groups.push_back(ValueOf(cell));
  }
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  for (int row = 0; row < parent_rows.size(); ++row) {
    if (parent_rows.IsNull(row, column)) continue;
    const auto group =
        std::lower_bound(groups.begin(), groups.end(), ValueOf(parent_rows.Cell(row, column)));
    level->group_of_parent[static_cast<size_t>(row)] = static_cast<int32_t>(group - groups.begin());
  }
  for (const LinkValue& group : groups) (*values)[0].push_back(TextOf(group, uuid));
  return static_cast<uint32_t>(groups.size());
}

uint32_t CollectTexts(const pg::Rows& parent_rows, int first_column, size_t columns,
                      std::vector<std::vector<std::string>>* values, LevelRows* level) {
  values->assign(columns, {});
  level->group_of_parent.assign(static_cast<size_t>(parent_rows.size()), -1);
  std::unordered_map<std::string, int32_t> groups;
  std::string combined;
  for (int row = 0; row < parent_rows.size(); ++row) {
    combined.clear();
    bool null = false;
    for (size_t i = 0; i < columns && !null; ++i) {
      const int column = first_column + static_cast<int>(i);
      null = parent_rows.IsNull(row, column);
      combined.append(parent_rows.Cell(row, column))
          .push_back('\0');  // text cannot hold a zero byte
    }
    if (null) continue;
    const auto [at, is_new] = groups.try_emplace(combined, static_cast<int32_t>(groups.size()));
    level->group_of_parent[static_cast<size_t>(row)] = at->second;
    if (!is_new) continue;
    for (size_t i = 0; i < columns; ++i) {
      (*values)[i].emplace_back(parent_rows.Cell(row, first_column + static_cast<int>(i)));
    }
  }
  return static_cast<uint32_t>(groups.size());
}

}  // namespace

uint32_t CollectLinks(const pg::Rows& parent_rows, int first_column, const NodeStatement& statement,
                      std::vector<std::vector<std::string>>* values, LevelRows* level) {
  if (statement.by_value) return CollectByValue(parent_rows, first_column, values, level);
  return CollectTexts(parent_rows, first_column, statement.links, values, level);
}

void FindGroups(const NodeStatement& statement, uint32_t groups, LevelRows* level) {
  level->group_begin.assign(groups + 1, 0);
  level->groups_of_several = 0;
  const auto belongs = [&](int row, uint32_t group) {
    const std::string_view cell = level->rows.Cell(row, 0);
    return statement.by_value ? ValueOf(cell) == level->group_values[group]
                              : ReadInt8(cell) == static_cast<int64_t>(group) + 1;
  };
  int row = 0;
  for (uint32_t group = 0; group < groups; ++group) {
    const int begin = row;
    level->group_begin[group] = static_cast<uint32_t>(begin);
    while (row < level->rows.size() && belongs(row, group)) ++row;
    if (row - begin > 1) ++level->groups_of_several;
  }
  level->group_begin[groups] = static_cast<uint32_t>(row);
}

}  // namespace assemble
