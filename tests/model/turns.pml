/*
 * The fence turns of core/internal/failover (silence.go, turns.go) in discrete
 * time, for spin: is it true that an order is never sent while the other node's
 * is under way? failover.pml assumes it.
 *
 * Both nodes live, and beats pass or do not pass in each direction, as the world
 * likes. A node counts its turns from where it last heard the other, or from
 * where the other says that it counts. It may send an order at any tick of the
 * first part of an own turn; the order acts at any later tick of its life.
 *
 * A tick is half an interval. Ages are in ticks and end at LIMIT, after one
 * round of turns: the next round has the same distances. Carrier evidence,
 * restarts and different configurations are left out.
 */

#ifndef FLIPS
#define FLIPS 2                 /* how often one direction fails or returns: 2 are enough to cut everything, once */
#endif
#ifndef LIFE
#define LIFE 4                  /* the longest life of an order */
#endif
#ifndef DEAD
#define DEAD 8                  /* deadtime */
#endif
#ifndef SPARE
#define SPARE 0                 /* a turn is this much longer than the code's */
#endif
#ifndef STANDBYS
#define STANDBYS 0              /* 1: none of the two is active */
#endif
#ifndef TOGETHER
#define TOGETHER 0              /* 1: both directions fail and return at the same moment */
#endif
#ifndef APART
#define APART 0                 /* 1: they never heard each other, and beta started up to a turn earlier */
#endif
#ifndef SHARED
#define SHARED 0                /* 1: not as in the code: slots on a clock that beats keep common, and a promise in every beat */
#endif

#define INTERVAL 2
#define WINDOW   (DEAD - 2 * INTERVAL > INTERVAL -> DEAD - 2 * INTERVAL : INTERVAL)  /* orders leave in this part of a turn */
#define TURN     (LIFE + DEAD + WINDOW + SPARE)
#define LIMIT    (SHARED -> DEAD + HOLD + 2 * SLOT : DEAD + INTERVAL + 5 * TURN)
#define NONE     255

mtype = { beta, alpha, on, dark };

byte flips;
bool out[2] = true;     /* beats of this node reach the other */
byte got[2];            /* age of the newest beat */
byte heard[2];          /* age of the newest beat that echoes mine, and mine was younger than DEAD */
byte told[2] = NONE;    /* since when the other hears nothing, as its newest beat says */
bool silent[2];
byte flying[2];         /* what is left of its order's life */
byte hold[2];           /* it orders nothing for so long: an order of the other may still act, as its newest beat said */

/* What a beat says of its sender, at the moment both are sent. */
byte echo[2];           /* the age of the newest beat that it has */
bool says[2];           /* that it hears nothing, */
byte since[2];          /* and since when; */
bool orders[2];         /* that an order of its own may still act */

#define NAME(x)     (x -> beta : alpha)
#define ACTIVE(x)   (x == 0 && !STANDBYS)
#define COUNT(x)    (told[x] != NONE && told[x] > heard[x] -> told[x] : heard[x])   /* S5: both count from there */

/* S6: the turns, one after the other. */
#define AT(x)       (COUNT(x) - DEAD - INTERVAL)
#define NUMBER(x)   (AT(x) >= 0 && AT(x) < 5 * TURN -> AT(x) / TURN + 1 : 0)
#define STANDBY(x)  (x == 1 && !STANDBYS)
#define OWNS(x)     (NUMBER(x) == 1 && STANDBY(x) || NUMBER(x) == 2 && ACTIVE(x) || NUMBER(x) == 3 && STANDBY(x) || \
                     NUMBER(x) == 4 && x == 0 || NUMBER(x) == 5 && x == 1)
#define IN_TURN(x)  (silent[x] && OWNS(x) && AT(x) % TURN <= WINDOW)

/* Instead: slots on a common clock, exact to a tick, for what comes late; before them the standby goes first, while
 * the active has promised to order nothing. A promise is kept by waiting that long after the silence began. */
byte  clock;
byte  wait[2];          /* until the slots count */
byte  promise;          /* alpha orders nothing for so long, as its newest beat says */
#define SLOT        (WINDOW + LIFE + 3)
#define HOLD        (DEAD + INTERVAL + WINDOW + LIFE + 1)
#define IN_SLOT(x)  (silent[x] && wait[x] == 0 && clock >= x * SLOT && clock <= x * SLOT + WINDOW)
#define FAST(x)     (silent[x] && STANDBY(x) && promise > LIFE + 1)

#define MAY(x)      (hold[x] == 0 && (SHARED && (IN_SLOT(x) || FAST(x)) || !SHARED && IN_TURN(x)))

inline speak() { /* both say what they know */
	echo[0] = got[0]; says[0] = silent[0] && heard[0] >= DEAD; since[0] = COUNT(0); orders[0] = flying[0] > 0;
	echo[1] = got[1]; says[1] = silent[1] && heard[1] >= DEAD; since[1] = COUNT(1); orders[1] = flying[1] > 0
}

inline flip(x) {
	out[x] = !out[x]; printf("beats of %e %e\n", NAME(x), (out[x] -> on : dark))
}

inline world() { /* one direction, the other, both, or none */
	if
	:: flips > 0 && !APART && !TOGETHER -> flips--; flip(0)
	:: flips > 0 && !APART && !TOGETHER -> flips--; flip(1)
	:: flips > 1 && !APART -> flips = flips - 2; flip(0); flip(1)
	:: true
	fi
}

inline listen(me, peer) {
	if
	:: out[peer] ->
		got[me] = 0;
		told[me] = (says[peer] -> since[peer] : NONE);
		hold[me] = (orders[peer] -> LIFE + 1 : 0);
		heard[me] = (echo[peer] < DEAD -> 0 : heard[me]);
		if
		:: me == 1 -> promise = (flying[0] -> 0 : (silent[0] -> wait[0] : HOLD))
		:: else
		fi
	:: else
	fi
}

inline judge(me, peer) { /* S5 */
	if
	:: COUNT(me) >= DEAD && !(heard[me] < DEAD && told[me] == NONE) && !(got[me] < DEAD && ACTIVE(peer) && !ACTIVE(me)) ->
		wait[me] = (silent[me] -> wait[me] : HOLD * SHARED);
		silent[me] = true
	:: else ->
		silent[me] = false; wait[me] = 0
	fi
}

inline fence(me, peer) {
	if
	:: MAY(me) && !flying[me] ->
		flying[me] = LIFE + 1;
		printf("%e, which counts %d ticks, orders the other off: turn %d\n", NAME(me), COUNT(me), NUMBER(me));
		assert(!flying[peer])   /* S6: orders never overlap */
	:: true
	fi
}

inline fly(x) { /* acts now, or later */
	if
	:: flying[x] > 0 -> flying[x]--
	:: flying[x] > 0 -> flying[x] = 0; printf("the order of %e acts\n", NAME(x))
	:: else
	fi
}

#define LESS(n)     (n > 0 -> n - 1 : 0)
#define OLDER(n, most) (n < most -> n + 1 : n)

inline pass() { /* a tick */
	got[0] = OLDER(got[0], DEAD); heard[0] = OLDER(heard[0], LIMIT);
	got[1] = OLDER(got[1], DEAD); heard[1] = OLDER(heard[1], LIMIT);
	told[0] = (told[0] == NONE -> NONE : OLDER(told[0], LIMIT));
	told[1] = (told[1] == NONE -> NONE : OLDER(told[1], LIMIT));
	wait[0] = LESS(wait[0]); wait[1] = LESS(wait[1]); hold[0] = LESS(hold[0]); hold[1] = LESS(hold[1]); promise = LESS(promise) * SHARED;
	clock = (clock + 1) % (2 * SLOT) * SHARED;
	echo[0] = 0; says[0] = 0; since[0] = 0; orders[0] = 0;
	echo[1] = 0; says[1] = 0; since[1] = 0; orders[1] = 0
}

active proctype store() {
	flips = FLIPS;
	if
	:: APART ->
		out[0] = false; out[1] = false; got[0] = DEAD; got[1] = DEAD;
		do
		:: heard[1] < TURN -> heard[1]++
		:: break
		od
	:: else
	fi;
	do
	:: atomic {
		COUNT(0) < LIMIT || COUNT(1) < LIMIT ->
		speak();
		world();
		listen(0, 1); listen(1, 0);
		judge(0, 1); judge(1, 0);
		fence(0, 1); fence(1, 0);
		fly(0); fly(1);
		pass()
	}
	:: else -> break
	od
}
