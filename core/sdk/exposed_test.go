package sdk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigureRefusesExposedSecrets, wherever they are, each with its place, and
// beside the faults that the configuration finds itself.
func TestConfigureRefusesExposedSecrets(t *testing.T) {
	type door struct {
		Code Secret `yaml:"code"`
	}
	type house struct {
		Code  Secret            `yaml:"code"`
		Key   Secret            `yaml:"key"`
		Doors []door            `yaml:"doors"`
		Rooms map[string]Secret `yaml:"rooms"`
		Yard  *door             `yaml:"yard"`
		notes []Secret          //nolint:unused // not of the configuration, and left alone
	}
	p := Plugin{DefaultConfig: func() any { return &house{} }}
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return "{file: " + file + "}"
	}
	own, group, others := write("own", 0o600), write("group", 0o640), write("others", 0o602)
	fine := "code: text\nkey: " + own + "\ndoors: [{code: {credential: x}}, {code: {file: /no/such/file}}]\nrooms: {hall: {file: " + dir + "}}\n"
	if _, err := p.Configure([]byte(fine)); err != nil {
		t.Errorf("secrets of their owner alone: %v", err)
	}
	_, err := p.Configure([]byte("code: " + group + "\nkey: " + others + "\ndoors:\n  - code: x\n  - code: " + group + "\nrooms:\n  loft: " + own + "\n  hall: " + group + "\nyard: {code: " + group + "}\n"))
	const opens = " has mode 0640 and is open to others: chmod 600 "
	want := strings.Join([]string{
		"1:1: code: DIR/group" + opens + "DIR/group",
		"2:1: key: DIR/others has mode 0602 and is open to others: chmod 600 DIR/others",
		"5:5: doors[1].code: DIR/group" + opens + "DIR/group",
		"8:3: rooms.hall: DIR/group" + opens + "DIR/group",
		"9:8: yard.code: DIR/group" + opens + "DIR/group",
	}, "\n")
	if err == nil || strings.ReplaceAll(err.Error(), dir, "DIR") != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	p.DefaultConfig = func() any { return defaults() }
	_, err = p.Configure([]byte("port: 13\ntoken: " + group))
	for _, fault := range []string{"1:1: port: 13", "2:1: token: "} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%v lacks %s", err, fault)
		}
	}
}
