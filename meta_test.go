package nn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Classes and Meta are saved, loaded, cloned and resumed; without them a file is
// as it would be if there were none.
func TestClassesAndMeta(t *testing.T) {
	n := New(nil, Input(2), Dense(3))
	plain := saved(t, n)
	n.Classes, n.Meta = []string{}, map[string]string{}
	if !bytes.Equal(saved(t, n), plain) || bytes.Contains(plain, []byte("nn.classes")) {
		t.Error("empty Classes and Meta change the file")
	}
	if m, err := Load(bytes.NewReader(plain)); err != nil || m.Classes != nil || m.Meta != nil {
		t.Errorf("loaded Classes %q, Meta %q, %v", m.Classes, m.Meta, err)
	}
	n.Classes = []string{"", "é\"<&>\n", "\x00"}
	n.Meta = map[string]string{"": "", "encoder": `{"a":"b"}`, "nn": "\u2028", "é": "\x01\\"}
	b := saved(t, n)
	m, err := Load(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*Network{"loaded": m, "cloned": n.Clone()} {
		if !slices.Equal(m.Classes, n.Classes) || !maps.Equal(m.Meta, n.Meta) || !bytes.Equal(saved(t, m), b) {
			t.Errorf("%s: %q, %q, want %q, %q", name, m.Classes, m.Meta, n.Classes, n.Meta)
		}
		m.Classes[0], m.Meta["nn"] = "x", "x"
	}
	if n.Classes[0] == "x" || n.Meta["nn"] == "x" {
		t.Error("a clone shares Classes or Meta")
	}
	if p := n.Prefix(1); p.Classes != nil || p.Meta != nil {
		t.Errorf("Prefix has %q, %q", p.Classes, p.Meta)
	}

	for _, c := range []struct {
		classes []string
		meta    map[string]string
		want    string
	}{
		{nil, map[string]string{"nn.layers": "[]"}, `nn: Save: the key "nn.layers" of Meta begins with "nn."`},
		{nil, map[string]string{"nn.": ""}, `nn: Save: the key "nn." of Meta begins with "nn."`},
		{nil, map[string]string{"a": "\xff"}, `nn: Save: metadata "a" is not valid UTF-8`},
		{nil, map[string]string{"\xff": "a"}, `nn: Save: metadata "\xff" is not valid UTF-8`},
		{[]string{"a", "\xff"}, nil, `nn: Save: class 1: the name "\xff" is not valid UTF-8`},
		{nil, map[string]string{"a": strings.Repeat("x", maxHeader)}, "nn: Save: the header would have"},
	} {
		n := New(nil, Input(2), Dense(3))
		n.Classes, n.Meta = c.classes, c.meta
		if err := n.Save(io.Discard); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("Classes %q, Meta %.100q: %v, want %s", c.classes, n.Meta, err, c.want)
		}
	}
	for text, want := range map[string]string{
		"":            "it is not valid JSON",
		"null":        `"null" is not a list of names`,
		"[]":          `"[]" is not a list of names`,
		`{"a":"b"}`:   `"{\"a\":\"b\"}" is not a list of names`,
		`["a",1]`:     "it is 1, not a string",
		`["a",null]`:  "it is null, not a string",
		`["a",["b"]]`: "it is nested too deep",
		`["\ud800"]`:  "it has half a surrogate pair",
		`["a"] ["b"]`: "it is not valid JSON",
		`["a","b",]`:  "it is not valid JSON",
	} {
		n := New(nil, Input(2), Dense(3))
		meta, err := n.metadata()
		if err != nil {
			t.Fatal(err)
		}
		meta["nn.classes"] = text
		var b bytes.Buffer
		if err := writeTensors(&b, meta, n.named()); err != nil {
			t.Fatal(err)
		}
		_, err = Load(&b)
		if e := FormatError(""); err == nil || err.Error() != "nn: Load: nn.classes: "+want || !errors.As(err, &e) {
			t.Errorf("nn.classes %q: %v, want %s", text, err, want)
		}
	}
}

func TestResumeClassesAndMeta(t *testing.T) {
	trainer := func(classes []string, meta map[string]string) *Trainer {
		n := New(nil, Input(2), Dense(2), Softmax())
		n.Classes, n.Meta = classes, meta
		return &Trainer{Net: n, Optimizer: new(SGD)}
	}
	file := savedTrainer(t, trainer([]string{"no", "yes"}, map[string]string{"a": "1", "b": "2"}))
	without := savedTrainer(t, trainer(nil, nil))
	for _, c := range []struct {
		file    []byte
		classes []string
		meta    map[string]string
		want    string // Classes and Meta
	}{
		{file, nil, nil, "[no yes] map[a:1 b:2]"},
		{file, []string{"no", "yes"}, map[string]string{"b": "3", "c": "4"}, "[no yes] map[a:1 b:2 c:4]"},
		{without, []string{"x", "y"}, map[string]string{"b": "3"}, "[x y] map[b:3]"},
		{without, nil, nil, "[] map[]"},
	} {
		tr := trainer(c.classes, c.meta)
		given := maps.Clone(c.meta)
		err := tr.Resume(bytes.NewReader(c.file))
		if got := fmt.Sprint(tr.Net.Classes, tr.Net.Meta); err != nil || got != c.want || !maps.Equal(given, c.meta) {
			t.Errorf("resumed with %q, %q: %s, %v, want %s", c.classes, c.meta, got, err, c.want)
		}
	}
	tr := trainer([]string{"yes", "no"}, nil)
	before := saved(t, tr.Net)
	want := `nn: Resume: nn.classes: the file has ["no" "yes"] where the network has ["yes" "no"]`
	if err := tr.Resume(bytes.NewReader(file)); err == nil || err.Error() != want || !bytes.Equal(saved(t, tr.Net), before) {
		t.Errorf("other classes: %v, want %s", err, want)
	}
	if n, err := Load(bytes.NewReader(file)); err != nil || fmt.Sprint(n.Classes, n.Meta) != "[no yes] map[a:1 b:2]" {
		t.Errorf("Load of a checkpoint: %q, %q, %v", n.Classes, n.Meta, err)
	}
}
