// LoadStrategy: how each level of a document is read, and how many roots one snapshot of the load
// should serve, chosen from the planner's statistics. Pure; `plan` prints the same choice.
//
// A level whose link has an index is read by keys. A level without one is read by one pass over
// its table, whatever the number of roots, so a chunk takes so many roots that the passes are a
// small part of the load, as far as memory allows. All of a chunk is still one snapshot (design
// D3), which rules out one pass for the whole load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "consumer/schema/tree.h"

namespace assemble {

struct TableStatistics {
  struct Index {
    std::string name;
    std::vector<std::string> columns;  // key columns in order; "" for an expression
  };
  char kind = 'r';     // pg_class.relkind
  uint64_t rows = 0;   // estimated, of all partitions
  uint64_t pages = 0;  // of all partitions
  // Those that can find rows by equality: valid, whole, btree or hash.
  std::vector<Index> indexes;
};

using Statistics = std::map<schema::TableName, TableStatistics>;

struct LevelStrategy {
  bool scanned = false;       // by one pass over a table for each chunk
  uint64_t scanned_rows = 0;  // of that pass
  double rows_per_root = 0;   // estimated
  std::string reason;         // for people
};

struct LoadStrategy {
  std::vector<LevelStrategy> levels;  // per node; [0] is unused
  uint32_t rows_per_chunk = 0;        // roots in one range of the load
  uint32_t rows_at_first = 0;         // roots in one snapshot, until their size is known
  bool scans = false;                 // some level is scanned
  // Beyond these a chunk of several documents is read in smaller pieces: they bound the memory when
  // a piece that was right before meets documents with very many children. What is usual is several
  // times smaller (Pace).
  uint32_t most_level_rows = 65536;
  size_t most_chunk_bytes = 48u << 20;
  // Where something is scanned: what the server needs to sort a chunk's rows of a level in memory.
  uint32_t sort_kilobytes = 0;
};

struct StrategyLimits {
  uint32_t rows_per_chunk = 20480;  // where nothing is scanned
  size_t chunk_bytes = 24u << 20;   // of rows, of a chunk that scans
};

// How much a chunk that scans may take, with that many workers: together they stay below 256 MB.
size_t ScannedChunkBytes(int workers);

// Tables that `statistics` lacks are taken for views: nobody knows how they are read.
LoadStrategy ChooseStrategy(const schema::DocumentTree& tree, const Statistics& statistics,
                            const StrategyLimits& limits);

}  // namespace assemble
