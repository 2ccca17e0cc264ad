// A physical stream as the plan shapes see it: a bounded ring, START and CLOSE of its consumer, the
// end its producer has said. How its parts work is proven elsewhere (stall.pml, wake_up.pml,
// lifecycle.pml); here a task simply waits until it can go on.
//
// The includer defines SEATS, STREAMS, CAPACITY; `me` is the task's seat.
//
// Properties: nobody waits for ever; fill never exceeds the capacity; at a stream's end all was read.

#define RINGS (STREAMS * SEATS * SEATS)
#define RING(stream, producer, consumer) (((stream) * SEATS + (producer)) * SEATS + (consumer))

byte fill[RINGS];
bool started[RINGS];
bool closed[RINGS];
bool ended[RINGS];
bool busy[SEATS];

// A task that cannot go on gives its process back; one that blocks keeps it.
// src/engine/scheduler.cc:Scheduler::step_all
#ifdef BLOCKING
#define WHEN(condition) !busy[me] -> busy[me] = true; (condition) -> busy[me] = false
#else
#define WHEN(condition) (condition)
#endif

#define ASKED_BY(stream, consumer) \
  (started[RING(stream, me, consumer)] && !closed[RING(stream, me, consumer)])
#define DONE_WITH(stream, consumer) closed[RING(stream, me, consumer)]

// src/exchange/stream_input.cc:StreamInput::start
inline start(stream) {
  atomic {
    peer = 0;
    do
    :: peer < SEATS -> started[RING(stream, peer, me)] = true; peer++
    :: else -> peer = 0; break
    od
  }
}

// src/exchange/stream_input.cc:StreamInput::close
inline close(stream) {
  atomic {
    peer = 0;
    do
    :: peer < SEATS ->
#ifdef FORGET_ONE_CLOSE
       closed[RING(stream, peer, me)] = (peer != SEATS - 1);
#else
       closed[RING(stream, peer, me)] = true;
#endif
       peer++
    :: else -> peer = 0; break
    od
  }
}

#ifdef NO_ROOM_CHECK
#define ROOM(ring) true
#else
#define ROOM(ring) (fill[ring] < CAPACITY)
#endif

// Waits for room or for the close; to a consumer that has not started, the producer waits.
// src/exchange/stream_output.cc:StreamOutput::push
// src/engine/exchange_lane.cc:ExchangeLane::send
inline send(ring) {
  atomic {
    WHEN(closed[ring] || (started[ring] && ROOM(ring)));
    if
    :: closed[ring]
    :: else ->
       fill[ring]++;
       assert(fill[ring] <= CAPACITY)
    fi
  }
}

// src/exchange/ring.cc:RingReader::release
#define TAKE(ring) fill[ring]--

#ifdef END_AFTER_RING
#define OVER(ring) ended[ring]
#else
#define OVER(ring) (ended[ring] && fill[ring] == 0)
#endif

// Everything that was sent is received.
#define CHECK_END(ring) assert(fill[ring] == 0)

// Takes a record from any producer; `got` is false once all have ended.
// src/exchange/stream_input.cc:StreamInput::next
inline receive(stream) {
  atomic {
    WHEN(fill[RING(stream, 0, me)] > 0 || fill[RING(stream, 1, me)] > 0 ||
         (OVER(RING(stream, 0, me)) && OVER(RING(stream, 1, me))));
    if
    :: fill[RING(stream, 0, me)] > 0 -> TAKE(RING(stream, 0, me)); got = true
    :: fill[RING(stream, 1, me)] > 0 -> TAKE(RING(stream, 1, me)); got = true
    :: OVER(RING(stream, 0, me)) && OVER(RING(stream, 1, me)) ->
       got = false;
       CHECK_END(RING(stream, 0, me));
       CHECK_END(RING(stream, 1, me))
    fi
  }
}

#define HEAD(ring) (fill[ring] > 0 || OVER(ring))

// Takes the smallest record: none before every producer has shown one or ended. We have no such
// operator; rule 2 forbids it where it is unsafe.
// src/plan/validate_deadlock_rules.cc:validate_deadlock_rules
inline receive_ordered(stream) {
  atomic {
    WHEN(HEAD(RING(stream, 0, me)) && HEAD(RING(stream, 1, me)));
    if
    :: fill[RING(stream, 0, me)] > 0 -> TAKE(RING(stream, 0, me)); got = true
    :: fill[RING(stream, 1, me)] > 0 -> TAKE(RING(stream, 1, me)); got = true
    :: fill[RING(stream, 0, me)] == 0 && fill[RING(stream, 1, me)] == 0 ->
       got = false;
       CHECK_END(RING(stream, 0, me));
       CHECK_END(RING(stream, 1, me))
    fi
  }
}

// src/exchange/stream_output.cc:StreamOutput::finish
inline finish(stream) {
  atomic {
    peer = 0;
    do
    :: peer < SEATS -> ended[RING(stream, me, peer)] = true; peer++
    :: else -> peer = 0; break
    od
  }
}
