// Crash points: named places where a test ends the daemon as kill -9 would. Only builds with
// -DPGSYNC_CRASH_POINTS=ON have them (tests/fault); of all others nothing of it is a part.
//
//   PGSYNC_CRASH_POINT=xadd:7    the process dies at the 7th passage, of whichever thread
//
//   receive        a frame of the stream was read, nothing was done with it
//   xadd           a batch was put into the queue
//   fetch          documents were built, nothing of them was sent
//   bulk_sent      an engine answers a request of any kind, nobody has read it
//   bulk_answered  the answer of the target was read
//   xack           entries of the queue were marked as done
//   state          the state of one index was recorded in the target
//   feedback       a position was sent to the server
//   beside         another generation of an index was made, nothing is in it
//   serve          it is ready, and searches do not see it yet
//   served         searches see it, nothing says so but the alias
//   drop           the one that they saw before is about to be removed
#pragma once

#ifdef PGSYNC_CRASH_POINTS
namespace base {
void PassCrashPoint(const char* name) noexcept;
}
#define PGSYNC_CRASH_POINT(name) ::base::PassCrashPoint(name)
#else
#define PGSYNC_CRASH_POINT(name) static_cast<void>(0)
#endif
