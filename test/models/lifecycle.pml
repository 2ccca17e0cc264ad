// M3: want and have over epochs. Seats 0 (the leader) and above all compute, as in the code's
// TestSeat: stream `shuffle` leads from every seat's F1 (a scan) to every seat's F0, stream `gather`
// from every seat's F0 to the leader's root. The leader may stop reading at any time; it then waits
// for quiescence and begins the next epoch, or closes the query.
//
//   SEATS, EPOCHS
//   LEADER_READS  the leader only reads: seats from 1 compute
//   CHILD_FIRST  the shuffle has the lower number, so that quiescent() looks at it first
//   ERRORS       so many errors, in any task at any step of it
//   CRASH        a worker may vanish at any point
//   FINE         every word is a step of its own
//
// Rings hold one record; doorbells are abstract (stall.pml and wake_up.pml prove both).
//
// Properties: nobody waits for ever, so every close is answered; a procedure runs once an epoch and
// only after a START of it; nothing of an old epoch is delivered; what was sent is received once
// when a stream ends well; at the beginning of an epoch nobody works and no START is unanswered; no
// ring is over-filled; the leader reports the cause of a failure, the first one if there is one.
// Mutations: ONE_PASS, ANSWER_WHILE_OPEN, NO_CANCEL_OF_INPUTS, FORGET_ONE_CLOSE,
//   IGNORE_WORD_EPOCH, ANY_RECORD, NO_RING_FOR_CLOSE, NO_RING_FOR_ANSWER, START_BEFORE_RING,
//   END_AFTER_RING, START_TWICE, PARK_UNLOOKED, NO_MARK_DEAD, NO_RING_FOR_DEATH, PEER_CLAIMS, EOS_ON_FAILURE.

#ifndef SEATS
#define SEATS 2
#endif
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef ERRORS
#define ERRORS 0
#endif

#ifdef LEADER_READS
#define FIRST 1
#else
#define FIRST 0  // of the seats that compute
#endif

#define PHYSICALS (SEATS + SEATS * SEATS)
#ifdef CHILD_FIRST
#define GATHER(producer) (SEATS * SEATS + (producer))
#define SHUFFLE(producer, consumer) ((producer) * SEATS + (consumer))
#else
#define GATHER(producer) (producer)
#define SHUFFLE(producer, consumer) (SEATS + (producer) * SEATS + (consumer))
#endif
#include "words.pml"

#define BIT(n) (1 << (n))
#define ALL (BIT(SEATS) - BIT(FIRST))

byte epoch = 1;
bool query_closed;
byte dead;
bool bell[SEATS];
byte record[PHYSICALS];    // the epoch of the record in the ring; 0: empty
bool stalled[PHYSICALS];   // the producer waits for room
bool has_ring[PHYSICALS];
byte first_error;          // seat + 1 of who claimed the slot
bool stopped[SEATS];
bool dying;
bool satisfied;             // the client wants no more of this epoch

byte working;              // ghost: tasks whose sources are open, two bits a seat
short sent;                 // ghost: physical streams that a record was sent in, in this epoch
short complete;             // ghost: physical streams that ended well in this epoch
byte causes;               // ghost: seats that failed by themselves
byte errors_left = ERRORS;

// What a seat does in a row with several words is one step, unless FINE takes it apart.
#ifdef FINE
#define STEP
#else
#define STEP atomic
#endif

#define F0 (1 << (2 * me))
#define F1 (2 << (2 * me))

#define OWN_ERROR 1
#define PEER_ERROR 2

// src/exchange/doorbell.cc:Doorbell::ring
#define RING(seat) bell[seat] = true

// src/exchange/mesh.cc:Mesh::ring_all
inline ring_all() {
  STEP {
    i = 0;
    do
    :: atomic { i < SEATS -> bell[i] = bell[i] || i != me; i++ }
    :: atomic { i == SEATS -> i = 0 } -> break
    od
  }
}

// src/exchange/mesh_state.cc:MeshState::answer_closed
inline answer_closed(stream, in_epoch) {
  raise(have[stream], WORD((EPOCH_OF(have[stream]) == FOREVER -> FOREVER : in_epoch), CLOSED));
#ifndef NO_RING_FOR_ANSWER
  bell[0] = bell[0] || grew;
#endif
  grew = false
}

// src/exchange/stream_output.cc:StreamOutput::Impl::say
inline say(stream, consumer, in_epoch, state) {
  raise(have[stream], WORD(in_epoch, state));
  bell[consumer] = bell[consumer] || grew;
  grew = false
}

// src/exchange/stream_input.cc:StreamInput::Impl::ask
// src/exchange/stream_input.cc:StreamInput::Impl::open_source
inline start_source(stream, producer, in_epoch) {
#ifndef START_BEFORE_RING
  // src/exchange/mesh_state.cc:MeshState::provide_ring
  has_ring[stream] = true;
#endif
  atomic { raise(want[stream], WORD(in_epoch, START)); bell[producer] = bell[producer] || grew; grew = false };
#ifdef START_BEFORE_RING
  has_ring[stream] = true
#endif
}

#ifdef NO_RING_FOR_CLOSE
#define RING_FOR_CLOSE(producer) skip
#else
#define RING_FOR_CLOSE(producer) bell[producer] = bell[producer] || grew
#endif

// src/exchange/stream_input.cc:StreamInput::Impl::cancel
inline close_source(stream, producer, in_epoch) {
  atomic { raise(want[stream], WORD(in_epoch, CLOSE)); RING_FOR_CLOSE(producer); grew = false }
}

#ifdef FORGET_ONE_CLOSE
#define CLOSED_INPUTS (SEATS - 1)
#else
#define CLOSED_INPUTS SEATS
#endif

// src/exchange/stream_input.cc:StreamInput::close
inline close_shuffle(in_epoch) {
  STEP {
    i = FIRST;
    do
    :: i < CLOSED_INPUTS -> close_source(SHUFFLE(i, me), i, in_epoch); i++
    :: atomic { i == CLOSED_INPUTS -> i = 0 } -> break
    od
  }
}

// src/exchange/stream_input.cc:StreamInput::close
inline close_gather(in_epoch) {
  STEP {
    i = FIRST;
    do
    :: i < SEATS -> close_source(GATHER(i), i, in_epoch); i++
    :: atomic { i == SEATS -> i = 0 } -> break
    od
  }
}

// One source's turn. `have` is looked at before the ring.
// src/exchange/stream_input.cc:StreamInput::Impl::read
// src/exchange/stream_input.cc:StreamInput::Impl::check_alive
inline read_source(stream, producer, in_epoch, ended, got) {
#ifndef END_AFTER_RING
  seen = HAVE_IN(have[stream], in_epoch);
#endif
#ifdef END_AFTER_RING
  had = record[stream];
  seen = HAVE_IN(have[stream], in_epoch);
#endif
  atomic {
    if
    :: seen == ERROR || seen == CLOSED ->
       assert(epoch == in_epoch);  // who reads a stream of an epoch that is over: kCancelled
       broken = PEER_ERROR
    :: else ->
#ifndef END_AFTER_RING
       had = record[stream];
#endif
       if
       :: had != 0 ->
          // src/exchange/ring.cc:RingReader::lease
          // src/exchange/ring.cc:RingReader::release
          if
#ifdef ANY_RECORD
          :: true ->
#else
          :: had == in_epoch ->
#endif
             assert(had == in_epoch);                    // nothing of an old epoch is delivered
             assert((got & BIT(producer)) == 0);         // and everything once
             got = got | BIT(producer);
             progress = true
          :: else
          fi;
          record[stream] = 0;
          bell[producer] = bell[producer] || stalled[stream];
          stalled[stream] = false
       :: else
       fi;
       if
       :: seen == EOS && (had == 0 || had != in_epoch) ->
          ended = ended | BIT(producer);
          progress = true;
          // Everything sent is received, and it is all there was.
          assert(((complete >> (stream)) & 1) != 0);
          assert(((sent >> (stream)) & 1) == ((got >> (producer)) & 1))
       :: else
       fi
    fi;
    seen = 0;
    had = 0
  }
}

// src/exchange/stream_output.cc:StreamOutput::push
// src/exchange/ring.cc:RingWriter::reserve
// src/exchange/ring.cc:RingWriter::commit
inline push(stream, consumer, in_epoch) {
  atomic {
    if
    :: record[stream] == 0 ->
       assert(has_ring[stream]);
       record[stream] = in_epoch;  // fill never exceeds capacity: it was empty
       sent = sent | BIT(stream);
       progress = true;
       pushed = true;
       RING(consumer)
    :: else -> stalled[stream] = true
    fi
  }
}

// src/exchange/stream_output.cc:StreamOutput::Impl::answer
inline answer_gather() {
  atomic {
    if
    :: WANT_IN(want[GATHER(me)], e0) == CLOSE -> answer_closed(GATHER(me), e0)
    :: else
    fi
  }
}

// src/exchange/stream_output.cc:StreamOutput::Impl::answer
inline answer_shuffle() {
  STEP {
    i = FIRST;
    do
    :: atomic {
         i < SEATS ->
         if
         :: WANT_IN(want[SHUFFLE(me, i)], e1) == CLOSE -> answer_closed(SHUFFLE(me, i), e1)
         :: else
         fi;
         i++
       }
    :: atomic { i == SEATS -> i = 0 } -> break
    od
  }
}

// src/exchange/stream_output.cc:StreamOutput::Impl::say
inline say_gather(state) {
  atomic { say(GATHER(me), 0, e0, state); RING(0) }
}

// src/exchange/stream_output.cc:StreamOutput::Impl::say
inline say_shuffle(state) {
  STEP {
    i = FIRST;
    do
    :: atomic { i < SEATS -> say(SHUFFLE(me, i), i, e1, state); i++ }
    :: atomic { i == SEATS -> i = 0; RING(0) } -> break
    od
  }
}

#ifdef EOS_ON_FAILURE
#define LAST_WORD EOS
#else
#define LAST_WORD ERROR
#endif

// src/exchange/stream_output.cc:StreamOutput::finish
// src/exchange/stream_output.cc:StreamOutput::~StreamOutput
inline end_f0() {
  atomic { working = working & ~F0; complete = complete | BIT(GATHER(me)) };  // its sources are closed
  say_gather(EOS);
  RING(me);
  answer_gather();
  atomic { f0 = false; in_started = false; in_ended = 0; in_got = 0; e0 = 0; summed = false; progress = true }
}

// src/exchange/stream_output.cc:StreamOutput::finish
// src/exchange/stream_output.cc:StreamOutput::~StreamOutput
inline end_f1() {
  atomic {
    working = working & ~F1;  // its source is closed
    i = FIRST;
    do
    :: i < SEATS -> complete = complete | BIT(SHUFFLE(me, i)); i++
    :: else -> i = 0; break
    od
  };
  say_shuffle(EOS);
  RING(me);
  answer_shuffle();
  atomic { f1 = false; out_sent = 0; e1 = 0; progress = true }
}

// An error of the task's own.
// Environment: a user's function, memory, a page.
inline maybe_fail() {
  if
  :: atomic { errors_left > 0 && !query_closed -> errors_left--; causes = causes | BIT(me); broken = OWN_ERROR }
  :: true
  fi
}

// src/engine/fragment_task.cc:FragmentTask::step
// src/engine/exchange_source.cc:ExchangeSource::next
inline step_f0() {
  maybe_fail();
  if
  :: broken != 0
  :: broken == 0 && WANT_IN(want[GATHER(me)], e0) == CLOSE -> close_shuffle(e0); end_f0()
  :: broken == 0 && WANT_IN(want[GATHER(me)], e0) != CLOSE ->
     if
     :: !in_started ->
        STEP {
          in_started = true;
          i = FIRST;
          do
          :: i < SEATS -> start_source(SHUFFLE(i, me), i, e0); i++
          :: atomic { i == SEATS -> i = 0 } -> break
          od
        }
     :: else
     fi;
     i = FIRST;
     do
     :: i < SEATS && broken == 0 && (in_ended & BIT(i)) == 0 ->
        read_source(SHUFFLE(i, me), i, e0, in_ended, in_got); i++
     :: atomic { i < SEATS && broken == 0 && (in_ended & BIT(i)) != 0 -> i++ }
     :: atomic { i == SEATS || broken != 0 -> i = 0 } -> break
     od;
     if
     :: broken == 0 && in_ended == ALL ->
        if
        :: !summed -> close_shuffle(e0); summed = true
        :: else
        fi;
        push(GATHER(me), 0, e0);
        if
        :: pushed -> pushed = false; end_f0()
        :: else
        fi
     :: else
     fi
  fi
}

// src/engine/fragment_task.cc:FragmentTask::step
// src/engine/exchange_sink.cc:ExchangeSink::consume
inline step_f1() {
  maybe_fail();
  out_closed = 0;
  i = FIRST;
  do
  :: i < SEATS && broken == 0 ->
     // src/exchange/stream_output.cc:StreamOutput::Impl::look
     seen = WANT_IN(want[SHUFFLE(me, i)], e1);
     if
     :: seen == CLOSE -> out_closed = out_closed | BIT(i)
     :: seen == START && (out_sent & BIT(i)) == 0 ->
        push(SHUFFLE(me, i), i, e1);
        atomic { out_sent = (pushed -> out_sent | BIT(i) : out_sent); pushed = false }
     :: else
     fi;
     atomic { seen = 0; i++ }
  :: atomic { i == SEATS || broken != 0 -> i = 0 } -> break
  od;
  if
  :: atomic { broken == 0 && (out_closed | out_sent) == ALL -> out_closed = 0 }; end_f1()
  :: else -> out_closed = 0
  fi
}

// The leader's root fragment. `wanted` is the client's.
// src/engine/seat_runtime.cc:SeatRuntime::Impl::begin_root
// src/engine/fragment_task.cc:FragmentTask::step
inline step_root() {
  if
  :: !root_started && wanted ->
     STEP {
       root_started = true;
       i = FIRST;
       do
       :: i < SEATS -> start_source(GATHER(i), i, epoch); i++
       :: atomic { i == SEATS -> i = 0 } -> break
       od
     }
  :: else
  fi;
  i = FIRST;
  do
  :: i < SEATS && wanted && broken == 0 && (root_ended & BIT(i)) == 0 ->
     read_source(GATHER(i), i, epoch, root_ended, root_got); i++
  :: atomic { i < SEATS && wanted && broken == 0 && (root_ended & BIT(i)) != 0 -> i++ }
  :: atomic { i == SEATS || !wanted || broken != 0 -> i = 0 } -> break
  od;
  if
  :: broken == 0 && (!wanted || root_ended == ALL) ->
     close_gather(epoch);
     atomic { root = false; progress = true }
  :: else
  fi
}

#ifdef START_TWICE
#define NOT_STARTED(stream_started) true
#define IS_ASKED(stream) (WANT_IN(want[stream], now) == START)
#else
#define NOT_STARTED(stream_started) (stream_started != now)
#define IS_ASKED(stream) \
  (WANT_IN(want[stream], now) == START && HAVE_IN(have[stream], now) == NONE)
#endif
#ifdef ANSWER_WHILE_OPEN
#define ANSWERABLE(stream) true
#else
#define ANSWERABLE(stream) (HAVE_IN(have[stream], now) != OPEN)
#endif

// src/exchange/control_service.cc:ControlService::is_asked
// src/exchange/control_service.cc:ControlService::start
// src/exchange/control_service.cc:ControlService::answer
// src/exchange/control_service.cc:ControlService::cancel_inputs
inline poll_gather() {
  if
  :: atomic {
       NOT_STARTED(started0) && !query_closed && IS_ASKED(GATHER(me)) ->
       assert(now == epoch);
       assert(!f0);                                    // once an epoch
       assert(EPOCH_OF(want[GATHER(me)]) >= now);      // after a START of this epoch
       started0 = now;
       e0 = now;
       f0 = true;
       working = working | F0;
       progress = true;
       sent = sent & ~BIT(GATHER(me));
       complete = complete & ~BIT(GATHER(me));
       // src/exchange/stream_output.cc:StreamOutput::StreamOutput
       raise(have[GATHER(me)], WORD(now, OPEN));
       grew = false
     }
  :: else
  fi;
  atomic {
    seen = want[GATHER(me)];
    if
    :: WANT_IN(seen, now) == CLOSE && ANSWERABLE(GATHER(me)) &&
       (EPOCH_OF(seen) == now || EPOCH_OF(seen) == FOREVER) -> answer_closed(GATHER(me), now)
    :: else
    fi
  };
  if
  :: WANT_IN(seen, now) == CLOSE && started0 != now && cancelled0 != now ->
     cancelled0 = now;
#ifndef NO_CANCEL_OF_INPUTS
     close_shuffle(now)
#endif
  :: else
  fi;
  seen = 0
}

// src/exchange/control_service.cc:ControlService::is_asked
// src/exchange/control_service.cc:ControlService::start
// src/exchange/control_service.cc:ControlService::answer
inline poll_shuffle() {
  STEP {
    i = 0;
    do
    :: i < SEATS && NOT_STARTED(started1) && !query_closed ->
       if
       :: atomic {
            IS_ASKED(SHUFFLE(me, i)) ->
            assert(now == epoch);
            assert(!f1);
            assert(EPOCH_OF(want[SHUFFLE(me, i)]) >= now);
            started1 = now;
            e1 = now;
            f1 = true;
            working = working | F1;
            progress = true;
            i = SEATS;
            do
            :: i > FIRST ->
               i--;
               sent = sent & ~BIT(SHUFFLE(me, i));
             complete = complete & ~BIT(SHUFFLE(me, i));
               raise(have[SHUFFLE(me, i)], WORD(now, OPEN))
            :: else -> break
            od;
            grew = false;
            i = SEATS
          }
       :: else -> i++
       fi
    :: atomic { i < SEATS && !(NOT_STARTED(started1) && !query_closed) -> i = SEATS }
    :: atomic { i == SEATS -> i = 0 } -> break
    od;
    do
    :: atomic {
         i < SEATS ->
         seen = want[SHUFFLE(me, i)];
         if
         :: WANT_IN(seen, now) == CLOSE && ANSWERABLE(SHUFFLE(me, i)) &&
            (EPOCH_OF(seen) == now || EPOCH_OF(seen) == FOREVER) -> answer_closed(SHUFFLE(me, i), now)
         :: else
         fi;
         seen = 0;
         i++
       }
    :: atomic { i == SEATS -> i = 0 } -> break
    od
  }
}

// src/exchange/control_service.cc:ControlService::poll
inline poll() {
  now = epoch;
#ifdef CHILD_FIRST
  poll_shuffle();
  poll_gather();
#else
  poll_gather();
  poll_shuffle();
#endif
  now = 0
}

// Closes inputs and outputs of all tasks; an unfinished output says so.
// src/exchange/stream_output.cc:StreamOutput::~StreamOutput
// src/engine/fragment_task.cc:FragmentTask::close
// src/engine/scheduler.cc:Scheduler::close
inline destroy_tasks() {
  if
  :: root -> close_gather(epoch); root = false
  :: else
  fi;
  if
  :: f0 ->
     close_shuffle(e0);
     working = working & ~F0;
     answer_gather();
     say_gather(LAST_WORD);
     atomic { f0 = false; e0 = 0 }
  :: else
  fi;
  if
  :: f1 ->
     working = working & ~F1;
     answer_shuffle();
     say_shuffle(LAST_WORD);
     atomic { f1 = false; e1 = 0 }
  :: else
  fi
}

#ifdef PEER_CLAIMS
#define MAY_CLAIM true
#else
#define MAY_CLAIM (broken == OWN_ERROR)
#endif

// src/exchange/mesh.cc:Mesh::fail
// src/exchange/first_error.cc:record_first_error
inline fail() {
  atomic { first_error = (MAY_CLAIM && first_error == 0 -> me + 1 : first_error) };
  STEP {
    raise(have[GATHER(me)], WORD(FOREVER, ERROR));
    i = 0;
    do
    :: atomic { i < SEATS -> raise(have[SHUFFLE(me, i)], WORD(FOREVER, ERROR)); i++ }
    :: atomic { i == SEATS -> i = 0; grew = false } -> break
    od
  };
  ring_all();
  RING(me)
}

// src/exchange/mesh.cc:Mesh::mark_dead
// src/exchange/membership.cc:Membership::bury
inline mark_dead() {
  STEP {
    dead = dead | BIT(me);
    atomic { raise(have[GATHER(me)], WORD(FOREVER, CLOSED)); grew = false };
    i = 0;
    do
    :: i < SEATS ->
       atomic { raise(have[SHUFFLE(me, i)], WORD(FOREVER, CLOSED)); grew = false };
       atomic { raise(want[SHUFFLE(i, me)], WORD(FOREVER, CLOSE)); grew = false };
       if
       :: atomic { me == 0 -> raise(want[GATHER(i)], WORD(FOREVER, CLOSE)); grew = false }
       :: else
       fi;
       i++
    :: atomic { i == SEATS -> i = 0 } -> break
    od;
    if
    :: me == 0 -> query_closed = true
    :: else
    fi;
#ifndef NO_RING_FOR_DEATH
    ring_all()
#else
    skip
#endif
  }
}

// Two passes with the same sum, else once more.
// src/exchange/mesh.cc:Mesh::quiescent
inline quiescent() {
  quiet = true;
  sum_before = 0;
  sum = 0;
  i = 0;
  do
  :: i < PHYSICALS && quiet ->
     seen = want[i];
     atomic {
       quiet = !ANSWER_IS_DUE(seen, have[i], epoch);
       sum = sum + seen + have[i];
       seen = 0;
       i++
     }
  :: atomic { i == PHYSICALS && quiet && sum != sum_before -> i = 0; sum_before = sum; sum = 0 };
#ifdef ONE_PASS
     break
#endif
  :: atomic { i == PHYSICALS && quiet && sum == sum_before } -> break
  :: !quiet -> break
  od;
  atomic { i = 0; sum = 0; sum_before = 0 }
}

// src/engine/scheduler.cc:Scheduler::check_peers
inline check_peers() {
  if
  :: bell[me] || first_round ->
     atomic { bell[me] = false; first_round = false };
     if
     :: first_error != 0 && first_error != me + 1 -> broken = PEER_ERROR
     :: first_error == 0 && dead != 0 && !query_closed -> broken = PEER_ERROR
     :: else
     fi
  :: else
  fi
}

// Sleeps unless a bell has rung; the client may wake the leader.
// src/exchange/doorbell.cc:Doorbell::park
#define PARK (bell[me] || (root && wanted && satisfied))

// A round up to its park; `until()` and the park are the caller's. Bells are taken before the words
// are looked at.
// src/engine/scheduler.cc:Scheduler::run
inline round() {
  progress = false;
  check_peers();
  if
  :: broken == 0 -> poll()
  :: else
  fi;
  if
  :: broken == 0 && f0 -> step_f0()
  :: else
  fi;
  if
  :: broken == 0 && f1 -> step_f1()
  :: else
  fi;
  if
  :: broken == 0 && root -> step_root()
  :: else
  fi
}

#define LOCALS                                                                              \
  byte i, seen, had, now, e0, e1, in_ended, in_got, out_sent, out_closed, broken, root_ended, \
      root_got;                                                                             \
  byte started0, started1, cancelled0;                                                      \
  bool f0, f1, in_started, summed, progress, grew, pushed, root, root_started, wanted;      \
  bool first_round = true

// src/pg/worker/worker_main.cc:serve
// src/engine/seat_runtime.cc:SeatRuntime::serve
inline serve() {
  do
  :: !query_closed && broken == 0 ->
     round();
     if
     :: broken == 0 && !progress && !query_closed -> PARK
     :: else
     fi
  :: query_closed || broken != 0 -> break
  od;
  if
  :: broken == PEER_ERROR && query_closed -> destroy_tasks()
  :: broken == 0 -> destroy_tasks()
  :: broken != 0 && !(broken == PEER_ERROR && query_closed) ->
     // An error of PostgreSQL's unwinds the tasks first, one of ours is told first.
     if
     :: true -> fail(); destroy_tasks()
     :: true -> destroy_tasks(); fail()
     fi
  fi
}

// src/pg/worker/worker_main.cc:segment_detached
proctype worker(byte me) {
  LOCALS;
#ifdef CRASH
  { serve() } unless { dying };
  working = working & ~(F0 | F1);
#else
  serve();
#endif
#ifndef NO_MARK_DEAD
  mark_dead();
#endif
  stopped[me] = true
}

// Environment: a limit, a rescan, a cursor that is closed: at any time, or not at all.
proctype client() {
  byte during = 1;
end:
  do
  :: atomic { during <= EPOCHS && epoch == during -> during++; satisfied = true }
  od
}

// Environment: a worker is ended by FATAL.
proctype fate() {
end:
#ifdef CRASH
  dying = true
#else
  false
#endif
}

// src/pg/leader/leader_run.cc:LeaderRun::fail_as_peer
// src/pg/launch/crew.cc:Crew::await_worker_error
inline await_workers() {
  i = 1;
  do
  :: atomic { i < SEATS && stopped[i] -> i++ }
  :: atomic { i == SEATS -> i = 0 } -> break
  od
}

// Every task has ended and every seat has answered: the next epoch.
// src/exchange/mesh.cc:Mesh::advance_epoch
inline advance() {
  atomic {
    assert(working == 0);  // nobody works
    i = 0;
    do
    :: i < PHYSICALS ->
       // No START is left. A CLOSE that a fragment which never ran passes on may still come: it
       // changes nothing any more.
       assert(HAVE_IN(have[i], epoch) != OPEN);
       assert(WANT_IN(want[i], epoch) != START || HAVE_IN(have[i], epoch) == CLOSED);
       i++
    :: else -> i = 0; break
    od;
    epoch++;
    satisfied = false;
    quiet = false;
    fresh = true;
    over = (epoch > EPOCHS)
  }
}

#define IDLE (!root && !f0 && !f1)

// src/engine/scheduler.cc:Scheduler::run
inline round_and_park() {
  round();
  if
  :: broken == 0 && !progress -> PARK
  :: else
  fi
}

// Looks for the end once more before it parks: the last answer may have rung before the bells were
// taken.
// src/engine/scheduler.cc:Scheduler::run
// src/engine/seat_runtime.cc:SeatRuntime::restart
inline restart() {
  do
  :: broken == 0 && !IDLE -> round_and_park()
  :: broken == 0 && IDLE ->
     quiescent();
     if
     :: quiet -> advance(); break
     :: else -> round()
     fi;
     if
     :: broken == 0 && IDLE && !progress ->
#ifndef PARK_UNLOOKED
        quiescent();
#endif
        if
        :: quiet -> advance(); break
        :: else -> PARK
        fi
     :: else
     fi
  :: broken != 0 -> break
  // The query may also end without waiting for quiescence.
  :: broken == 0 && epoch == EPOCHS -> over = true; break
  od
}

// Pulls until the end or until the client has enough, then waits for quiescence; the next epoch.
// src/engine/seat_runtime.cc:SeatRuntime::pull
// src/engine/seat_runtime.cc:SeatRuntime::Impl::begin_root
inline lead() {
  do
  :: broken == 0 && !over && fresh ->
     atomic { fresh = false; root = true; root_started = false; root_ended = 0; root_got = 0; wanted = true }
  :: broken == 0 && !over && !fresh && root ->
     wanted = wanted && !satisfied;
     round_and_park()
  :: broken == 0 && !over && !fresh && !root -> restart()
  :: broken != 0 || over -> break
  od
}

// src/pg/leader/leader_run.cc:LeaderRun::attempt
// src/pg/leader/leader_run.cc:LeaderRun::lose
// src/pg/leader/leader_run.cc:LeaderRun::finish
proctype leader() {
  byte me = 0;
  LOCALS;
  bool quiet, over;
  bool fresh = true;
  short sum, sum_before;
  lead();
  if
  :: broken == OWN_ERROR -> fail()
  :: broken == PEER_ERROR ->
     await_workers();
     // What it reports has a cause, and the first one if only one seat failed by itself.
     assert(causes != 0 || dead != 0);
     assert(causes == 0 || (first_error != 0 && (causes & BIT(first_error - 1)) != 0))
  :: else
  fi;
  query_closed = true;
  ring_all();
  if
  :: broken != 0 -> mark_dead()
  :: else
  fi;
  destroy_tasks();
  // src/pg/launch/crew.cc:Crew::dismiss
  await_workers()
}

// Model: the configuration.
init {
  byte seat = 1;
  atomic {
    run leader();
    run client();
    run fate();
    do
    :: seat < SEATS -> run worker(seat); seat++
    :: else -> break
    od
  }
}
