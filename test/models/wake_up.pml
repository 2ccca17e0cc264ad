// M2: doorbell, park and latch, with store buffers. Every seat runs the scheduler's rounds; news are
// numbers that only grow. A lost wake-up is a seat that waits for ever: an invalid end state.
//
//   SEATS, NEWS   each seat that sends tells every other seat NEWS news
//   SENDERS       the seats from 0 that send; with all of them, each waits for the others' answers
//   SELF          each seat rings itself once for work that only the next round sees
//   FAILURE       instead: a worker between seal, failure and its first round
//
// Mutations: PLAIN_PARKED, RESET_AFTER_CHECK, RING_BEFORE_NEWS, PLAIN_BELL, STATE_BEFORE_BELL,
//   TAKE_AFTER_LOOK, NO_SELF_RING, SLEEP_UNCHECKED, NO_FIRST_ROUND.

#ifndef SEATS
#define SEATS 2
#endif
#ifndef NEWS
#define NEWS 2
#endif
#ifndef SENDERS
#define SENDERS SEATS
#endif
#ifndef SPURIOUS
#define SPURIOUS 1
#endif

#define CPUS SEATS
#define BUFFER 3
#define BELLS(s) (s)
#define STATE(s) (SEATS + (s))
#define WORD(to, from) (2 * SEATS + (to) * SEATS + (from))
#define SEALED WORD(0, 0)
#define FAILED WORD(1, 1)
#define CELLS (2 * SEATS + SEATS * SEATS)
#include "tso.pml"

#define RUNNING 0
#define PARKED 1

bool latch[SEATS];
bool waiting[SEATS];

// Waker::wake: the server's latch has barriers of its own.
// src/pg/port/latch_waker.cc:LatchWaker::wake
inline wake(other) { d_step { DRAINED(me); latch[other] = true; } }

// src/pg/port/latch_waker.cc:LatchWaker::reset
inline reset() { d_step { DRAINED(me); latch[me] = false; } }

// src/pg/port/latch_waker.cc:LatchWaker::wait
inline wait() {
  waiting[me] = true;
  d_step { latch[me]; waiting[me] = false; }
}

#ifdef PLAIN_BELL
#define OR_BELL(other)                  \
  tso_load(me, BELLS(other), value);        \
  tso_store(me, BELLS(other), value | (1 << (me)));
#else
#define OR_BELL(other) \
  d_step { DRAINED(me); memory[BELLS(other)] = memory[BELLS(other)] | (1 << (me)); }
#endif

// src/exchange/doorbell.cc:Doorbell::ring
inline ring(other) {
#ifdef STATE_BEFORE_BELL
  tso_load(me, STATE(other), seen_state);
  OR_BELL(other)
#else
  OR_BELL(other)
  tso_load(me, STATE(other), seen_state);
#endif
  if
  :: seen_state == PARKED -> seen_state = 0; wake(other)
  :: else
  fi
}

// src/exchange/doorbell.cc:Doorbell::take
inline take() {
  took = false;
  tso_load(me, BELLS(me), value);
  if
  :: value != 0 -> d_step { DRAINED(me); took = true; memory[BELLS(me)] = 0; value = 0; }
  :: else
  fi
}

#ifdef PLAIN_PARKED
#define STORE_PARKED() tso_store(me, STATE(me), PARKED)
#else
#define STORE_PARKED() tso_store_locked(me, STATE(me), PARKED)
#endif

// src/exchange/doorbell.cc:Doorbell::park
inline park() {
#ifndef RESET_AFTER_CHECK
  reset();
#endif
  STORE_PARKED();
#ifndef SLEEP_UNCHECKED
  tso_load(me, BELLS(me), value);
#endif
  if
  :: value == 0 ->
#ifdef RESET_AFTER_CHECK
     reset();
#endif
     wait()
  :: else -> value = 0
  fi;
  // The destructor of Parked: relaxed.
  tso_store(me, STATE(me), RUNNING)
}

// A user's function below a leaf may reset the latch, for it lets its own waits end.
// Environment: a leaf function of the server.
inline leaf() {
  if
  :: reset()
  :: skip
  fi
}

#ifndef FAILURE

// Who sends answers: the n-th news goes out after everybody's n-1st has come, if all send.
#define MAY_SEND (sent < NEWS && (SENDERS < SEATS || heard_all >= sent))

// Looks at every word; progress if there was something new.
// src/engine/scheduler.cc:Scheduler::step_all
inline look() {
  peer = 0;
  heard_all = NEWS;
  do
  :: peer < SENDERS && peer != me ->
     tso_load(me, WORD(me, peer), value);
     d_step {
       if
       :: value > heard[peer] -> heard[peer] = value; progress = true
       :: else
       fi;
       if
       :: heard[peer] < heard_all -> heard_all = heard[peer]
       :: else
       fi;
       value = 0;
       peer++;
     }
  :: peer < SENDERS && peer == me -> peer++
  :: else -> peer = 0; break
  od
}

#ifdef RING_BEFORE_NEWS
#define TELL(to) ring(to); tso_store(me, WORD(to, me), sent)
#else
#define TELL(to) tso_store(me, WORD(to, me), sent); ring(to)
#endif

// src/exchange/stream_output.cc:StreamOutput::Impl::commit
// src/exchange/mesh.cc:Mesh::ring_all
inline tell_all() {
  sent++;
  progress = true;
  do
  :: peer < SEATS && peer != me -> TELL(peer); peer++
  :: peer < SEATS && peer == me -> peer++
  :: else -> peer = 0; break
  od
}

#define UNTIL (heard_all == NEWS && (me >= SENDERS || sent == NEWS) && rang_self && !deferred)

// Rounds: take the bells, answer (`deferred` work is done only here), step, park.
// src/engine/scheduler.cc:Scheduler::run
proctype seat(byte me) {
  byte heard[SEATS];
  byte tso_at, value, seen_state, peer, sent, heard_all;
  bool took, progress, deferred, rang_self;
#ifndef SELF
  rang_self = true;
#endif
  do
  :: UNTIL -> break
  :: else ->
     progress = false;
#ifndef TAKE_AFTER_LOOK
     take();
#endif
     // src/exchange/mesh_state.cc:MeshState::throw_deferred
     deferred = false;
     look();
#ifdef TAKE_AFTER_LOOK
     take();
#endif
     if
     :: me < SENDERS && MAY_SEND -> tell_all()
     :: else
     fi;
     leaf();
     if
     :: !rang_self && !progress ->
        // src/exchange/mesh_state.cc:MeshState::defer_failure
        rang_self = true;
        deferred = true;
#ifndef NO_SELF_RING
        ring(me)
#endif
     :: else
     fi;
     if
     :: !progress && !UNTIL -> park()
     :: else
     fi
  od
}

#else  // FAILURE

// The leader seals and rings; any seat may have failed before the worker's first round.
// src/exchange/mesh.cc:Mesh::seal
// src/exchange/mesh.cc:Mesh::fail
proctype peers() {
  byte me = 0;
  byte tso_at, value, seen_state;
  tso_store(me, SEALED, 1);
  ring(1);
  tso_store(me, FAILED, 1);
  ring(1)
}

// src/pg/worker/worker_main.cc:await_seal
// src/engine/scheduler.cc:Scheduler::check_peers
proctype worker() {
  byte me = 1;
  byte tso_at, value, seen_state;
  bool took, first_round;
  do
  :: take();
     tso_load(me, SEALED, value);
     if
     :: value != 0 -> value = 0; break
     :: else -> park()
     fi
  od;
#ifndef NO_FIRST_ROUND
  first_round = true;
#endif
  do
  :: take();
     if
     :: took || first_round ->
        first_round = false;
        tso_load(me, FAILED, value);
        if
        :: value != 0 -> break
        :: else
        fi
     :: else
     fi;
     park()
  od
}

#endif

// Environment: a latch is set for reasons of the server's own.
proctype server() {
  byte left = SPURIOUS;
  byte seat_woken;
  do
  :: left > 0 ->
     select(seat_woken : 0 .. SEATS - 1);
     latch[seat_woken] = true;
     left--
  :: break
  od
}

// Model: the configuration.
init {
  byte i;
  atomic {
    do
    :: i < SEATS ->
       run store_buffer(i);
#ifndef FAILURE
       run seat(i);
#endif
       i++
    :: else -> i = 0; break
    od;
#ifdef FAILURE
    run peers();
    run worker();
#endif
    run server();
  }
}

// A rung bell is followed by a running peer.
#ifdef WOKEN
ltl woken { [] ((memory[BELLS(0)] != 0) -> <> !waiting[0]) }
#endif
