// FrameBuffer: the frame being made, in memory of its own, because the server's output buffer is
// only ours between OutputPluginPrepareWrite and OutputPluginWrite. Knows how far it holds whole
// records: what an ERROR left behind in the middle of one is dropped before anything is added or
// sent. (Such an ERROR need not end the session: a transaction that is sent while in progress may
// be aborted under our hands, and the server goes on with the next.)
#pragma once

#include "decoder/encoder.h"
#include "decoder/string_info_sink.h"

namespace pgsync {

using Encoder = pgsync_wire::Encoder<StringInfoSink>;

class FrameBuffer {
 public:
  // Memory comes from `context`, which outlives it.
  void Init(MemoryContext context) {
    context_ = context;
    New();
  }

  // Where the next record goes; starts a frame if there is none.
  StringInfoSink Open() {
    buffer_.len = whole_;
    StringInfoSink sink = {&buffer_};
    if (whole_ == 0) {
      Encoder(sink).Version();
      whole_ = buffer_.len;
    }
    return sink;
  }

  // Everything written so far is whole records.
  void Complete() { whole_ = buffer_.len; }

  // Bytes of whole records.
  int Size() const { return whole_; }
  bool Full() const { return whole_ >= static_cast<int>(pgsync_wire::kFlushBytes); }

  // One message to the client: the frame. It is stamped with ctx->write_location. Sends nothing
  // when there is no frame.
  void Flush(LogicalDecodingContext* ctx) {
    if (whole_ == 0) return;
    OutputPluginPrepareWrite(ctx, true);
    appendBinaryStringInfo(ctx->out, buffer_.data, whole_);
    whole_ = 0;
    OutputPluginWrite(ctx, true);
    if (buffer_.maxlen > kKeptBytes) {
      pfree(buffer_.data);
      New();
    }
  }

 private:
  // A buffer that one large row has blown up is given back instead of being kept for the session.
  static constexpr int kKeptBytes = 1024 * 1024;

  void New() {
    const MemoryContext caller = pg::Enter(context_);
    initStringInfo(&buffer_);
    enlargeStringInfo(&buffer_, kInitialBytes);
    pg::Enter(caller);
    whole_ = 0;
  }

  // A usual frame and the record that makes it full, without growing.
  static constexpr int kInitialBytes = 2 * static_cast<int>(pgsync_wire::kFlushBytes) - 1;

  MemoryContext context_;
  StringInfoData buffer_;
  int whole_;
};
static_assert(std::is_trivially_destructible_v<FrameBuffer>);

}  // namespace pgsync
