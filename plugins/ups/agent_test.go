package ups

import (
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

// Objects of the UPS-MIB that the tests look at.
const (
	oidModel         = ".1.3.6.1.2.1.33.1.1.2.0"
	oidAttached      = ".1.3.6.1.2.1.33.1.1.6.0"
	oidBatteryStatus = ".1.3.6.1.2.1.33.1.2.1.0"
	oidOnBatterySec  = ".1.3.6.1.2.1.33.1.2.2.0"
	oidMinutesLeft   = ".1.3.6.1.2.1.33.1.2.3.0"
	oidCharge        = ".1.3.6.1.2.1.33.1.2.4.0"
	oidInputVolts    = ".1.3.6.1.2.1.33.1.3.3.1.3.1"
	oidSource        = ".1.3.6.1.2.1.33.1.4.1.0"
	oidLoad          = ".1.3.6.1.2.1.33.1.4.4.1.5.1"
	oidAlarms        = ".1.3.6.1.2.1.33.1.6.1.0"
	oidShutdownType  = ".1.3.6.1.2.1.33.1.8.1.0"
	oidShutdownDelay = ".1.3.6.1.2.1.33.1.8.2.0"
	oidStartupDelay  = ".1.3.6.1.2.1.33.1.8.3.0"
	oidAutoRestart   = ".1.3.6.1.2.1.33.1.8.5.0"

	autoRestartOn  = 1
	autoRestartOff = 2
	sourceNone     = 2
)

// agent is a UPS of RFC 1628 in a test's own process, with the faults of real ones.
type agent struct {
	t       *testing.T
	conn    net.PacketConn
	mu      sync.Mutex
	objects map[string]gosnmp.SnmpPDU
	sets    [][]gosnmp.SnmpPDU // every SET that arrived
	gets    int

	// after, if set, is what a recording reads once something was ordered.
	after map[string]gosnmp.SnmpPDU

	// Faults.
	mute        bool                // answers nothing
	muteSets    int                 // carries out this many SETs without an answer
	dropSets    bool                // takes no SET, and does not say so
	lies        bool                // acknowledges and stays on
	cutAfter    time.Duration       // how long the output stays on after the order
	refuse      map[string]struct{} // SETs of these objects
	onlySingles bool                // refuses a SET of more than one object
	stickyAuto  bool                // refuses to restore auto-restart
	longest     int                 // refuses a GET of more objects; 0: takes any
	gotten      func(oid string)    // is told of every object that a GET read
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, conn: conn, objects: map[string]gosnmp.SnmpPDU{}, refuse: map[string]struct{}{}}
	a.objects[oidSysObjectID] = gosnmp.SnmpPDU{Name: oidSysObjectID, Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.2.1.33"}
	for oid, n := range map[string]int{
		oidSource: 3, oidAutoRestart: 1, oidShutdownDelay: -1, oidStartupDelay: -1, oidShutdownType: 2,
		oidBatteryStatus: 2, oidCharge: 93, oidMinutesLeft: 17, oidLoad: 42, oidInputVolts: 231, oidOnBatterySec: 0,
	} {
		a.objects[oid] = number(oid, n)
	}
	a.objects[oidAttached] = text(oidAttached, "")
	a.objects[oidSysDescr] = text(oidSysDescr, "test agent")
	a.objects[oidModel] = text(oidModel, "Anvil 700")
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.serve()
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return a
}

func (a *agent) address() string { return a.conn.LocalAddr().String() }

// with changes the agent's faults or objects.
func (a *agent) with(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

func (a *agent) integer(oid string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, _ := a.objects[oid].Value.(int)
	return n
}

func (a *agent) mark() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	held, _ := a.objects[oidAttached].Value.(string)
	return held
}

func (a *agent) firstSet() []gosnmp.SnmpPDU {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sets[0]
}

func (a *agent) packets() (gets, sets int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gets, len(a.sets)
}

func (a *agent) serve() {
	buffer := make([]byte, 4096)
	for {
		n, from, err := a.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		decoder := &gosnmp.GoSNMP{Version: gosnmp.Version2c}
		request, err := decoder.SnmpDecodePacket(slices.Clone(buffer[:n]))
		if err != nil {
			a.t.Errorf("decode request: %v", err)
			continue
		}
		if answer := a.answer(request); answer != nil {
			out, err := answer.MarshalMsg()
			if err != nil {
				a.t.Errorf("encode answer: %v", err)
				continue
			}
			_, _ = a.conn.WriteTo(out, from)
		}
	}
}

func (a *agent) answer(request *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := &gosnmp.SnmpPacket{
		Version: request.Version, Community: request.Community, PDUType: gosnmp.GetResponse,
		RequestID: request.RequestID, Variables: request.Variables,
	}
	if request.PDUType == gosnmp.SetRequest {
		a.sets = append(a.sets, request.Variables)
		if a.dropSets {
			return nil
		}
		answer.Error, answer.ErrorIndex = a.set(request.Variables)
		if a.muteSets > 0 {
			a.muteSets--
			return nil
		}
	} else {
		a.gets++
		if request.PDUType == gosnmp.GetNextRequest {
			a.next(request.Version, answer)
		} else {
			a.get(request.Version, answer)
		}
	}
	if a.mute {
		return nil
	}
	return answer
}

func (a *agent) get(version gosnmp.SnmpVersion, answer *gosnmp.SnmpPacket) {
	if a.longest > 0 && len(answer.Variables) > a.longest {
		answer.Error = gosnmp.TooBig
		return
	}
	variables := make([]gosnmp.SnmpPDU, 0, len(answer.Variables))
	for i, v := range answer.Variables {
		held, ok := a.objects[v.Name]
		switch {
		case ok:
			variables = append(variables, held)
		case version == gosnmp.Version1:
			answer.Error, answer.ErrorIndex = gosnmp.NoSuchName, uint8(i+1)
			return
		default:
			variables = append(variables, gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.NoSuchInstance})
		}
	}
	answer.Variables = variables
	for _, v := range variables {
		if a.gotten != nil {
			a.gotten(v.Name)
		}
	}
}

// next answers for one object.
func (a *agent) next(version gosnmp.SnmpVersion, answer *gosnmp.SnmpPacket) {
	order := func(x, y string) int { return slices.Compare(arcs(x), arcs(y)) }
	for _, name := range slices.SortedFunc(maps.Keys(a.objects), order) {
		if order(name, answer.Variables[0].Name) > 0 {
			answer.Variables = []gosnmp.SnmpPDU{a.objects[name]}
			return
		}
	}
	if version == gosnmp.Version1 {
		answer.Error, answer.ErrorIndex = gosnmp.NoSuchName, 1
		return
	}
	answer.Variables = []gosnmp.SnmpPDU{{Name: answer.Variables[0].Name, Type: gosnmp.EndOfMibView}}
}

func arcs(oid string) []int {
	var list []int
	for arc := range strings.SplitSeq(strings.Trim(oid, "."), ".") {
		n, _ := strconv.Atoi(arc)
		list = append(list, n)
	}
	return list
}

func (a *agent) set(variables []gosnmp.SnmpPDU) (gosnmp.SNMPError, uint8) {
	if a.onlySingles && len(variables) > 1 {
		return gosnmp.TooBig, 0
	}
	for i, v := range variables {
		if _, refused := a.refuse[v.Name]; refused {
			return gosnmp.NotWritable, uint8(i + 1)
		}
		if a.stickyAuto && v.Name == oidAutoRestart && v.Value == autoRestartOn {
			return gosnmp.GenErr, uint8(i + 1)
		}
	}
	if a.after != nil {
		return a.replay(variables)
	}
	for _, v := range variables {
		a.apply(v)
	}
	return gosnmp.NoError, 0
}

// replay takes values for what the recording has, and then reads as it did after an order.
func (a *agent) replay(variables []gosnmp.SnmpPDU) (gosnmp.SNMPError, uint8) {
	for i, v := range variables {
		if held, ok := a.objects[v.Name]; !ok || held.Type != v.Type {
			return gosnmp.NotWritable, uint8(i + 1)
		}
	}
	for _, v := range variables {
		if raw, ok := v.Value.([]byte); ok {
			v.Value = string(raw)
		}
		if _, recorded := a.after[v.Name]; !recorded || v.Name == variables[0].Name {
			a.objects[v.Name] = v
		}
	}
	maps.Copy(a.objects, a.after)
	return gosnmp.NoError, 0
}

func (a *agent) apply(v gosnmp.SnmpPDU) {
	if raw, ok := v.Value.([]byte); ok {
		v.Value = string(raw)
	}
	a.objects[v.Name] = v
	switch {
	case v.Name == oidShutdownDelay && v.Value == 0 && !a.lies:
		time.AfterFunc(a.cutAfter, func() { a.with(func() { a.objects[oidSource] = number(oidSource, 2) }) })
		if a.cutAfter == 0 {
			a.objects[oidSource] = number(oidSource, 2)
		}
	case v.Name == oidStartupDelay && v.Value == 0 && !a.lies:
		a.objects[oidSource] = number(oidSource, 3)
	}
}

// offOrders counts the packets that ordered the output off.
func (a *agent) offOrders() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	orders := 0
	for _, variables := range a.sets {
		for _, v := range variables {
			if v.Name == oidShutdownDelay && v.Value == 0 {
				orders++
			}
		}
	}
	return orders
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
