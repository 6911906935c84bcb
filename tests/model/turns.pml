/*
 * The fence turns of core/internal/failover (silence.go, turns.go) in discrete
 * time, for spin: is it true that an order is never sent while the other node's
 * is under way? failover.pml assumes it.
 *
 * Both nodes live, and beats pass or do not pass in each direction, as the world
 * likes. A node counts its turns from where it last heard the other, and every
 * beat says from where that is. Who finds that the other counts from long before
 * follows it, or has no turn until it is followed. It may send an order at any
 * tick of the first part of an own turn; the order acts at any later tick of its
 * life.
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
#ifndef FOLLOW
#define FOLLOW 1                /* 0: each counts as it hears, and never doubts */
#endif
#ifndef APART
#define APART 0                 /* 1: they never heard each other, and beta started up to a turn earlier */
#endif

#define INTERVAL 2
#define WINDOW   (DEAD - 2 * INTERVAL > INTERVAL -> DEAD - 2 * INTERVAL : INTERVAL)  /* orders leave in this part of a turn */
#define TURN     (LIFE + DEAD + WINDOW + SPARE)
#define LIMIT    (DEAD + INTERVAL + 5 * TURN)

mtype = { beta, alpha, on, dark };

byte flips;
bool out[2] = true;     /* beats of this node reach the other */
byte got[2];            /* age of the newest beat */
byte heard[2];          /* age of the newest beat that echoes mine, and mine was younger than DEAD */
byte told[2];           /* from where the other counts, as its newest beat says */
bool deaf[2];           /* and that it hears nothing */
bool silent[2];
byte flying[2];         /* what is left of its order's life */
byte hold[2];           /* it orders nothing for so long: an order of the other may still act, as its newest beat said */

/* What a beat says of its sender, at the moment both are sent. */
byte echo[2];           /* the age of the newest beat that it has */
bool says[2];           /* that it hears nothing, */
byte from[2];           /* from where it counts, */
bool orders[2];         /* that an order of its own may still act */

#define NAME(x)     (x -> beta : alpha)
#define ACTIVE(x)   (x == 0 && !STANDBYS)
#define STANDBY(x)  (x == 1 && !STANDBYS)
#define BEFORE(x)   (FOLLOW && told[x] > heard[x] + DEAD - INTERVAL)    /* the other counts from long before */
#define COUNT(x)    (STANDBY(x) && BEFORE(x) -> told[x] : heard[x])     /* who saw the other active follows it; */
#define DOUBT(x)    (!STANDBY(x) && BEFORE(x))                          /* anybody else has no turn until it is followed */

/* S6: the turns, one after the other. */
#define AT(x)       (COUNT(x) - DEAD - INTERVAL)
#define NUMBER(x)   (AT(x) >= 0 && AT(x) < 5 * TURN -> AT(x) / TURN + 1 : 0)
#define OWNS(x)     (NUMBER(x) == 1 && STANDBY(x) || NUMBER(x) == 2 && ACTIVE(x) || NUMBER(x) == 3 && STANDBY(x) || \
                     NUMBER(x) == 4 && x == 0 || NUMBER(x) == 5 && x == 1)
#define IN_TURN(x)  (silent[x] && OWNS(x) && AT(x) % TURN <= WINDOW)

#define MAY(x)      (hold[x] == 0 && !DOUBT(x) && IN_TURN(x))

inline speak() { /* both say what they know */
	echo[0] = got[0]; says[0] = silent[0] && heard[0] >= DEAD; from[0] = COUNT(0); orders[0] = flying[0] > 0;
	echo[1] = got[1]; says[1] = silent[1] && heard[1] >= DEAD; from[1] = COUNT(1); orders[1] = flying[1] > 0
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
		told[me] = from[peer];
		deaf[me] = says[peer];
		hold[me] = (orders[peer] -> LIFE + 1 : 0);
		heard[me] = (echo[peer] < DEAD -> 0 : heard[me])
	:: else
	fi
}

inline judge(me, peer) { /* S5 */
	if
	:: COUNT(me) >= DEAD && !(heard[me] < DEAD && !deaf[me]) && !(got[me] < DEAD && ACTIVE(peer) && !ACTIVE(me)) ->
		silent[me] = true
	:: else ->
		silent[me] = false
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
	told[0] = OLDER(told[0], LIMIT);
	told[1] = OLDER(told[1], LIMIT);
	hold[0] = LESS(hold[0]); hold[1] = LESS(hold[1]);
	echo[0] = 0; says[0] = 0; from[0] = 0; orders[0] = 0;
	echo[1] = 0; says[1] = 0; from[1] = 0; orders[1] = 0
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
