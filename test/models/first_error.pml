// M3: which error is reported. Workers fail by themselves or because they see another's failure; the
// words that show a failure may be seen before its cause is recorded. The leader has seen a failure.
//
//   WORKERS
//   CAUSES   so many workers may fail by themselves
//   STRICT   what is reported is what claimed the slot: holds for one cause only, because an error
//            travels in PostgreSQL's queue of its worker, and the leader takes the first to arrive
//
// Properties: the leader does not wait for ever; it reports a cause, never a consequence.
// Mutations: PEER_CLAIMS, PEER_TELLS, NO_WAIT_FOR_STOP, NO_RING_FOR_FAILURE.

#ifndef WORKERS
#define WORKERS 3
#endif
#ifndef CAUSES
#define CAUSES 1
#endif
#define SEATS (WORKERS + 1)
#define BIT(n) (1 << (n))

byte claimed;      // seat of who was first; 0: nobody yet
bool failed;       // some word says ERROR
bool rung[SEATS];  // a bell that makes the seat look at the slot
bool queued[SEATS];
bool stopped[SEATS];
byte causes;       // ghost
byte causes_left = CAUSES;

// src/exchange/mesh.cc:Mesh::ring_all
inline ring_all() {
  atomic {
    i = 1;
    do
    :: i < SEATS -> rung[i] = true; i++
    :: else -> i = 0; break
    od
  }
}

// src/exchange/first_error.cc:record_first_error
inline claim() { atomic { claimed = (claimed == 0 -> me : claimed) } }

// An unwinding task says ERROR before or after the cause is recorded.
// src/exchange/mesh.cc:Mesh::fail
// src/exchange/stream_output.cc:StreamOutput::~StreamOutput
// src/pg/worker/worker_main.cc:run
inline fail_with_cause() {
  if
  :: claim(); failed = true
  :: failed = true; claim()
  fi;
#ifndef NO_RING_FOR_FAILURE
  ring_all();
#endif
  queued[me] = true
}

// src/pg/worker/worker_main.cc:serve
// src/engine/scheduler.cc:Scheduler::check_peers
proctype worker(byte me) {
  byte i;
  if
  :: atomic { causes_left > 0 -> causes_left--; causes = causes | BIT(me) }; fail_with_cause()
  // Sees the word, or is rung and finds the slot taken: kPeer.
  :: failed || (rung[me] && claimed != 0 && claimed != me) ->
#ifdef PEER_CLAIMS
     claim();
#endif
     failed = true;
#ifndef NO_RING_FOR_FAILURE
     ring_all();
#endif
#ifdef PEER_TELLS
     queued[me] = true
#endif
  fi;
  // src/exchange/mesh.cc:Mesh::mark_dead
  ring_all();
  stopped[me] = true
}

#define ANY_QUEUED (queued[1] || queued[2] || (WORKERS > 2 && queued[SEATS - 1]))
#define ALL_STOPPED (stopped[1] && stopped[2] && (WORKERS < 3 || stopped[SEATS - 1]))

// src/pg/leader/leader_run.cc:LeaderRun::fail_as_peer
// src/pg/launch/crew.cc:Crew::await_worker_error
proctype leader() {
  byte reported;
  failed;
#ifdef NO_WAIT_FOR_STOP
  reported = claimed;
#else
  ANY_QUEUED || ALL_STOPPED;
  if
  :: queued[1] -> reported = 1
  :: queued[2] -> reported = 2
  :: WORKERS > 2 && queued[SEATS - 1] -> reported = SEATS - 1
  :: !ANY_QUEUED -> reported = claimed
  fi;
#endif
  assert(reported != 0 && (causes & BIT(reported)) != 0);
  ALL_STOPPED;
  assert((causes & BIT(claimed)) != 0);
#ifdef STRICT
  assert(reported == claimed)
#endif
}

// Model: the configuration. Somebody fails.
init {
  byte seat = 1;
  atomic {
    run leader();
    do
    :: seat < SEATS -> run worker(seat); seat++
    :: else -> break
    od
  }
}
