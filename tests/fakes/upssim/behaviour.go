package upssim

import "time"

// Behaviour makes the device ill, for tests of bad luck. The zero value is a healthy one.
type Behaviour struct {
	// Refuse answers every SET with this error status (RFC 3416, section 3) and does
	// nothing; Refusals names them.
	Refuse string
	Silent bool          // answers nothing at all
	LieOn  bool          // acknowledges every order to switch off and stays on
	Slow   time.Duration // answers this late
	Worn   bool          // its battery needs replacement, and it says so
	Terse  bool          // does not answer what its rating is (Megatec)
	Sticky bool          // says "shutdown active" while it is off, though nothing is pending (Megatec)
	// Pending is how long an order to switch off waits before it is carried out.
	Pending time.Duration
	// Reboot makes the card restart at the next SET, which finds no answer, and be
	// away for so long; the order is carried out, or lost with the card's memory.
	Reboot time.Duration
	Lost   bool
}

// Refusals are the words for Behaviour.Refuse.
var Refusals = map[string]int{
	"noSuchName": noSuchName, "readOnly": readOnly, "genErr": genErr, "noAccess": noAccess,
	"notWritable": notWritable, "authorizationError": authorizationError,
}

// card is the network card: it may restart while the outputs stay as they are.
type card struct {
	started   time.Time
	boots     int64 // snmpEngineBoots, less one
	awayUntil time.Time
}

// SetBehaviour makes the device ill or well again.
func (d *Device) SetBehaviour(b Behaviour) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behaviour = b
}

// Behaviour returns how ill the device is.
func (d *Device) Behaviour() Behaviour {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.behaviour
}

// RestartCard makes the card restart now and be away for some time.
func (d *Device) RestartCard(away time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restartCard(away)
}

func (d *Device) restartCard(away time.Duration) {
	d.card.boots++
	d.card.awayUntil = time.Now().Add(away)
	d.card.started = d.card.awayUntil
}

// deaf tells whether nothing that arrives is answered: the card is away, or a
// shutdown of the type "system" took it down too.
func (d *Device) deaf() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.behaviour.Silent || time.Now().Before(d.card.awayUntil) || !d.feds() && d.systemOff
}

// uptime is the card's, as sysUpTime and snmpEngineTime count it.
func (d *Device) uptime() time.Duration { return time.Since(d.card.started) }
