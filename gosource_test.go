package nn

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// goNetworks returns networks with every layer and activation that WriteGo takes.
func goNetworks() []*Network {
	seed := uint64(0)
	build := func(in Shape, layers ...Layer) *Network {
		seed++
		n := New(rand.NewPCG(seed, 2), in, layers...)
		rng := rand.New(rand.NewPCG(seed, 3))
		for _, q := range n.params { // not 0 and 1, where they are
			for i, v := range q.Value.Data {
				q.Value.Data[i] = v + 0.5*rng.Float64()
			}
		}
		return n
	}
	list := []*Network{
		build(Input(1), Dense(1)),
		build(Input(3), Flatten()),
		build(Input(2), Dense(8), Tanh, Dense(1), Sigmoid),
		build(Input(13), Dense(9).WithoutBias(), Softmax()),
		build(Input(2, 3, 5), Dropout(0.5), ChannelDropout(0.5), GaussianNoise(1), Reshape(5, 6), Flatten(), Dense(300), ReLU, Dense(40), Softmax()),
		build(Input(7), Dense(5), BatchNorm(), PReLU(), Dense(6), PReLU().WithPerChannel(), LayerNorm(), Dense(35), RMSNorm()),
		build(Input(3, 7), Dense(34), LayerNorm(), PReLU().WithPerChannel(), BatchNorm().WithSteps(), Dense(33), RMSNorm(), Softmax()),
		build(Input(2, 3, 4), PReLU().WithPerChannel(), LayerNorm().WithDims(2), PReLU()),
		build(Input(6),
			Residual(Dense(6), GELU, Layers{Dense(6), SiLU}),
			Residual(Dense(4)).WithShortcut(Dense(4), Layers{Layers{Mish}}),
			Concat(Layers{Dense(3), ELU}, Layers{}, Layers{Residual(SELU)}),
			Softplus),
	}
	for a := Identity; int(a) < len(activations); a++ {
		list = append(list, build(Input(6), a, Dense(5), a))
	}
	strange := build(Input(4), PReLU().WithPerChannel(), Softsign, Dense(6), BatchNorm())
	copy(strange.params[0].Value.Data, []float64{math.Copysign(0, -1)}) // a negative value gives +0
	copy(strange.params[1].Value.Data, []float64{math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, -math.MaxFloat64, 0, 1})
	return append(list, strange, strange.Prefix(2))
}

// goInputs returns samples, the last of which have numbers that are no numbers.
func goInputs(n *Network, rng *rand.Rand) *Matrix {
	special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0, 5e-324, 1e308, -1e308, 40, -40, 800, -800}
	x := NewMatrix(12, n.in.Size())
	for i := range x.Data {
		x.Data[i] = rng.NormFloat64()
		if r := i / x.Cols; r >= 4 && (r >= 10 || i%x.Cols == r%x.Cols) {
			x.Data[i] = special[rng.IntN(len(special))]
		}
	}
	return x
}

// The functions that WriteGo writes, compiled in a module of their own, return
// the bits of Predict and allocate nothing.
func TestWriteGoBits(t *testing.T) {
	goTool := goCommand(t)
	dir := t.TempDir()
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var program bytes.Buffer
	program.WriteString("package main\n\nimport (\n\"fmt\"\n\"math\"\n\"testing\"\n)\n\nvar allocs float64\n\nfunc main() {\n")
	var want []string
	rng := rand.New(rand.NewPCG(1, 2))
	for i, n := range goNetworks() {
		var b bytes.Buffer
		name := fmt.Sprintf("Net%d", i) // net1 and net10 in one package
		if err := n.WriteGo(&b, "main", name); err != nil {
			t.Fatal(err)
		}
		write(fmt.Sprintf("net%d.go", i), b.Bytes())
		x := goInputs(n, rng)
		y := n.Predict(x)
		for r := range x.Rows {
			fmt.Fprintf(&program, "{\nx := [%d]float64{", x.Cols)
			for _, v := range x.Row(r) {
				fmt.Fprintf(&program, "math.Float64frombits(%#x), ", math.Float64bits(v))
			}
			fmt.Fprintf(&program, "}\nfor _, v := range %s(&x) {\nfmt.Println(math.Float64bits(v))\n}\n", name)
			fmt.Fprintf(&program, "allocs += testing.AllocsPerRun(1, func() { %s(&x) })\n}\n", name)
			for j, v := range y.Row(r) {
				want = append(want, fmt.Sprintf("%v, sample %d, output %d: %v", n, r, j, math.Float64bits(v)))
			}
		}
	}
	program.WriteString("fmt.Println(allocs)\n}\n")
	write("main.go", program.Bytes())
	write("go.mod", []byte("module example.com/user\n\ngo 1.26\n"))
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(goTool, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOOS=", "GOARCH=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("vet", ".")
	got := strings.Fields(run("run", "."))
	if len(got) != len(want)+1 {
		t.Fatalf("the program prints %d numbers, want %d", len(got), len(want)+1)
	}
	for i, w := range want {
		at := strings.LastIndexByte(w, ' ') + 1
		g, _ := strconv.ParseUint(got[i], 10, 64)
		v, _ := strconv.ParseUint(w[at:], 10, 64)
		if x, y := math.Float64frombits(g), math.Float64frombits(v); g != v && (x == x || y == y) {
			t.Fatalf("%s%v: got %v", w[:at], y, x)
		}
	}
	if allocs := got[len(want)]; allocs != "0" {
		t.Errorf("the functions allocate %s times", allocs)
	}
}

// A file is formatted, imports no more than math, begins all names in its own
// way, says that it is generated, and is the same again.
func TestWriteGoFile(t *testing.T) {
	for i, n := range goNetworks() {
		var b, again bytes.Buffer
		if err := n.WriteGo(&b, "digits", "Ünet"); err != nil {
			t.Fatal(err)
		}
		if err := n.Clone().WriteGo(&again, "digits", "Ünet"); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), again.Bytes()) {
			t.Errorf("network %d: the same network gives another file", i)
		}
		if text, err := format.Source(b.Bytes()); err != nil || !bytes.Equal(text, b.Bytes()) {
			t.Errorf("network %d: the file is not formatted (%v)", i, err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), "", b.Bytes(), parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(f) || f.Name.Name != "digits" {
			t.Errorf("network %d: generated: %v, package %s", i, ast.IsGenerated(f), f.Name.Name)
		}
		for _, s := range f.Imports {
			if s.Path.Value != `"math"` {
				t.Errorf("network %d: the file imports %s", i, s.Path.Value)
			}
		}
		for name := range f.Scope.Objects {
			if name != "Ünet" && !strings.HasPrefix(name, "ünet") {
				t.Errorf("network %d: the file declares %s", i, name)
			}
		}
	}

	n := New(nil, Input(2), Dense(3), Tanh)
	var b bytes.Buffer
	if err := n.WriteGo(&b, "model", "f"); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "f.go")
	if err := n.WriteGoFile(name, "model", "f"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || !bytes.Equal(text, b.Bytes()) {
		t.Errorf("WriteGoFile writes something else than WriteGo (%v)", err)
	}
}

func TestWriteGoErrors(t *testing.T) {
	good := New(nil, Input(2), Dense(1))
	conv := New(nil, Input(1, 4, 4), ReLU, Residual(ReLU, Conv2D(1, 3).WithPadding(1)))
	for _, c := range []struct {
		net       *Network
		pkg, name string
		want      string
	}{
		{good, "", "F", `"" can't be the name of a package`},
		{good, "_", "F", `"_" can't be the name of a package`},
		{good, "a b", "F", `"a b" can't be the name of a package`},
		{good, "func", "F", `"func" can't be the name of a package`},
		{good, "p\n\nfunc init() {}", "F", `can't be the name of a package`},
		{good, "p", "", `"" can't be the name of the function`},
		{good, "p", "_", `"_" can't be the name of the function`},
		{good, "p", "F()", `"F()" can't be the name of the function`},
		{good, "p", "9", `"9" can't be the name of the function`},
		{good, "p", "type", `"type" can't be the name of the function`},
		{good, "p", "init", `"init" can't be the name of the function`},
		{good, "p", "math", `"math" can't be the name of the function`},
		{good, "p", "float64", `"float64" can't be the name of the function`},
		{good, "p", "clear", `"clear" can't be the name of the function`},
		{good, "main", "main", `"main" can't be the name of the function`},
		{good, "p", strings.Repeat("?", 1000), `can't be the name of the function`},
		{conv, "p", "F", "layer 1: Residual: body: layer 1: there is no Go source of Conv2D(1, 3"},
		{New(nil, Input(5), Embedding(9, 2)), "p", "F", "layer 0: there is no Go source of Embedding(9, 2)"},
		{New(nil, Input(2, 3), BatchNorm()), "p", "F", "layer 0: there is no Go source of BatchNorm() for channels of several values"},
		{New(nil, Input(2, 3), Concat(Layers{}, Layers{MeanSteps(), Reshape(1, 3)})), "p", "F", "layer 0: Concat: branch 1: layer 0: there is no Go source of MeanSteps"},
	} {
		var b bytes.Buffer
		err := c.net.WriteGo(&b, c.pkg, c.name)
		if err == nil || !strings.HasPrefix(err.Error(), "nn: WriteGo: ") || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("WriteGo(%.20q, %.20q): %v, want %s", c.pkg, c.name, err, c.want)
		}
		if b.Len() > 0 {
			t.Errorf("WriteGo(%.20q, %.20q) writes %d bytes beside an error", c.pkg, c.name, b.Len())
		}
	}
	if err := good.WriteGo(failingWriter{}, "p", "main"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("WriteGo to a writer that fails: %v", err)
	}
	name := filepath.Join(t.TempDir(), "f.go")
	if err := conv.WriteGoFile(name, "p", "F"); err == nil {
		t.Error("WriteGoFile gives no error")
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteGoFile leaves a file (%v)", err)
	}
	if err := good.WriteGoFile(filepath.Join(name, "f.go"), "p", "F"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteGoFile into no folder: %v", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, fs.ErrInvalid }
