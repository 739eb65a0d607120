package nn

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// panicText returns what f panics with, "" if it does not.
func panicText(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

// wantPanic checks that f panics with a text that contains want.
func wantPanic(t *testing.T, want string, f func()) {
	t.Helper()
	if got := panicText(f); got == "" || !strings.Contains(got, want) {
		t.Errorf("panics with %q, want a text with %q", got, want)
	}
}

// randomMatrix returns a matrix of normal numbers.
func randomMatrix(rng *rand.Rand, rows, cols int) *Matrix {
	m := NewMatrix(rows, cols)
	for i := range m.Data {
		m.Data[i] = normal(rng)
	}
	return m
}

func testRand() *rand.Rand { return rand.New(rand.NewPCG(7, 8)) }

func xorData() Dataset {
	return Dataset{
		X: NewMatrix(4, 2, 0, 0, 0, 1, 1, 0, 1, 1),
		Y: NewMatrix(4, 1, 0, 1, 1, 0),
	}
}

// mixedNet has several kinds of layers, and targets of three classes.
func mixedNet() *Network {
	return New(rand.NewPCG(1, 2), Input(6),
		Dense(8), ReLU,
		Residual(Dense(8), Tanh, Dropout(0.1)),
		Concat(Layers{Dense(4), Sigmoid}, Layers{}),
		Dense(3), Softmax())
}

func mixedData(n int) Dataset {
	rng := testRand()
	d := Dataset{X: randomMatrix(rng, n, 6), Y: NewMatrix(n, 1)}
	for i := range n {
		d.Y.Data[i] = float64(d.X.ArgMax(i) % 3)
	}
	return d
}

func TestNew(t *testing.T) {
	n := New(nil, Input(1, 4, 4), Flatten(), Dense(5), ReLU, Dense(2).WithoutBias())
	if got, want := fmt.Sprint(n.In(), n.Out(), len(n.Layers())), "(1, 4, 4) (2) 4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var names []string
	for _, q := range n.Params() {
		names = append(names, q.Name)
	}
	if got, want := strings.Join(names, " "), "1.weight 1.bias 3.weight"; got != want {
		t.Errorf("parameters %s, want %s", got, want)
	}
	same := New(rand.NewPCG(0, 0), Input(1, 4, 4), Flatten(), Dense(5), ReLU, Dense(2).WithoutBias())
	for i, q := range n.Params() {
		if !sameBits(q.Value.Data, same.Params()[i].Value.Data) {
			t.Errorf("%s: a nil source is not rand.NewPCG(0, 0)", q.Name)
		}
	}
	if x := randomMatrix(testRand(), 3, 5); !sameBits(New(nil, Input(5)).Predict(x).Data, x.Data) {
		t.Error("a network without layers is not the identity")
	}
}

func TestNewPanics(t *testing.T) {
	d := Dense(3)
	drop := Dropout(0.5)
	for _, test := range []struct {
		want   string
		in     Shape
		layers []Layer
	}{
		{"nn: New: layer 0: Dense(10): input is (1, 28, 28); put Flatten before it", Input(1, 28, 28), []Layer{Dense(10)}},
		{"layer 1: Dense(-1): the number of outputs must be positive", Input(3), []Layer{ReLU, Dense(-1)}},
		{"has no dimension", Input(), []Layer{Dense(1)}},
		{"dimensions must be positive", Input(0), []Layer{Dense(1)}},
		{"dimensions must be positive", Input(1<<20, 1<<20), []Layer{Flatten()}},
		{"dimensions must be positive", Input(1 << 20), []Layer{Dense(1 << 20)}},
		{"Dense(3) occurs twice", Input(3), []Layer{d, d}},
		{"occurs twice", Input(3), []Layer{Residual(Layers{d}), d}},
		{"occurs twice", Input(3), []Layer{Concat(Layers{drop}, Layers{drop})}},
		{"layer 1 is nil", Input(3), []Layer{ReLU, nil}},
		{"layer 1 is nil", Input(3), []Layer{ReLU, (*DenseLayer)(nil)}},
		{"layer 0 is nil", Input(3), []Layer{(*ResidualLayer)(nil)}},
		{"layer 0 is nil", Input(3), []Layer{(*FlattenLayer)(nil)}},
		{"layer 0: Bidirectional: back: layer 0 is nil", Input(3, 3), []Layer{Bidirectional(GRU(2), (*GRULayer)(nil))}},
		{"body gives (4) and shortcut (3)", Input(3), []Layer{Residual(Dense(4))}},
		{"Residual: body: layer 0: Dense(0)", Input(3), []Layer{Residual(Dense(0))}},
		{"Residual: shortcut: layer 0: Dense(0)", Input(3), []Layer{Residual().WithShortcut(Dense(0))}},
		{"no branches", Input(3), []Layer{Concat()}},
		{"branch 1: layer 0: Dense(0)", Input(3), []Layer{Concat(Layers{}, Layers{Dense(0)})}},
		{"branch 0 gives (2, 3) and branch 1 (2, 4); all", Input(2, 3), []Layer{Concat(Layers{}, Layers{Dense(4)})}},
		{"Concat: branch 1: shape (2147483648)", Input(1 << 30), []Layer{Concat(Layers{}, Layers{})}},
		{"of another size", Input(7), []Layer{Reshape(2, -1)}},
		{"dimensions must be positive", Input(7), []Layer{Reshape(0, 7)}},
		{"dimensions must be positive", Input(7), []Layer{Reshape(-1, -1)}},
		{"it must be (steps)", Input(2, 3), []Layer{Embedding(3, 3)}},
		{"Embedding(0, 3)", Input(2), []Layer{Embedding(0, 3)}},
		{"padding is 3", Input(2), []Layer{Embedding(3, 3).WithPadding(3)}},
		{"Embedding(2, 2147483647)", Input(2), []Layer{Embedding(2, 1<<31-1)}},
		{"layer 2, Embedding(3, 3), takes indices", Input(2), []Layer{Dense(2), ReLU, Embedding(3, 3)}},
		{"Dropout: rate is 1", Input(2), []Layer{&DropoutLayer{1}}},
	} {
		wantPanic(t, test.want, func() { New(nil, test.in, test.layers...) })
	}
	wantPanic(t, "nn: Dropout: rate is 1", func() { Dropout(1) })
	wantPanic(t, "nn: GaussianNoise: standard deviation is -1", func() { GaussianNoise(-1) })
	used := New(nil, Input(3), d)
	wantPanic(t, "Dense(3) is part of another network", func() { New(nil, Input(3), d) })
	wantPanic(t, "is part of another network", func() { New(nil, Input(3), Residual(used.Layers()...)) })
	if err := TestLayer(d, Shape{3}); err == nil || !strings.Contains(err.Error(), "part of a network") {
		t.Errorf("TestLayer of a layer of a network: %v", err)
	}
	copies := used.Layers().Clone()
	if New(nil, Input(4), copies...); d.in != 3 {
		t.Error("Clone of the layers shares them")
	}
	d.Build(Shape{5}, nil) // behind the back of its network
	wantPanic(t, "built again", func() { (&Trainer{Net: used}).Step(NewMatrix(1, 3), NewMatrix(1, 3)) })
	wantPanic(t, "built again", func() { used.Clone() })
	wantPanic(t, "not registered", func() { Layers{short{}}.Clone() })
	// Layers without fields have no state: one pointer may serve twice.
	New(nil, Input(3), Flatten(), Flatten(), Tanh, Tanh)
}

// twoLists has two lists of layers whose parameters have equal names.
type twoLists struct{ A, B Layers }

func (l *twoLists) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if _, err := l.A.Build(in, rng); err != nil {
		return nil, err
	}
	return l.B.Build(in, rng)
}
func (l *twoLists) Params() []*Param                     { return append(l.A.Params(), l.B.Params()...) }
func (l *twoLists) Forward(p *Pass, x *Matrix) *Matrix   { return l.B.Forward(p, l.A.Forward(p, x)) }
func (l *twoLists) Backward(p *Pass, dy *Matrix) *Matrix { return l.A.Backward(p, l.B.Backward(p, dy)) }

func TestNewParamNames(t *testing.T) {
	wantPanic(t, `two parameters are named "0.0.weight"`, func() {
		New(nil, Input(2), &twoLists{Layers{Dense(2)}, Layers{Dense(2)}})
	})
}

func TestPredict(t *testing.T) {
	n := mixedNet()
	x := randomMatrix(testRand(), 2500, 6) // more than one portion
	y := n.Predict(x)
	if y.Rows != 2500 || y.Cols != 3 {
		t.Fatalf("Predict gives %d×%d, want 2500×3", y.Rows, y.Cols)
	}
	for _, i := range []int{0, 1, 1023, 1024, 2499} {
		if one := n.Predict(x.RowRange(i, i+1)); !sameBits(one.Data, y.Row(i)) {
			t.Errorf("sample %d alone gives %v, among others %v", i, one.Data, y.Row(i))
		}
	}
	dst := NewMatrix(7, 7)
	if got := n.PredictTo(dst, x); got != dst || !sameBits(dst.Data, y.Data) {
		t.Error("PredictTo differs from Predict")
	}
	if y := n.Predict(NewMatrix(0, 6)); y.Rows != 0 || y.Cols != 3 {
		t.Errorf("Predict of no samples gives %d×%d, want 0×3", y.Rows, y.Cols)
	}
	wantPanic(t, "nn: Predict: x is nil", func() { n.Predict(nil) })
	wantPanic(t, "nn: Predict: a 2×6 matrix has 5 values", func() { n.Predict(&Matrix{2, 6, make([]float64, 5)}) })
	wantPanic(t, "nn: Predict: the layers return 1×1", func() { New(nil, Input(2), short{}).Predict(NewMatrix(3, 2)) })
	wantPanic(t, "nn: Predict: dst overlaps x", func() { n.PredictTo(x, x) })
	wantPanic(t, "nn: Predict: x is 2×5; the network's input is (6), 6 columns", func() { n.Predict(NewMatrix(2, 5)) })
}

func TestPrefix(t *testing.T) {
	n := mixedNet()
	x := randomMatrix(testRand(), 5, 6)
	for k := range len(n.layers) + 1 {
		p := n.Prefix(k)
		y := p.Predict(x)
		rest := y
		for _, l := range n.layers[k:] {
			rest = predict(l, rest)
		}
		if !sameBits(rest.Data, n.Predict(x).Data) {
			t.Errorf("the first %d layers and the others give something else than all", k)
		}
		if k > 0 && p.String() == "" {
			t.Error("no table")
		}
	}
	wantPanic(t, "nn: Prefix: 9 layers of 6", func() { n.Prefix(9) })
	out := n.Out()
	out[0] = 77
	if n.Out()[0] != 3 {
		t.Error("Out gives away the network's own shape")
	}
}

// Layers that are not built say so.
func TestNotBuilt(t *testing.T) {
	for _, l := range []Layer{Dense(3), Embedding(3, 3), PReLU(), Softmax()} {
		wantPanic(t, "not built; give it to New", func() { l.Forward(new(Pass), NewMatrix(1, 3)) })
		if ps := l.Params(); ps != nil {
			t.Errorf("%s has the parameters %v before it is built", describe(l), ps)
		}
	}
}

func TestPredictConcurrently(t *testing.T) {
	n := mixedNet()
	x := randomMatrix(testRand(), 9, 6)
	want := n.Predict(x)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			y := new(Matrix)
			for range 200 {
				if !sameBits(n.PredictTo(y, x).Data, want.Data) {
					t.Error("concurrent Predict gives another result")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestPredictAllocs(t *testing.T) {
	n, x, y := mixedNet(), randomMatrix(testRand(), 9, 6), new(Matrix)
	n.PredictTo(y, x)
	if a := testing.AllocsPerRun(100, func() { n.PredictTo(y, x) }); a != 0 {
		t.Errorf("PredictTo: %v allocations", a)
	}
}

func TestNetworkString(t *testing.T) {
	n := New(nil, Input(1, 28, 28), Flatten(), Dense(128), ReLU, Dropout(0.5), Dense(10).WithoutBias(), Softmax())
	n.Params()[0].Frozen = true
	want := `   layer              output       parameters
   input              (1, 28, 28)
0  Flatten()          (784)        0
1  Dense(128)         (128)        100,480 (100,352 not trained)
2  ReLU               (128)        0
3  Dropout(0.5)       (128)        0
4  Dense(10, NoBias)  (10)         1,280
5  Softmax()          (10)         0
total: 101,760 (100,352 not trained) parameters
`
	if got := n.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDescribe(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		want  string
	}{
		{Dense(3), "Dense(3)"},
		{Tanh, "Tanh"},
		{GaussianNoise(0.25), "GaussianNoise(0.25)"},
		{Embedding(10, 4), "Embedding(10, 4)"},
		{Embedding(10, 4).WithPadding(0), "Embedding(10, 4, Padding=0)"},
		{Reshape(2, 3), "Reshape((2, 3))"},
		{Residual(Dense(3), Tanh), "Residual(Dense(3), Tanh)"},
		{Residual(Dense(3)).WithShortcut(Dense(3)), "Residual(Dense(3), Shortcut=[Dense(3)])"},
		{Conv2D(4, 5).WithKernel(5, 3), "Conv2D(4, 5, KernelW=3)"},
		{Concat(Layers{Dense(3), Tanh}, Layers{}), "Concat([Dense(3), Tanh], [])"},
		{Layers{Dense(3), Tanh}, "[Dense(3), Tanh]"},
		{&gain{Power: 2}, "gain(2)"},
	} {
		if got := describe(test.layer); got != test.want {
			t.Errorf("describe(%T) = %s, want %s", test.layer, got, test.want)
		}
	}
}

// A Network that New did not make, or none, can't do anything.
func TestZeroNetwork(t *testing.T) {
	for op, f := range map[string]func(n *Network){
		"Predict":   func(n *Network) { n.Predict(NewMatrix(2, 1)) },
		"Save":      func(n *Network) { n.Save(io.Discard) },
		"Clone":     func(n *Network) { n.Clone() },
		"Import":    func(n *Network) { n.Import(nil, Mapping{}) },
		"Export":    func(n *Network) { n.Export(Mapping{}) },
		"WriteGo":   func(n *Network) { n.WriteGo(io.Discard, "p", "F") },
		"WriteONNX": func(n *Network) { n.WriteONNX(io.Discard) },
		"Trainer":   func(n *Network) { (&Trainer{Net: n}).Step(NewMatrix(2, 1), NewMatrix(2, 1)) },

		"NewSession": func(n *Network) { NewSession(n) },
	} {
		wantPanic(t, "nn: "+op+": the network was not made by New or Load", func() { f(new(Network)) })
		if op != "Trainer" {
			wantPanic(t, "nn: "+op+": the network is nil", func() { f(nil) })
		}
	}
	wantPanic(t, "nn: Step: the session was not made by NewSession", func() { new(Session).Step(NewMatrix(1, 1)) })
}
