// The control words `want` and `have` of a physical stream. They are changed by compare-and-swap
// alone, a locked operation, so that no store buffers are needed here.
// The includer defines PHYSICALS.

#define FOREVER 7

#define NONE 0
#define START 1
#define CLOSE 2

#define OPEN 1
#define EOS 2
#define ERROR 3
#define CLOSED 4

byte want[PHYSICALS];
byte have[PHYSICALS];

// src/exchange/control_words.h:want_word
// src/exchange/control_words.h:have_word
#define WORD(epoch, state) ((epoch) << 3 | (state))
#define EPOCH_OF(word) ((word) >> 3)

#ifdef IGNORE_WORD_EPOCH
#define STATE_IN(word, epoch, last) ((word) & 7)
#else
#define STATE_IN(word, epoch, last)   \
  (EPOCH_OF(word) < (epoch) -> NONE : \
   (EPOCH_OF(word) > (epoch) && EPOCH_OF(word) != FOREVER -> (last) : ((word) & 7)))
#endif
// src/exchange/control_words.cc:want_in
// src/exchange/control_words.cc:have_in
#define WANT_IN(word, epoch) STATE_IN(word, epoch, CLOSE)
#define HAVE_IN(word, epoch) STATE_IN(word, epoch, CLOSED)

// src/exchange/control_words.cc:answer_is_due
#define ANSWER_IS_DUE(want_seen, have_seen, epoch)                                       \
  (HAVE_IN(have_seen, epoch) == OPEN ||                                                  \
   (WANT_IN(want_seen, epoch) != NONE && HAVE_IN(have_seen, epoch) != CLOSED &&          \
    !(EPOCH_OF(want_seen) == FOREVER && HAVE_IN(have_seen, epoch) == NONE)))

// Sets `grew`. Within an atomic step of the caller.
// src/exchange/control_words.cc:raise_word
inline raise(word, value) {
  grew = (word) < (value);
  word = (grew -> (value) : (word))
}
