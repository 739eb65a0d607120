package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Layers as a user would write them. They pass their input through.
type passLayer struct{}

func (passLayer) Build(in Shape, _ *rand.Rand) (Shape, error) { return in, nil }
func (passLayer) Forward(_ *Pass, x *Matrix) *Matrix          { return x }
func (passLayer) Backward(_ *Pass, dy *Matrix) *Matrix        { return dy }
func (passLayer) Params() []*Param                            { return nil }

// A gainLayer multiplies every feature by a learned gain.
type gainLayer struct {
	passLayer
	gain *Param
}

func (l *gainLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if in.Size() > 1<<16 {
		return nil, fmt.Errorf("gain: input is %v", in)
	}
	l.gain = NewParam("gain", 1, in.Size())
	l.gain.Value.Fill(1)
	return in, nil
}
func (l *gainLayer) Params() []*Param { return []*Param{l.gain} }
func (l *gainLayer) Forward(p *Pass, x *Matrix) *Matrix {
	return p.New(x.Rows, x.Cols).MulElem(x, l.gain.Value)
}

// A scaleLayer, whose value is no pointer, multiplies by its Factor.
type scaleLayer struct {
	Factor float64
	hidden int
	passLayer
}

func (l scaleLayer) Forward(p *Pass, x *Matrix) *Matrix {
	return p.New(x.Rows, x.Cols).Scale(l.Factor, x)
}

// A blockLayer has layers in it.
type blockLayer struct {
	Body  Layers
	Notes map[string]string
}

func (l *blockLayer) Build(in Shape, rng *rand.Rand) (Shape, error) { return l.Body.Build(in, rng) }
func (l *blockLayer) Forward(p *Pass, x *Matrix) *Matrix            { return l.Body.Forward(p, x) }
func (l *blockLayer) Backward(p *Pass, dy *Matrix) *Matrix          { return l.Body.Backward(p, dy) }
func (l *blockLayer) Params() []*Param                              { return l.Body.Params() }

// A badLayer does wrong what Fault says.
type badLayer struct {
	passLayer
	Fault string
	Inner Layer `json:",omitempty"` // JSON can't make one: it is no Layers
}

func (l *badLayer) Build(in Shape, _ *rand.Rand) (Shape, error) {
	switch l.Fault {
	case "error":
		return nil, errors.New("build fails")
	case "panic":
		panic("build panics")
	case "index":
		_ = in[len(in)]
	case "huge":
		NewParam("w", math.MaxInt, 2)
	case "shape":
		return Shape{0}, nil
	}
	return in, nil
}

func (l *badLayer) Params() []*Param {
	switch l.Fault {
	case "params panic":
		panic("params panic")
	case "nil param":
		return []*Param{nil}
	case "nil value":
		return []*Param{{Name: "x"}}
	case "more":
		return []*Param{NewParam("x", 1, 1)}
	}
	return nil
}

type unknownLayer struct{ passLayer }

func init() {
	Register("test.gain", func() Layer { return new(gainLayer) })
	Register("test.scale", func() Layer { return scaleLayer{Factor: 2} })
	Register("test.block", func() Layer { return new(blockLayer) })
	Register("test.bad", func() Layer { return new(badLayer) })
}

// variety returns a network with every kind of layer.
func variety() *Network {
	return New(rand.NewPCG(3, 4), Input(6),
		Embedding(5, 2).WithPadding(1), Flatten(), Dropout(0.25), Dense(8), ReLU,
		Residual(Dense(8).WithoutBias(), Tanh, Layers{GaussianNoise(0.5)}).WithShortcut(new(gainLayer)),
		scaleLayer{Factor: 0.1},
		Concat(Layers{}, Layers{Dense(4), Sigmoid}), PReLU().WithPerChannel(),
		&blockLayer{Body: Layers{Dense(12), Residual(Dense(12))}, Notes: map[string]string{"b": "<&>", "a": "\u2028\"\\"}},
		Reshape(2, -1), Dense(3), Flatten(), Dense(3), Softmax())
}

func indices(rows, cols, n int) *Matrix {
	x := NewMatrix(rows, cols)
	for i := range x.Data {
		x.Data[i] = float64(i * i % n)
	}
	return x
}

func saved(t testing.TB, n *Network) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := n.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSaveLoad(t *testing.T) {
	n := variety()
	for i, q := range n.params {
		q.Value.Data[0] += float64(i) // also where Build sets a constant
		q.Frozen = i%3 == 1
	}
	b := saved(t, n)
	if !bytes.Equal(b, saved(t, n)) || !bytes.Equal(b, saved(t, n.Clone())) {
		t.Error("the same network gives other bytes")
	}
	m, err := Load(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, saved(t, m)) {
		t.Error("the loaded network gives other bytes")
	}
	x := indices(7, 6, 5)
	if got, want := m.Predict(x), n.Predict(x); !bitsEqual(got.Data, want.Data) {
		t.Errorf("the loaded network predicts\n%v, want\n%v", got, want)
	}
	if got, want := m.String(), n.String(); got != want {
		t.Errorf("loaded:\n%v\nwant:\n%v", got, want)
	}
	for i, q := range m.params {
		p := n.params[i]
		if q.Name != p.Name || !bitsEqual(q.Value.Data, p.Value.Data) || q.Frozen != p.Frozen || q.NoDecay != p.NoDecay || q.Stat != p.Stat {
			t.Errorf("loaded parameter %+v, want %+v", q, p)
		}
	}
	if m.layers[0].(*EmbeddingLayer).Padding == nil || m.layers[6].(scaleLayer).Factor != 0.1 {
		t.Errorf("configurations are lost: %v", m)
	}
}

// All numbers survive, bit for bit.
func TestSaveNumbers(t *testing.T) {
	n := New(nil, Input(1), Dense(6))
	w := []float64{math.NaN(), math.Float64frombits(0xfff0000000000001), math.Copysign(0, -1), math.Inf(-1), 5e-324, 0.1}
	copy(n.params[0].Value.Data, w)
	m, err := Load(bytes.NewReader(saved(t, n)))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.params[0].Value.Data; !bitsEqual(got, w) {
		t.Errorf("loaded %v, want %v", got, w)
	}
}

func TestSaveMetadata(t *testing.T) {
	n := New(nil, Input(4), Dense(3), Tanh, Residual(Dense(3).WithoutBias()))
	n.params[2].Frozen = true
	meta, ts, err := readTensors(bytes.NewReader(saved(t, n)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"nn.input":  "[4]",
		"nn.frozen": `["2.body.0.weight"]`,
		"nn.layers": `[{"layer":"Dense","config":{"Out":3}},{"layer":"Activation","config":"Tanh"},` +
			`{"layer":"Residual","config":{"Body":[{"layer":"Dense","config":{"Out":3,"NoBias":true}}]}}]`,
	}
	for k, v := range want {
		if meta[k] != v {
			t.Errorf("%s = %s, want %s", k, meta[k], v)
		}
	}
	if len(meta) != len(want) || len(ts) != 3 {
		t.Errorf("metadata %q and %d tensors", meta, len(ts))
	}
}

func TestSaveRejects(t *testing.T) {
	deep := Layers{Tanh}
	for range 22 {
		deep = Layers{Residual(deep...)}
	}
	many := make(Layers, maxLayersText/30)
	for i := range many {
		many[i] = Softmax()
	}
	for _, c := range []struct {
		layer Layer
		want  string
	}{
		{unknownLayer{}, "layer 1: type nn.unknownLayer is not registered"},
		{&scaleLayer{}, "layer 1: type *nn.scaleLayer is not registered"},
		{Residual(Tanh, unknownLayer{}), "layer 1: Residual: layer 1: type nn.unknownLayer is not registered"},
		{Layers{Layers{unknownLayer{}}}, "layer 1: Layers: layer 0: Layers: layer 0: type nn.unknownLayer is not registered"},
		{Concat(Layers{}, Layers{unknownLayer{}}), "layer 1: Concat: layer 0: type nn.unknownLayer"},
		{scaleLayer{Factor: math.NaN()}, "layer 1: test.scale: json: unsupported value: NaN"},
		{Residual(scaleLayer{Factor: math.Inf(1)}), "layer 1: Residual: layer 0: test.scale: json: unsupported value: +Inf"},
		{deep, "nested too deep"},
		{many, "are the most"},
	} {
		n := New(nil, Input(2), Dense(2), c.layer)
		var b bytes.Buffer
		err := n.Save(&b)
		if err == nil || !strings.HasPrefix(err.Error(), "nn: Save: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want nn: Save: …%s…", err, c.want)
		}
		if b.Len() > 0 {
			t.Errorf("%v after %d bytes were written", err, b.Len())
		}
	}
	fault := errors.New("fault")
	if err := variety().Save(&shortWriter{100, fault}); !errors.Is(err, fault) || !strings.HasPrefix(err.Error(), "nn: Save: ") {
		t.Errorf("error %v, want nn: Save: fault", err)
	}
}

// The deepest layers that are saved are loaded.
func TestSaveDeep(t *testing.T) {
	deep := Layers{Tanh}
	for range 20 {
		deep = Layers{Residual(deep...)}
	}
	n := New(nil, Input(2), deep...)
	if _, err := Load(bytes.NewReader(saved(t, n))); err != nil {
		t.Error(err)
	}
}

// file returns a file with the metadata for layers and input (left out if
// empty) and zero tensors of the given shapes.
func file(t testing.TB, layers, input string, shapes map[string][2]int) []byte {
	t.Helper()
	meta := map[string]string{}
	if layers != "" {
		meta["nn.layers"] = layers
	}
	if input != "" {
		meta["nn.input"] = input
	}
	var ts []tensor
	for name, s := range shapes {
		ts = append(ts, tensor{name, NewMatrix(s[0], s[1])})
	}
	var b bytes.Buffer
	if err := writeTensors(&b, meta, ts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const dense3 = `{"layer":"Dense","config":{"Out":3}}`

type shapes = map[string][2]int

func TestLoadRejects(t *testing.T) {
	bad := func(fault string) string { return fmt.Sprintf(`[{"layer":"test.bad","config":{"Fault":%q}}]`, fault) }
	good := shapes{"0.weight": {2, 3}, "0.bias": {1, 3}}
	if _, err := Load(bytes.NewReader(file(t, "["+dense3+"]", "[2]", good))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, layers, input string
		tensors             shapes
		want                string
	}{
		{"no layers", "", "[2]", good, "have no nn.layers"},
		{"no input", "[]", "", nil, "have no nn.input"},
		{"not JSON", "[", "[2]", nil, "layers: it is not valid JSON"},
		{"not a list", "{}", "[2]", nil, "{} is not a list of layers"},
		{"null", "null", "[2]", nil, "null is not a list of layers"},
		{"null layer", "[null]", "[2]", nil, "layer 0: it is null, not an object"},
		{"number", "[1]", "[2]", nil, "layer 0: it is 1, not an object"},
		{"no config", `[{"layer":"Softmax"}]`, "[2]", nil, `has not just "layer" and "config"`},
		{"no name", `[{"config":{}}]`, "[2]", nil, `has not just "layer" and "config"`},
		{"three keys", `[{"layer":"Softmax","config":{},"x":1}]`, "[2]", nil, `has not just "layer" and "config"`},
		{"case", `[{"Layer":"Softmax","config":{}}]`, "[2]", nil, `has not just "layer" and "config"`},
		{"twice", `[{"layer":"Dense","config":{"Out":3,"Out":3}}]`, "[2]", good, `layers: "Out" occurs twice`},
		{"name null", `[{"layer":null,"config":{}}]`, "[2]", nil, "not a string"},
		{"config null", `[{"layer":"Dense","config":null}]`, "[2]", nil, "layer 0: Dense: config is null"},
		{"config number", `[{"layer":"Dense","config":1}]`, "[2]", nil, "layer 0: Dense: json: cannot unmarshal number"},
		{"config field", `[{"layer":"Dense","config":{"Outs":1}}]`, "[2]", nil, `layer 0: Dense: json: unknown field "Outs"`},
		{"config hidden", `[{"layer":"Dense","config":{"W":null}}]`, "[2]", nil, `unknown field "W"`},
		{"config fraction", `[{"layer":"Dense","config":{"Out":1.5}}]`, "[2]", nil, "cannot unmarshal number 1.5"},
		{"config overflow", `[{"layer":"Dense","config":{"Out":1e30}}]`, "[2]", nil, "cannot unmarshal number 1e30"},
		{"config float", `[{"layer":"Dropout","config":{"Rate":1e999}}]`, "[2]", nil, "cannot unmarshal number 1e999"},
		{"unknown layer", `[{"layer":"Foo","config":{}}]`, "[2]", nil, `layer 0: "Foo" is not registered`},
		{"unknown inside", `[{"layer":"Residual","config":{"Body":[` + dense3 + `,{"layer":"Foo","config":{}}]}}]`, "[2]", nil, `layer 0: Residual: layer 1: "Foo" is not registered`},
		{"unknown activation", `[{"layer":"Activation","config":"Foo"}]`, "[2]", nil, `layer 0: Activation: unknown activation "Foo"`},
		{"activation number", `[{"layer":"Activation","config":1}]`, "[2]", nil, "layer 0: Activation: json: cannot unmarshal number"},
		{"deep", strings.Repeat(`[{"layer":"Layers","config":`, 33) + "[]" + strings.Repeat("}]", 33), "[2]", nil, "nested too deep"},
		{"long", "[" + strings.Repeat(" ", maxLayersText) + "]", "[2]", nil, "are the most"},
		{"input text", "[]", `"2"`, nil, "is not a shape"},
		{"input fraction", "[]", "[2.5]", nil, "is not a shape"},
		{"input null", "[]", "null", nil, "shape () has no dimension"},
		{"input empty", "[]", "[]", nil, "shape () has no dimension"},
		{"input 0", "[]", "[2,0]", nil, "shape (2, 0): dimensions must be positive"},
		{"input negative", "[]", "[-2,-2]", nil, "dimensions must be positive"},
		{"input overflow", "[]", "[65536,65536]", nil, "product at most"},
		{"input rank", "[]", "[1" + strings.Repeat(",1", 1000) + "]", nil, "shape of 1001 dimensions"},
		{"reshape rank", `[{"layer":"Reshape","config":{"Shape":[2` + strings.Repeat(",1", 1000) + `]}}]`, "[2]", nil, "shape of 1001 dimensions"},
		{"build error", bad("error"), "[2]", nil, "layer 0: build fails"},
		{"build shape", bad("shape"), "[2]", nil, "dimensions must be positive"},
		{"build panic", bad("panic"), "[2]", nil, "the layers panic: build panics"},
		{"build index", bad("index"), "[2]", nil, "the layers panic: runtime error: index out of range"},
		{"build huge", bad("huge"), "[2]", nil, "the layers panic: "},
		{"params panic", bad("params panic"), "[2]", nil, "the layers panic: params panic"},
		{"nil param", bad("nil param"), "[2]", nil, "the layers panic: runtime error"},
		{"nil value", bad("nil value"), "[2]", shapes{"x": {1, 1}}, `parameter "x" has no value`},
		{"does not fit", "[" + dense3 + "]", "[2,2,2]", good, "layer 0: Dense(3): input is (2, 2, 2); put Flatten before it"},
		{"missing", "[" + dense3 + "]", "[2]", shapes{"0.weight": {2, 3}}, `tensor "0.bias" is missing`},
		{"left over", "[" + dense3 + "]", "[2]", shapes{"0.weight": {2, 3}, "0.bias": {1, 3}, "y": {1, 1}, "x": {1, 1}}, `tensor "x" belongs to no layer`},
		{"another name", "[" + dense3 + "]", "[2]", shapes{"0.weight": {2, 3}, "bias": {1, 3}}, `tensor "0.bias" is missing`},
		{"another shape", "[" + dense3 + "]", "[2]", shapes{"0.weight": {3, 2}, "0.bias": {1, 3}}, `tensor "0.weight" is 3×2; the layers need 2×3`},
		// Such sizes must not be allocated before the parameters are there.
		{"huge dense", `[{"layer":"Dense","config":{"Out":2000000000}}]`, "[1]", good, `tensor "0.weight" is 2×3; the layers need 1×2000000000`},
		{"huge embedding", `[{"layer":"Embedding","config":{"Vocab":20000000,"Dim":100}}]`, "[1]", good, `the layers need 20000000×100`},
		{"too huge dense", `[{"layer":"Dense","config":{"Out":2000000000}}]`, "[2]", good, "product at most 2³¹−1"},
		{"huge input", "[" + dense3 + "]", "[700000000]", good, "the layers need 700000000×3"},
		{"huge slopes", `[{"layer":"PReLU","config":{"PerChannel":true}}]`, "[2000000000]", good, `tensor "0.slope" is missing`},
		{"many huge", "[" + strings.Repeat(`{"layer":"Dense","config":{"Out":40000}},`, 999) + dense3 + "]", "[40000]", nil, "is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := file(t, c.layers, c.input, c.tensors)
			var err error
			used := allocated(func() { _, err = Load(bytes.NewReader(data)) })
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "nn: Load: ") {
				t.Fatalf("error %v, want nn: Load: …%s…", err, c.want)
			}
			if e := FormatError(""); !errors.As(err, &e) || e == "" {
				t.Errorf("%v is not a FormatError", err)
			}
			if limit := loadLimit(len(data)); used > limit {
				t.Errorf("%d bytes were allocated for %d, more than %d", used, len(data), limit)
			}
		})
	}
}

func TestFreeze(t *testing.T) {
	n := New(nil, Input(2), Dense(3))
	n.params[0].Frozen = true
	if err := n.freeze(`["0.bias"]`); err != nil {
		t.Fatal(err)
	}
	if n.params[0].Frozen || !n.params[1].Frozen {
		t.Errorf("frozen are %v, %v, want false, true", n.params[0].Frozen, n.params[1].Frozen)
	}
	for _, c := range []struct{ frozen, want string }{
		{"{}", "is not a list of names"}, {"", "is not a list"}, {`["0.weight","x"]`, `no parameter is named "x"`},
	} {
		n := New(nil, Input(2), Dense(3))
		meta, _ := n.metadata()
		meta["nn.frozen"] = c.frozen
		var b bytes.Buffer
		if err := writeTensors(&b, meta, n.named()); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(&b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("frozen %s: error %v, want …%s…", c.frozen, err, c.want)
		}
	}
}

// allocated returns the number of bytes that f allocates, and what others do meanwhile.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// loadLimit is the most that Load may allocate for n bytes: some for buffers, and for
// each byte, as layers within layers are parsed again at every level.
func loadLimit(n int) uint64 { return 1<<20 + 400*uint64(n) }

// A file without nn.frozen leaves the flags as Build sets them.
func TestLoadWithoutFrozen(t *testing.T) {
	n, err := Load(bytes.NewReader(file(t, "["+dense3+"]", "[2]", shapes{"0.weight": {2, 3}, "0.bias": {1, 3}})))
	if err != nil {
		t.Fatal(err)
	}
	if n.params[0].Frozen || !n.params[1].NoDecay {
		t.Errorf("flags are %+v, %+v", n.params[0], n.params[1])
	}
	y := n.Predict(NewMatrix(1, 2, 1, 2))
	if y.Rows != 1 || y.Cols != 3 {
		t.Errorf("prediction %v", y)
	}
}

func TestFillTensors(t *testing.T) {
	n := New(nil, Input(2), Dense(3))
	before := n.params[0].Value.Clone()
	if err := n.fill(map[string]*Matrix{"0.weight": NewMatrix(2, 3), "0.bias": NewMatrix(3, 1)}); err == nil {
		t.Error("no error for a wrong shape")
	}
	if !bitsEqual(before.Data, n.params[0].Value.Data) {
		t.Error("fill with an error changed a parameter")
	}
	w := &n.params[0].Value.Data[0]
	if err := n.fill(map[string]*Matrix{"0.weight": NewMatrix(2, 3).Fill(5), "0.bias": NewMatrix(1, 3).Fill(6)}); err != nil {
		t.Fatal(err)
	}
	if y := n.Predict(NewMatrix(1, 2, 1, 1)); y.Data[0] != 16 || *w != 5 {
		t.Errorf("after fill, prediction %v and first weight %v, want 16 and 5", y.Data[0], *w)
	}
}

// With rng nil the layers have shapes and no memory.
func TestBuildShapesOnly(t *testing.T) {
	ls := Layers{PReLU().WithPerChannel(), Dense(20000), ReLU, Dense(20000), Residual(Dense(20000))}
	var out Shape
	var err error
	if used := allocated(func() { out, err = ls.Build(Shape{50000}, nil) }); used > 1<<17 {
		t.Errorf("Build without rng allocates %d bytes", used)
	}
	if err != nil || !slices.Equal(out, Shape{20000}) {
		t.Errorf("Build = %v, %v", out, err)
	}
}

func TestClone(t *testing.T) {
	n := variety()
	n.params[0].Frozen, n.params[1].Stat, n.params[2].NoDecay = true, true, !n.params[2].NoDecay
	n.params[0].Grad = NewMatrix(5, 2)
	c := n.Clone()
	x := indices(3, 6, 5)
	want := n.Predict(x)
	if got := c.Predict(x); !bitsEqual(got.Data, want.Data) {
		t.Errorf("the clone predicts\n%v, want\n%v", got, want)
	}
	if c.String() != n.String() {
		t.Errorf("the clone is\n%v, want\n%v", c, n)
	}
	for i, q := range c.params {
		p := n.params[i]
		if q.Frozen != p.Frozen || q.Stat != p.Stat || q.NoDecay != p.NoDecay || q.Grad != nil {
			t.Errorf("parameter %+v, want %+v", q, p)
		}
		q.Value.Fill(7)
	}
	if got := n.Predict(x); !bitsEqual(got.Data, want.Data) {
		t.Error("changing the clone changes the network")
	}
}

type zeroSource struct{}

func (zeroSource) Uint64() uint64 { return 0 }

func TestCloneSource(t *testing.T) {
	for _, src := range []rand.Source{rand.NewPCG(1, 2), rand.NewChaCha8([32]byte{5})} {
		n := New(src, Input(2), Dense(2))
		c := n.Clone()
		a, b := n.rng.Uint64(), n.rng.Uint64()
		if x, y := c.rng.Uint64(), c.src.Uint64(); x != a || y != b {
			t.Errorf("%T: the clone draws %x, %x, want %x, %x", src, x, y, a, b)
		}
	}
	c := New(zeroSource{}, Input(2), Dense(2)).Clone()
	if x, want := c.rng.Uint64(), rand.NewPCG(0, 0).Uint64(); x != want {
		t.Errorf("other source: the clone draws %x, want %x", x, want)
	}
}

func TestClonePanics(t *testing.T) {
	for _, c := range []struct {
		layer Layer
		want  string
	}{
		{unknownLayer{}, "nn: Clone: layer 0: type nn.unknownLayer is not registered; see Register"},
		{&badLayer{Inner: Tanh}, "nn: Clone: layer 0: test.bad: json: cannot unmarshal"},
		{&badLayer{}, "nn: Clone: layer 0: build fails"},
		{&badLayer{}, "nn: Clone: layers of the network were built again"},
	} {
		n := New(nil, Input(2), c.layer)
		if l, ok := c.layer.(*badLayer); ok && l.Inner == nil {
			l.Fault = "error" // after it was built
			if strings.Contains(c.want, "again") {
				l.Fault = "more"
			}
		}
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.HasPrefix(r, c.want) {
					t.Errorf("panic %q, want %q", r, c.want)
				}
			}()
			n.Clone()
		}()
	}
}

func TestRegisterPanics(t *testing.T) {
	for _, c := range []struct {
		name string
		make func() Layer
		want string
	}{
		{"", func() Layer { return unknownLayer{} }, "nn: Register: the name is empty"},
		{"x", nil, `nn: Register: make of "x" is nil`},
		{"x", func() Layer { return nil }, `nn: Register: make of "x" returns nil`},
		{"x", func() Layer { return (*gainLayer)(nil) }, `nn: Register: make of "x" returns nil`},
		{"Dense", func() Layer { return unknownLayer{} }, `nn: Register: the name "Dense" is taken by *nn.DenseLayer`},
		{"x", func() Layer { return Dense(1) }, `nn: Register: *nn.DenseLayer is registered as "Dense" already`},
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); r != c.want {
					t.Errorf("Register(%q) panics %q, want %q", c.name, r, c.want)
				}
			}()
			Register(c.name, c.make)
		}()
	}
	if makers["x"] != nil || makers[""] != nil {
		t.Error("a panic left a registration")
	}
}

// Layers within a struct that is no layer marshal too.
func TestLayersJSON(t *testing.T) {
	type plan struct {
		Name string
		Net  Layers
	}
	text, err := json.Marshal(plan{"p", Layers{Dense(3), Tanh, Layers{}}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Name":"p","Net":[{"layer":"Dense","config":{"Out":3}},{"layer":"Activation","config":"Tanh"},{"layer":"Layers","config":[]}]}`
	if string(text) != want {
		t.Errorf("JSON is %s, want %s", text, want)
	}
	var p plan
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Net) != 3 || p.Net[0].(*DenseLayer).Out != 3 || p.Net[1] != Tanh || len(p.Net[2].(Layers)) != 0 {
		t.Errorf("read %v", p)
	}
	if text, err := json.Marshal(Layers(nil)); string(text) != "[]" || err != nil {
		t.Errorf("no layers: %s, %v", text, err)
	}
	if _, err := json.Marshal(Layers{nil}); err == nil || !strings.Contains(err.Error(), "type <nil> is not registered") {
		t.Errorf("nil layer: %v", err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSaveFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "net.safetensors")
	n := New(nil, Input(2), Dense(3))
	if err := n.SaveFile(name); err != nil {
		t.Fatal(err)
	}
	m, err := LoadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, m), saved(t, n)) {
		t.Error("the loaded network differs")
	}

	// The file is as readable as one made by os.Create.
	other, err := os.Create(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	if got, want := mode(t, name), mode(t, other.Name()); got != want {
		t.Errorf("permissions of a new file are %v, want %v", got, want)
	}

	// A file that exists is replaced and keeps its permissions.
	if err := os.Chmod(name, 0o606); err != nil {
		t.Fatal(err)
	}
	want := mode(t, name)
	n.params[0].Value.Fill(8)
	if err := n.SaveFile(name); err != nil {
		t.Fatal(err)
	}
	if m, err = LoadFile(name); err != nil || m.params[0].Value.Data[0] != 8 {
		t.Errorf("replaced file: %v, %v", m, err)
	}
	if got := mode(t, name); got != want {
		t.Errorf("permissions of the replaced file are %v, want %v", got, want)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"net.safetensors", "other"}) {
		t.Errorf("files: %q", got)
	}
}

func mode(t *testing.T, name string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

// Whatever goes wrong, the old file stays and no other file is left.
func TestSaveFileErrors(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "net")
	if err := os.WriteFile(name, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	check := func(what string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want …%s…", what, err, want)
		}
		if b, err := os.ReadFile(name); string(b) != "old" || err != nil {
			t.Errorf("%s: the file holds %q, %v", what, b, err)
		}
		if got := files(t, dir); !slices.Equal(got, []string{"net"}) {
			t.Errorf("%s: files %q", what, got)
		}
	}
	check("unregistered layer", New(nil, Input(2), unknownLayer{}).SaveFile(name), "nn: SaveFile: layer 0: type nn.unknownLayer is not registered")

	fault := errors.New("fault")
	check("writer", writeFile(name, func(w io.Writer) error {
		w.Write(make([]byte, 100000))
		return fault
	}), "fault")
	check("closed", writeFile(name, func(w io.Writer) error { return w.(io.Closer).Close() }), "file already closed")
	func() {
		defer func() { check("panic", fmt.Errorf("%v", recover()), "boo") }()
		writeFile(name, func(io.Writer) error { panic("boo") })
	}()

	err := New(nil, Input(2)).SaveFile(filepath.Join(dir, "missing", "net"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want ErrNotExist", err)
	}
	check("missing directory", err, "nn: SaveFile: ")
	check("directory", New(nil, Input(2)).SaveFile(dir), "is not a regular file")

	// The target turns into a directory while the file is written.
	sub := filepath.Join(t.TempDir(), "sub")
	err = writeFile(sub, func(io.Writer) error { return os.Mkdir(sub, 0o777) })
	if err == nil {
		t.Error("no error for a rename to a directory")
	}
	if got := files(t, filepath.Dir(sub)); !slices.Equal(got, []string{"sub"}) {
		t.Errorf("files %q", got)
	}
}

func TestSaveFileLink(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "net"), filepath.Join(dir, "link")
	if err := os.WriteFile(name, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("net", link); err != nil {
		t.Skip(err)
	}
	if err := New(nil, Input(2)).SaveFile(link); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadFile(name); err != nil {
		t.Error(err)
	}
	if s, err := os.Readlink(link); s != "net" || err != nil {
		t.Errorf("the link is %q, %v", s, err)
	}
}

func TestLoadFileErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadFile(filepath.Join(dir, "missing"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "nn: LoadFile: ") {
		t.Errorf("error %v, want ErrNotExist", err)
	}
	name := filepath.Join(dir, "bad")
	if err := os.WriteFile(name, []byte("bad"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = LoadFile(name)
	if e := FormatError(""); !errors.As(err, &e) || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v, want a FormatError with the file's name", err)
	}
	if _, err := LoadFile(dir); err == nil {
		t.Error("no error for a directory")
	}
}
