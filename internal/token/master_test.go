package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/usher-id/usher/internal/token"
)

func TestParseMaster(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb, 0xff, 0x41, 7}, 8)
	good := token.Master(raw)
	tests := map[string]struct {
		text string
		want string // of the error; empty where it is good
	}{
		"as encoded":   {good.Encode(), ""},
		"white space":  {"\n  " + good.Encode() + " \r\n", ""},
		"openssl":      {base64.StdEncoding.EncodeToString(raw) + "\n", ""},
		"empty":        {"", "0 bytes instead of 32"},
		"short":        {good.Encode()[:40], "30 bytes instead of 32"},
		"long":         {good.Encode() + "AAAA", "35 bytes instead of 32"},
		"not base64":   {"correct horse battery staple", "not base64"},
		"hexadecimal":  {strings.Repeat("0f", 32), "48 bytes instead of 32"},
		"all zero":     {base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "all zero"},
		"trailing bit": {strings.Repeat("A", 42) + "B", "not base64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := token.ParseMaster(test.text)
			switch {
			case test.want == "" && (err != nil || m != good):
				t.Errorf("got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got error %v, want %q", err, test.want)
			case err != nil && len(test.text) > 20 && strings.Contains(err.Error(), test.text[:20]):
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestMasterIsNotPrinted(t *testing.T) {
	m := newMaster(t)
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("start", "master", m, "config", struct{ M token.Master }{m}, "pointer", &m)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U"} {
		fmt.Fprintf(&log, verb, m)
		fmt.Fprintf(&log, verb, struct{ M token.Master }{m})
	}
	if err := json.NewEncoder(&log).Encode(m); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{m.Encode(), fmt.Sprintf("%x", m[:]), fmt.Sprint(m[:3])[1:6], fmt.Sprintf("%#v", m[:])[7:20]} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is printed", secret)
		}
	}
	if strings.Count(log.String(), "[master key]") < 20 {
		t.Errorf("the placeholder is missing: %s", &log)
	}
}

func TestNewMasterFails(t *testing.T) {
	if _, err := token.NewMaster(iotest.ErrReader(errors.New("no entropy"))); err == nil {
		t.Error("a master key without random numbers")
	}
}

func TestDerive(t *testing.T) {
	m := newMaster(t)
	a, errA := m.Derive("a")
	again, errAgain := m.Derive("a")
	b, errB := m.Derive("b")
	other, errOther := newMaster(t).Derive("a")
	if err := errors.Join(errA, errAgain, errB, errOther); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, again) || bytes.Equal(a, b) || bytes.Equal(a, other) || len(a) != 32 {
		t.Error("a derived secret depends on master key and purpose alone")
	}
}

func FuzzParseMaster(f *testing.F) {
	f.Add("")
	f.Add(token.Master{1, 2, 3}.Encode())
	f.Add(" 9w+/==\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := token.ParseMaster(text)
		if err != nil {
			return
		}
		if again, err := token.ParseMaster(m.Encode()); err != nil || again != m {
			t.Errorf("%q: %v", text, err)
		}
	})
}
