package upssim

import (
	"fmt"
	"strconv"
	"time"
)

// smart is APC's UPS-Link: a character is a question, and its answer a line. Some
// characters must come twice, the second more than 1.5 s after the first.
type smart struct {
	*SerialPort
	awake    bool // after Y and until R
	last     byte // the character before
	at       time.Time
	number   string // of @, as far as it has come
	setting  byte   // the last one that was asked for, which - changes
	settings map[byte][]string
}

// smartRepeat is what a repeated character needs between itself and the first.
const smartRepeat = 1500 * time.Millisecond

// smartTexts are answers that never change: a Smart-UPS 1500 of firmware 50.11.I.
var smartTexts = map[byte]string{
	0x01: "SMART-UPS 1500", 'V': "FWD", 'b': "50.11.I", 'm': "01/01/20", 'n': "QS0001", 'x': "01/01/20", 'c': "UPS_IDEN",
	'a': "3.!$%+?=#|.\x01\x0e\x16\x1aBCEFGKLMNOPQRSUVWXYZabcefgjklmnopqrsuvxz'789-@~", 0x1a: "#",
	'C': "036.0", 'F': "50.00", 'g': "024", 'k': "0", 'l': "196", 'u': "253", 'q': "02", 's': "H", 'o': "230", 'e': "00", 'E': "336",
	'X': "OK", 'G': "O", '8': "00", '9': "FF", '7': "00", '\'': "00",
}

func (u *smart) hear(b byte) string {
	repeated := b == u.last && time.Since(u.at) >= smartRepeat
	u.last, u.at = b, time.Now()
	if u.number != "" {
		return u.wakeAfter(b)
	}
	if b == 'Y' {
		u.awake = true
		return "SM\r\n"
	}
	if !u.awake {
		return ""
	}
	switch b {
	case 'Z', 0x0e: // off, on: neither has an answer
		if repeated {
			u.last = 0
			return u.switched(b == 'Z', 0)
		}
		return ""
	case 'K': // off after the grace delay
		if repeated {
			u.last = 0
			return u.switched(true, 20*time.Second)
		}
		return ""
	case '@':
		u.number = "@"
		return ""
	case 'S': // off until mains returns, on battery alone
		return u.sleep()
	case 'R':
		u.awake = false
		return "BYE\r\n"
	}
	return u.tell(b) + "\r\n"
}

func (u *smart) switched(off bool, delay time.Duration) string {
	ok := u.order(off, func() {
		u.device.orderOn(0, -1)
		if off {
			u.device.orderOff(0, delay)
		} else {
			u.device.orderOff(0, -1)
			u.device.orderOn(0, 0)
		}
	})
	switch {
	case !ok:
		return "NA\r\n"
	case delay > 0:
		return "OK\r\n"
	}
	return ""
}

// wakeAfter takes the digits of @: off, and on again after so many tenths of an hour.
func (u *smart) wakeAfter(b byte) string {
	u.number += string(b)
	if len(u.number) < 4 {
		return ""
	}
	tenths, err := strconv.Atoi(u.number[1:])
	u.number = ""
	if err != nil || !u.order(true, func() { u.device.orderReboot(0, time.Duration(tenths)*6*time.Minute+10*time.Second) }) {
		return "NA\r\n"
	}
	return "OK\r\n"
}

func (u *smart) sleep() string {
	if !u.device.face().onBattery || !u.order(true, func() { u.device.orderReboot(0, time.Hour) }) {
		return "NA\r\n"
	}
	return "OK\r\n"
}

// tell answers a question.
func (u *smart) tell(b byte) string {
	f := u.device.face()
	switch b {
	case 'Q':
		return fmt.Sprintf("%02X", u.status(f))
	case '~':
		return map[bool]string{false: u.waits(f), true: "00"}[f.on]
	case 'f':
		return fmt.Sprintf("%05.1f", float64(f.charge))
	case 'j':
		return fmt.Sprintf("%04d:", f.minutes)
	case 'B':
		return "27.40"
	case 'L', 'M', 'N':
		return volts(!f.onBattery)
	case 'O':
		return volts(f.on)
	case 'P':
		return map[bool]string{false: "000.0", true: "012.0"}[f.on]
	case 0x7f:
		u.device.abort(0)
		return "OK"
	case 'p', 'r', '-':
		return u.set(b)
	}
	if text, known := smartTexts[b]; known {
		return text
	}
	return "NA"
}

func (u *smart) status(f face) (bits int) {
	switch {
	case f.on && f.onBattery:
		bits = 0x10
	case f.on:
		bits = 0x08
	}
	if f.on && f.low {
		bits |= 0x40
	}
	if f.on && f.worn {
		bits |= 0x80
	}
	return bits
}

// waits is register 1 of an output that is off.
func (u *smart) waits(f face) string {
	if f.returns {
		return "80"
	}
	return "40"
}

// set shows the delays before a shutdown and after it, and - changes the one shown last.
func (u *smart) set(b byte) string {
	if u.settings == nil {
		u.settings = map[byte][]string{'p': {"020", "180", "300", "600"}, 'r': {"000", "060", "180", "300"}}
	}
	if b != '-' {
		u.setting = b
		return u.settings[b][0]
	}
	list := u.settings[u.setting]
	if len(list) == 0 {
		return "NA"
	}
	u.settings[u.setting] = append(list[1:], list[0])
	return "OK"
}
