// M1: the plan shapes that can deadlock with bounded rings. Every seat runs every fragment; each task
// is a process here, because tasks interleave. Rows go to any partition and there may be fewer than
// ROWS of them: the search is over all data.
//
//   SHAPE      one of those below
//   CAPACITY   of each ring, in records; ROWS that a scan has at most
//   LIMIT      the leader may stop reading at any time
//
// Unsafe shapes must be seen to deadlock: the validator refuses them
// (src/plan/validate_deadlock_rules.cc:DeadlockRules::validate).
// Mutations: FORGET_ONE_CLOSE, NO_ROOM_CHECK, END_AFTER_RING, BLOCKING, NO_CLOSE_OF_PROBE, PEEK,
//   NO_CANCEL_OF_INPUTS.

#define JOIN 1           // build and probe are shuffled
#define JOIN_BROADCAST 2 // the build side is broadcast
#define MERGE_N_M 3      // every seat merges a shuffle in order: unsafe
#define MERGE_SHUFFLE 4  // the leader merges in order above a shuffle: unsafe
#define MERGE_SORT 5     // the leader merges in order above sorts
#define STALLED 6        // a broadcast of which one consumer begins late
#define BARRIER 7        // and only after the other has ended: unsafe
#define LEADER 8         // the leader scans for itself and reads
#define SHARED 9         // build and probe read one broadcast: unsafe
#define SPOOL 10         // the same through a spool

#ifndef SHAPE
#define SHAPE JOIN
#endif
#ifndef CAPACITY
#define CAPACITY 1
#endif
#ifndef ROWS
#define ROWS 2
#endif
#define SEATS 2
#define BUILD 0
#define PROBE 1
#define GATHERED 2
#define STREAMS 3
#include "ring.pml"

bool over[SEATS];  // the seat's consumer has ended

#define WANTED(stream) (!DONE_WITH(stream, 0) || (!ONLY_LEADER(stream) && !DONE_WITH(stream, 1)))
#define ONLY_LEADER(stream) ((stream) == GATHERED)

// Nobody runs a fragment that nobody asks for.
// src/exchange/control_service.cc:ControlService::is_asked
// src/exchange/control_service.cc:ControlService::answer
#define AWAIT_START(stream)                                                      \
  WHEN(ASKED_BY(stream, 0) || (!ONLY_LEADER(stream) && ASKED_BY(stream, 1)) || \
       !WANTED(stream))

// Takes rows from a scan and gives each to any one partition.
// src/engine/exchange_sink.cc:ExchangeSink::redistribute
// src/engine/pipeline.cc:Pipeline::step
proctype scatter(byte me; byte stream) {
  byte peer, row;
  AWAIT_START(stream);
  do
  :: row < ROWS && WANTED(stream) ->
     // One row more, for either partition; or there are none.
     if
     :: row++; send(RING(stream, me, 0))
     :: row++; send(RING(stream, me, 1))
     :: row = ROWS
     fi
  :: else -> break
  od;
  finish(stream)
}

// Takes rows from a scan and gives each to all. None is sent twice, none is passed by.
// src/engine/exchange_lane.cc:ExchangeLane::ship
proctype broadcast(byte me; byte stream) {
  byte peer, row;
  AWAIT_START(stream);
  do
  :: row < ROWS && WANTED(stream) ->
     if
     :: row++; send(RING(stream, me, 0)); send(RING(stream, me, 1))
     :: row++; send(RING(stream, me, 1)); send(RING(stream, me, 0))
     :: row = ROWS
     fi
  :: else -> break
  od;
  finish(stream)
}

// Rows for the leader alone.
// src/engine/exchange_sink.cc:ExchangeSink::consume
inline emit() {
  send(RING(GATHERED, me, 0))
}

// Build to its end, then probe to its end; an empty build side closes the probe side unstarted.
// src/engine/fragment_task.cc:FragmentTask::begin_next
// src/engine/fragment_task.cc:FragmentTask::first_live_operator
// src/engine/hash_join.cc:HashBuildSink::joins_nothing
proctype join(byte me) {
  byte peer, built;
  bool got;
  AWAIT_START(GATHERED);
  if
  :: !WANTED(GATHERED) ->
#ifndef NO_CANCEL_OF_INPUTS
     // src/exchange/control_service.cc:ControlService::cancel_inputs
     close(BUILD);
     close(PROBE);
#endif
     goto ending
  :: else
  fi;
  start(BUILD);
#ifdef EAGER
  start(PROBE);
#endif
#ifdef PEEK
  start(PROBE);
  receive(PROBE);
#endif
  do
  :: WANTED(GATHERED) ->
     receive(BUILD);
     if
     :: got -> built = 1
     :: else -> break
     fi
  :: !WANTED(GATHERED) -> break
  od;
  close(BUILD);
  if
  :: built > 0 && WANTED(GATHERED) ->
     start(PROBE);
     do
     :: WANTED(GATHERED) ->
        receive(PROBE);
        if
        :: got -> emit()
        :: got  // no match
        :: !got -> break
        fi
     :: !WANTED(GATHERED) -> break
     od
  :: else
  fi;
#ifndef NO_CLOSE_OF_PROBE
  close(PROBE);
#endif
ending:
  finish(GATHERED)
}

// Reads one stream and hands on each row at once.
// src/engine/fragment_task.cc:FragmentTask::step
proctype pass(byte me) {
  byte peer;
  bool got;
  AWAIT_START(GATHERED);
#if SHAPE == STALLED || SHAPE == BARRIER
  if
  :: me == 1 ->
#if SHAPE == BARRIER
     over[0]
#else
     skip
#endif
  :: else
  fi;
#endif
  start(BUILD);
  do
  ::
#if SHAPE == MERGE_N_M
     receive_ordered(BUILD);
#else
     receive(BUILD);
#endif
     if
     :: got && WANTED(GATHERED) -> emit()
     :: else -> break
     fi
  od;
  close(BUILD);
  over[me] = true;
  finish(GATHERED)
}

// A blocking operator: everything comes in before anything goes out.
// src/engine/top_k.cc:TopKSink::consume
proctype sorter(byte me) {
  byte peer, rows;
  bool got;
  AWAIT_START(GATHERED);
  start(BUILD);
  do
  :: receive(BUILD);
     if
     :: got -> rows++
     :: else -> break
     fi
  od;
  close(BUILD);
  do
  :: rows > 0 -> rows--; emit()
  :: else -> break
  od;
  finish(GATHERED)
}

// The leader's root fragment.
// src/engine/seat_runtime.cc:SeatRuntime::pull
// src/engine/root_output.cc:RootOutput::consume
proctype leader() {
  byte me, peer;
  bool got;
  start(GATHERED);
  do
  ::
#if SHAPE == MERGE_SHUFFLE || SHAPE == MERGE_SORT
     receive_ordered(GATHERED);
#else
     receive(GATHERED);
#endif
     if
     :: !got -> break
     :: got
     fi
#ifdef LIMIT
  :: true -> break
#endif
  od;
  close(GATHERED)
}

#if SHAPE == SHARED || SHAPE == SPOOL

byte spooled[SEATS];
bool spooled_all[SEATS];

// Two ends read what is broadcast: BUILD's rings lead to the build side, PROBE's to the probe side.
// src/plan/validate_deadlock_rules.cc:DeadlockRules::validate_exchange
proctype shared(byte me) {
  byte peer, row;
  do
  :: row < ROWS ->
     row++;
     send(RING(BUILD, me, me));
     send(RING(PROBE, me, me))
  :: row <= ROWS -> break
  od;
  finish(BUILD);
  finish(PROBE)
}

// Writes away what the probe side does not read yet; we have no spool, and fall back instead.
// Model: the remedy of rule 4.
proctype spool(byte me) {
  do
  :: fill[RING(PROBE, me, me)] > 0 -> fill[RING(PROBE, me, me)]--; spooled[me]++
  :: OVER(RING(PROBE, me, me)) -> break
  od;
  spooled_all[me] = true
}

// src/engine/fragment_task.cc:FragmentTask::begin_next
proctype self_join(byte me) {
  started[RING(BUILD, me, me)] = true;
  started[RING(PROBE, me, me)] = true;
  do
  :: fill[RING(BUILD, me, me)] > 0 -> fill[RING(BUILD, me, me)]--
  :: OVER(RING(BUILD, me, me)) -> break
  od;
#if SHAPE == SPOOL
  do
  :: spooled[me] > 0 -> spooled[me]--
  :: spooled_all[me] && spooled[me] == 0 -> break
  od
#else
  do
  :: fill[RING(PROBE, me, me)] > 0 -> fill[RING(PROBE, me, me)]--
  :: OVER(RING(PROBE, me, me)) -> break
  od
#endif
}

#endif

// Model: the configuration.
init {
  byte seat;
  atomic {
#if SHAPE == LEADER
    run scatter(0, BUILD);
    run scatter(1, BUILD);
    run pass(0);
    run pass(1);
    run leader();
#elif SHAPE == SHARED || SHAPE == SPOOL
    run shared(0);
    run self_join(0);
#if SHAPE == SPOOL
    run spool(0);
#endif
#else
    do
    :: seat < SEATS ->
#if SHAPE == JOIN
       run scatter(seat, BUILD);
       run scatter(seat, PROBE);
       run join(seat);
#elif SHAPE == JOIN_BROADCAST
       run broadcast(seat, BUILD);
       run scatter(seat, PROBE);
       run join(seat);
#elif SHAPE == MERGE_N_M || SHAPE == MERGE_SHUFFLE
       run scatter(seat, BUILD);
       run pass(seat);
#elif SHAPE == MERGE_SORT
       run scatter(seat, BUILD);
       run sorter(seat);
#else
       run broadcast(seat, BUILD);
       run pass(seat);
#endif
       seat++
    :: else -> break
    od;
    run leader();
#endif
  }
}
