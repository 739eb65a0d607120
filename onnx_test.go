package nn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exported returns the network as the reader of the tests reads it.
func exported(t *testing.T, o ONNX, n *Network) *readModel {
	t.Helper()
	var file bytes.Buffer
	if err := o.Write(&file, n); err != nil {
		t.Fatal(err)
	}
	m, err := readONNX(file.Bytes())
	if err == nil {
		err = m.check(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestONNXFile(t *testing.T) {
	n := New(rand.NewPCG(1, 2), Input(1, 6, 5), Conv2D(2, 3), ReLU, Residual(Conv2D(2, 1).WithoutBias()), Flatten(), Dense(3), Softmax())
	for _, o := range []ONNX{{}, {Float64: true}} {
		m := exported(t, o, n)
		kind := onnxFloat
		if o.Float64 {
			kind = onnxDouble
		}
		if m.ir != 8 || m.opset != 17 || m.producer != "nn" || m.name != "nn" {
			t.Errorf("IR version %d, operators %d, producer %q, graph %q", m.ir, m.opset, m.producer, m.name)
		}
		in, out := readValue{"input", kind, []any{"batch", 1, 6, 5}}, readValue{"output", kind, []any{"batch", 3}}
		if fmt.Sprint(m.inputs) != fmt.Sprint([]readValue{in}) || fmt.Sprint(m.outputs) != fmt.Sprint([]readValue{out}) {
			t.Errorf("inputs %v, outputs %v, want %v and %v", m.inputs, m.outputs, in, out)
		}
		if len(m.meta) != 2 || m.meta["nn.input"] != "[1,6,5]" || m.meta["nn.output"] != "[3]" {
			t.Errorf("metadata %v", m.meta)
		}
		// Parameters have their names and, whatever their shape, their values.
		for _, q := range n.Params() {
			a := m.weights[q.Name]
			if a == nil || a.kind != kind || len(a.data) != len(q.Value.Data) {
				t.Errorf("%s is %v", q.Name, a)
				continue
			}
			for i, v := range q.Value.Data {
				if !o.Float64 {
					v = float64(float32(v))
				}
				if a.data[i] != v {
					t.Errorf("%s[%d] is %v, want %v", q.Name, i, a.data[i], v)
					break
				}
			}
		}
	}
	n.Classes, n.Meta = []string{"a", "b", "c"}, map[string]string{"source": "test"}
	if m := exported(t, ONNX{}, n); len(m.meta) != 4 || m.meta["nn.classes"] != `["a","b","c"]` || m.meta["source"] != "test" {
		t.Errorf("metadata %v", m.meta)
	}
	n.Meta["source"] = "\xff"
	if err := n.WriteONNX(io.Discard); err == nil || !strings.Contains(err.Error(), "not valid UTF-8") {
		t.Errorf("metadata that are not UTF-8: %v", err)
	}
	n.Meta = nil
	// What a runtime shows of the graph.
	var text []string
	for _, node := range exported(t, ONNX{}, n).nodes {
		text = append(text, fmt.Sprintf("%s = %s(%s)", strings.Join(node.outputs, ", "), node.op, strings.Join(node.inputs, ", ")))
	}
	want := []string{
		"0/Conv = Conv(input, 0.weight, 0.bias)",
		"1/Relu = Relu(0/Conv)",
		"2.body.0/Conv = Conv(1/Relu, 2.body.0.weight)",
		"2/Add = Add(1/Relu, 2.body.0/Conv)",
		"3/Flatten = Flatten(2/Add)",
		"4/Gemm = Gemm(3/Flatten, 4.weight, 4.bias)",
		"output = Softmax(4/Gemm)",
	}
	if !slices.Equal(text, want) {
		t.Errorf("nodes\n%s\nwant\n%s", strings.Join(text, "\n"), strings.Join(want, "\n"))
	}
}

// A network that begins with a layer of indices takes integers.
func TestONNXIndices(t *testing.T) {
	for _, c := range []struct {
		layers Layers
		kind   int
	}{
		{Layers{Embedding(5, 2)}, onnxInt64},
		{Layers{Layers{Residual(Embedding(5, 1), Flatten())}}, onnxInt64},
		{Layers{&onnxIndex{}}, onnxInt64},
		{Layers{Flatten(), Embedding(5, 2)}, onnxDouble},
		{Layers{Dense(2)}, onnxDouble},
	} {
		m := exported(t, ONNX{Float64: true}, New(nil, Input(3), c.layers...))
		if m.inputs[0].kind != c.kind || m.outputs[0].kind != onnxDouble {
			t.Errorf("%s: input of type %d, want %d; output of type %d", describeList(c.layers), m.inputs[0].kind, c.kind, m.outputs[0].kind)
		}
	}
}

func TestONNXBytes(t *testing.T) {
	n := New(rand.NewPCG(1, 2), Input(5, 4), Padding(), GRU(3), Attention(1), BatchNorm(), Flatten(), Dense(2))
	var a, b, c bytes.Buffer
	for w, err := range map[*bytes.Buffer]error{&a: n.WriteONNX(&a), &b: ONNX{}.Write(&b, n.Clone()), &c: ONNX{Float64: true}.Write(&c, n)} {
		if err != nil || w.Len() == 0 {
			t.Fatalf("%d bytes, %v", w.Len(), err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("equal networks give different bytes")
	}
	dir := t.TempDir()
	for name, want := range map[string]*bytes.Buffer{"a": &a, "c": &c} {
		name = filepath.Join(dir, name)
		err := n.WriteONNXFile(name)
		if want == &c {
			err = ONNX{Float64: true}.WriteFile(name, n)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("the file has other bytes, %v", err)
		}
	}
}

// onnxFaulty exports itself in a wrong way.
type onnxFaulty struct {
	passLayer
	export func(g *ONNXGraph, x string, in Shape) (string, Shape, error)
}

func (l *onnxFaulty) ExportONNX(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
	return l.export(g, x, in)
}

// onnxDerived computes something else than the layer in it.
type onnxDerived struct{ *DenseLayer }

func (l onnxDerived) Forward(p *Pass, x *Matrix) *Matrix { return l.DenseLayer.Forward(p, x) }

func faulty(op string) *onnxFaulty {
	return &onnxFaulty{export: func(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
		return g.Node(op, nil, x), in, nil
	}}
}

func TestONNXErrors(t *testing.T) {
	fault := errors.New("no such thing")
	huge := func() *Network { // 3.6 GB, of which nothing is in memory
		n, err := newNetwork(rand.NewPCG(0, 0), Input(30000), Layers{Dense(30000)}, false)
		if err != nil {
			t.Fatal(err)
		}
		n.sizes = nil // that nothing is there is no fault here
		return n
	}
	large := New(nil, Input(2), Dense(1))
	large.params[1].Value.Data[0] = -1e39
	for _, c := range []struct {
		net  *Network
		o    ONNX
		want string // "": no error
	}{
		{New(nil, Input(2), Dense(2), unknownLayer{}), ONNX{}, "layer 1, unknown() of type nn.unknownLayer: the type has no method ExportONNX; see ONNXLayer"},
		{New(nil, Input(2), onnxDerived{Dense(2)}), ONNX{}, "of type nn.onnxDerived: the type has no method"},
		{New(nil, Input(2), Residual(Tanh, Concat(Layers{Layers{Dense(2), unknownLayer{}}}))), ONNX{}, "layer 0.body.1.0.0.1, unknown() of type nn.unknownLayer: "},
		{New(nil, Input(2), Residual(Tanh).WithShortcut(unknownLayer{})), ONNX{}, "layer 0.shortcut.0, unknown() of"},
		{New(nil, Input(2, 2), Bidirectional(unknownLayer{}, Tanh)), ONNX{}, "layer 0.ahead.0, unknown() of"},
		{New(nil, Input(2, 2), Bidirectional(Tanh, unknownLayer{})), ONNX{}, "layer 0.back.0, unknown() of"},
		{New(nil, Input(2), &onnxBlock{blockLayer{Body: Layers{unknownLayer{}}}}), ONNX{}, "layer 0.0, unknown() of"},
		{New(nil, Input(2), &onnxFaulty{export: func(*ONNXGraph, string, Shape) (string, Shape, error) { return "", nil, fault }}), ONNX{}, "layer 0, onnxFaulty() of type *nn.onnxFaulty: no such thing"},
		{New(nil, Input(2), &onnxFaulty{export: func(_ *ONNXGraph, _ string, in Shape) (string, Shape, error) { return "y", in, nil }}), ONNX{}, `returns "y", which is no value`},
		{New(nil, Input(2), &onnxFaulty{export: func(_ *ONNXGraph, x string, in Shape) (string, Shape, error) { return x, Shape{1, 2}, nil }}), ONNX{}, "returns the shape (1, 2); Build returned (2)"},
		{New(nil, Input(2), faulty("Erf")), ONNX{}, ""},
		{New(nil, Input(2), Tanh, faulty("Erf")), ONNX{Float64: true}, "layer 1, onnxFaulty() of type *nn.onnxFaulty: ONNX Runtime computes Erf in float32 only"},
		{New(nil, Input(2), Tanh, Residual(faulty("Erf"))), ONNX{Float64: true}, "layer 1.body.0, onnxFaulty() of"},
		{New(nil, Input(4, 2), Padding(), Steps(0, 2), MeanSteps()), ONNX{}, ""},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), MeanSteps()), ONNX{}, "layer 2, MeanSteps() of type *nn.MeanStepsLayer: input has 2 steps, and Padding before it saw 4"},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), Last()), ONNX{}, "layer 2, Last()"},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), RNN(2)), ONNX{}, "layer 2, RNN(2)"},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), LSTM(2)), ONNX{}, "layer 2, LSTM(2)"},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), GRU(2)), ONNX{}, "layer 2, GRU(2)"},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), Attention(2)), ONNX{}, "layer 2, Attention(2)"},
		{New(nil, Input(4, 2), Padding(), Reshape(2, 4), Bidirectional(Tanh, Tanh)), ONNX{}, "layer 2, Bidirectional("},
		{large, ONNX{}, `tensor "0.bias": -1e+39 is too large for a float32`},
		{large, ONNX{Float64: true}, ""},
		{huge(), ONNX{}, "the file would have 3600120"},
		{huge(), ONNX{Float64: true}, "the file would have 7200240"},
	} {
		var file bytes.Buffer
		err := c.o.Write(&file, c.net)
		if c.want == "" && err == nil {
			continue
		}
		if c.want == "" || err == nil || !strings.Contains(err.Error(), "nn: WriteONNX: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want …%s…", err, c.want)
		}
		if file.Len() > 0 {
			t.Errorf("%d bytes before the error %v", file.Len(), err)
		}
	}
	err := New(nil, Input(2), &onnxFaulty{export: func(*ONNXGraph, string, Shape) (string, Shape, error) { return "", nil, fault }}).WriteONNX(new(bytes.Buffer))
	if !errors.Is(err, fault) {
		t.Errorf("%v does not wrap its cause", err)
	}

	// Whatever goes wrong, an old file stays.
	name := filepath.Join(t.TempDir(), "net")
	if err := os.WriteFile(name, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Network{large, New(nil, Input(2), unknownLayer{})} {
		if err := n.WriteONNXFile(name); err == nil || !strings.HasPrefix(err.Error(), "nn: WriteONNXFile: ") {
			t.Errorf("error %v", err)
		}
		if b, err := os.ReadFile(name); string(b) != "old" || err != nil {
			t.Errorf("the file holds %q, %v", b, err)
		}
	}
	l := Dense(2)
	n := New(nil, Input(2), l)
	l.Build(Shape{2}, nil)
	wantPanic(t, "nn: WriteONNX: layers of the network were built again", func() { n.WriteONNX(new(bytes.Buffer)) })
}

// Infinite and undefined weights are written as they are.
func TestONNXSpecialValues(t *testing.T) {
	n := New(nil, Input(3), PReLU().WithPerChannel())
	values := []float64{math.Inf(1), math.Inf(-1), math.NaN()}
	copy(n.params[0].Value.Data, values)
	for _, o := range []ONNX{{}, {Float64: true}} {
		if got := exported(t, o, n).weights["0.slope"].data; fmt.Sprint(got) != fmt.Sprint(values) {
			t.Errorf("weights %v, want %v", got, values)
		}
	}
}

// A writer that fails, wherever that is, gives its error.
func TestONNXWriter(t *testing.T) {
	n := New(nil, Input(300), Dense(300), Dense(2))
	var file bytes.Buffer
	if err := n.WriteONNX(&file); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("disk full")
	for room := 0; room < file.Len(); room += 1 + file.Len()/50 {
		if err := n.WriteONNX(&fullWriter{room, fault}); !errors.Is(err, fault) {
			t.Fatalf("with room for %d bytes: error %v", room, err)
		}
	}
}

// A fullWriter has room for some bytes.
type fullWriter struct {
	room int
	err  error
}

func (w *fullWriter) Write(b []byte) (int, error) {
	n := min(len(b), w.room)
	w.room -= n
	if n < len(b) {
		return n, w.err
	}
	return n, nil
}

// The graph that a layer of one's own sees.
func TestONNXGraph(t *testing.T) {
	var g *ONNXGraph
	seen := func(net func(*onnxFaulty) *Network, export func(x string, in Shape)) {
		t.Helper()
		l := &onnxFaulty{export: func(graph *ONNXGraph, x string, in Shape) (string, Shape, error) {
			g = graph
			export(x, in)
			return x, in, nil
		}}
		if err := net(l).WriteONNX(new(bytes.Buffer)); err != nil {
			t.Fatal(err)
		}
	}
	first := func(l *onnxFaulty) *Network { return New(nil, Input(2, 3), l) }

	seen(first, func(x string, in Shape) {
		if x != "input" || !slices.Equal(in, Shape{2, 3}) || g.Float64() {
			t.Errorf("input %q, %v, float64 %v", x, in, g.Float64())
		}
		y := g.Node("Split", attrs{"axis": 1}, x)
		z := g.Node("Split", attrs{"axis": 1}, y)
		if y != "0/Split" || z != "0/Split_1" {
			t.Errorf("outputs %q and %q", y, z)
		}
		q := NewParam("0.gain", 2, 3)
		if a, b := g.Weight(q), g.Weight(q, 3, 2, 1); a != "0.gain" || b != "0.gain_1" {
			t.Errorf("weights %q and %q", a, b)
		}
		a := []string{g.Scalar(2), g.Ints(1, 2), g.Ints(), g.Const(NewTensor(NewMatrix(2, 3), 3, 1, 2)), g.Const(NewTensor(NewMatrix(2, 3)))}
		if !slices.Equal(a, []string{"0/const", "0/const_1", "0/const_2", "0/const_3", "0/const_4"}) {
			t.Errorf("constants %q", a)
		}
		for i, want := range [][]int{{}, {2}, {0}, {3, 1, 2}, {2, 3}} {
			if got := g.tensors[len(g.tensors)-5+i].dims; !slices.Equal(got, want) {
				t.Errorf("constant %d has the shape %v, want %v", i, got, want)
			}
		}

		wantPanic(t, `nn: ONNX: Mul: there is no value "w"`, func() { g.Node("Mul", nil, x, "w") })
		wantPanic(t, "nn: ONNX: Node: the operator has no name", func() { g.Node("", nil, x) })
		wantPanic(t, "nn: ONNX: attribute alpha is a float32; it must be", func() { g.Node("Elu", attrs{"alpha": float32(1)}, x) })
		wantPanic(t, `nn: ONNX: Weight: "0.gain" is 2×3; it can't have the shape (2, 2)`, func() { g.Weight(q, 2, 2) })
		wantPanic(t, "it can't have the shape (-2, -3)", func() { g.Weight(q, -2, -3) })
		wantPanic(t, `nn: ONNX: tensor "const" has the shape () and 0 values`, func() { g.Const(Tensor{}) })
		wantPanic(t, `nn: ONNX: tensor "const" has the shape (7) and 6 values`, func() { g.Const(Tensor{Shape{7}, NewMatrix(2, 3)}) })
	})

	// Attributes of all types, as they are read again; what was given may change.
	axes, inputs := []int{1, -2}, []string{"input", ""}
	l := &onnxFaulty{export: func(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
		y := g.Node("Test", attrs{"i": -3, "f": 0.5, "s": "text", "is": axes, "fs": []float64{1, 0.25}, "ss": []string{"a", ""}}, inputs...)
		axes[0], inputs[0] = 7, "x"
		return y, in, nil
	}}
	m := exported(t, ONNX{}, New(nil, Input(2), l))
	want := attrs{"i": -3, "f": 0.5, "s": "text", "is": []int{1, -2}, "fs": []float64{1, 0.25}, "ss": []string{"a", ""}}
	if got := m.nodes[0]; fmt.Sprint(got.attrs) != fmt.Sprint(want) || !slices.Equal(got.inputs, []string{"input", ""}) {
		t.Errorf("node %v, want attributes %v", got, want)
	}
}

// The name of a value is new even if a layer's parameters are named like it.
func TestONNXNames(t *testing.T) {
	g := &ONNXGraph{names: map[string]int{}}
	var got []string
	for _, s := range []string{"a", "a_1", "a", "a", "a_1", "a_3", "a"} {
		got = append(got, g.unique(s))
	}
	want := []string{"a", "a_1", "a_2", "a_3", "a_1_1", "a_3_1", "a_4"}
	if !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
}
