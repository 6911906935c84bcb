package upssim

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// megatec is the protocol of Megatec, Q1: a line is a question or an order, and what
// it does not take comes back.
type megatec struct {
	*SerialPort
	line []byte
}

// shutdown is S with a delay in minutes (.2 to .9, or two digits), and R with the
// minutes until it is on again, 0000 for never.
var shutdown = regexp.MustCompile(`^S(\.[2-9]|[0-9]{2})(?:R([0-9]{4}))?$`)

func (u *megatec) hear(b byte) string {
	if b != '\r' {
		if len(u.line) < 64 {
			u.line = append(u.line, b)
		}
		return ""
	}
	text := string(u.line)
	u.line = u.line[:0]
	switch text {
	case "":
		return ""
	case "Q1":
		return u.status()
	case "F":
		if !u.device.Behaviour().Terse {
			return "#230.0 003 024.0 50.0\r"
		}
	case "I":
		return fmt.Sprintf("#%-15s %-10s %-10s\r", "Storeward lab", "Simulated", "V1.0")
	case "C":
		if u.order(false, u.cancel) {
			return ""
		}
	case "T", "TL", "CT", "Q":
		return ""
	default:
		if parts := shutdown.FindStringSubmatch(text); parts != nil && u.order(true, func() { u.shutdown(parts[1], parts[2]) }) {
			return ""
		}
	}
	return text + "\r"
}

func (u *megatec) status() string {
	f := u.device.face()
	load := 0
	if f.on {
		load = 14
	}
	bit := map[bool]string{false: "0", true: "1"}
	return fmt.Sprintf("(%s 195.0 %s %03d 50.0 27.5 30.0 %s%s001%s%s0\r", volts(!f.onBattery), volts(f.on), load,
		bit[f.onBattery], bit[f.low], "0", bit[f.due || f.returns || f.sticky && !f.on])
}

// cancel ends a countdown, and the rest that follows it.
func (u *megatec) cancel() {
	u.device.abort(0)
	u.device.orderOn(0, 0)
}

func (u *megatec) shutdown(delay, rest string) {
	off, back := megatecMinutes(delay), megatecMinutes(rest)
	u.device.abort(0)
	u.device.orderOff(0, off)
	if back > 0 {
		u.device.orderOn(0, off+back)
	}
}

func megatecMinutes(text string) time.Duration {
	minutes, _ := strconv.ParseFloat("0"+text, 64)
	return time.Duration(minutes * float64(time.Minute))
}
