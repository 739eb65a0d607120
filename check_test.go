package nn

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
)

// gain is the layer y = g ⊙ x with one mistake at a time, which TestLayer must
// find. Without a mistake it passes.
type gain struct {
	Power   float64 // saved
	mistake string
	g       *Param
	hidden  float64 // not saved
}

func init() { Register("gain", func() Layer { return &gain{hidden: 1} }) }

func (l *gain) Build(in Shape, _ *rand.Rand) (Shape, error) {
	l.g = NewParam("gain", 1, in.Size())
	l.g.Value.Fill(1)
	if l.mistake == "shape" {
		return Shape{in.Size() + 1}, nil
	}
	return in, nil
}

func (l *gain) Params() []*Param {
	switch l.mistake {
	case "params":
		return []*Param{NewParam("gain", 1, 1)}
	case "names":
		return []*Param{l.g, l.g}
	}
	return []*Param{l.g}
}

func (l *gain) Forward(p *Pass, x *Matrix) *Matrix {
	switch l.mistake {
	case "input":
		x.Data[0] += 1e-9
	case "push":
		p.Push(x)
	case "parameter":
		l.g.Value.Data[0] += 1e-9
	case "statistic":
		if !p.Training() {
			l.g.Value.Data[0] += 1e-9
		}
	case "memory":
		y := p.raw(x.Rows, x.Cols)
		y.Data[0] += x.Data[0]
		p.Push(x)
		return y
	}
	p.Push(x)
	y := p.New(x.Rows, x.Cols)
	for i := range x.Rows {
		vmul(y.Row(i), x.Row(i), l.g.Value.Data)
	}
	if l.hidden != 1 {
		y.Scale(l.hidden, y)
	}
	return y
}

func (l *gain) Backward(p *Pass, dy *Matrix) *Matrix {
	x, dx := p.Pop(), p.New(dy.Rows, dy.Cols)
	vmul(dx.Data, dy.Data, x.Data)
	switch l.mistake {
	case "pop":
		p.Pop()
	case "dy":
		dy.Data[0] += 1e-9
	case "sets":
		clear(l.g.Grad.Data)
	case "parameter gradient":
		dx.Scale(1.001, dx)
	}
	if l.hidden != 1 {
		dx.Scale(l.hidden, dx)
	}
	vsumrows(l.g.Grad.Data, dx.Data)
	for i := range dx.Rows {
		vmul(dx.Row(i), dy.Row(i), l.g.Value.Data)
	}
	if l.hidden != 1 {
		dx.Scale(l.hidden, dx)
	}
	switch l.mistake {
	case "input gradient":
		dx.Scale(1.001, dx)
	case "one element":
		dx.Data[len(dx.Data)-1] *= 1.001
	case "gradient shape":
		return p.New(1, 1)
	}
	return dx
}

// skipping is a gain with a wrong BackwardParams.
type skipping struct{ gain }

func (s *skipping) BackwardParams(p *Pass, dy *Matrix) { p.Pop() }

func TestTestLayer(t *testing.T) {
	if err := TestLayer(&gain{hidden: 1}, Shape{5}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		layer Layer
		want  string
	}{
		{nil, "the layer is nil"},
		{(*DenseLayer)(nil), "the layer is nil"},
		{&gain{hidden: 1, mistake: "shape"}, "should be 3×6"},
		{&gain{hidden: 1, mistake: "params"}, "other parameters"},
		{&gain{hidden: 1, mistake: "names"}, "named"},
		{&gain{hidden: 1, mistake: "input"}, "changes the batch"},
		{&gain{hidden: 1, mistake: "push"}, "leaves 1 pushed"},
		{&gain{hidden: 1, mistake: "parameter"}, "Forward changes the parameter gain"},
		{&gain{hidden: 1, mistake: "statistic"}, "not in training"},
		{&gain{hidden: 1, mistake: "memory"}, "new Pass"},
		{&gain{hidden: 1, mistake: "pop"}, "Pop"},
		{&gain{hidden: 1, mistake: "dy"}, "changes the gradient dy"},
		{&gain{hidden: 1, mistake: "sets"}, "does not add"},
		{&gain{hidden: 1, mistake: "parameter gradient"}, "gradient of gain"},
		{&gain{hidden: 1, mistake: "input gradient"}, "gradient of the input"},
		{&gain{hidden: 1, mistake: "one element"}, "gradient of the input"},
		{&gain{hidden: 1, mistake: "gradient shape"}, "shape of the input"},
		{&gain{hidden: 2}, "other outputs"},
		{&skipping{gain{hidden: 1}}, "BackwardParams gives gain"},
	} {
		name := "hidden"
		if g, ok := test.layer.(*gain); ok && g.mistake != "" {
			name = g.mistake
		}
		err := TestLayer(test.layer, Shape{5})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%T with the mistake %q: error is %v, want one with %q", test.layer, name, err, test.want)
		}
	}
	for _, in := range []Shape{nil, {0}, {-1, 3}} {
		if err := TestLayer(&gain{hidden: 1}, in); err == nil {
			t.Errorf("TestLayer with input %v: no error", in)
		}
	}
}

// racing has state that its calls share.
type racing struct{ calls atomic.Int64 }

func (r *racing) Build(in Shape, _ *rand.Rand) (Shape, error) { return in, nil }
func (r *racing) Params() []*Param                            { return nil }

func (r *racing) Forward(p *Pass, x *Matrix) *Matrix {
	y := p.New(x.Rows, x.Cols).Copy(x)
	if !p.Training() {
		y.Data[0] += float64(r.calls.Add(1))
	}
	return y
}

func (r *racing) Backward(_ *Pass, dy *Matrix) *Matrix { return dy }

func TestTestLayerConcurrent(t *testing.T) {
	err := TestLayer(new(racing), Shape{2})
	if err == nil || !strings.Contains(err.Error(), "goroutines") {
		t.Errorf("error is %v, want one about goroutines", err)
	}
}

// Every layer passes TestLayer on several shapes.
func TestLayersByGradient(t *testing.T) {
	type shapes = []Shape
	flat := shapes{{1}, {5}, {3, 4}}
	for _, test := range []struct {
		layer Layer
		in    shapes
	}{
		{Dense(1), flat},
		{Dense(7), shapes{{1}, {5}, {3, 4}, {1, 1}, {33}}},
		{Dense(3).WithoutBias(), flat},
		{Flatten(), shapes{{1}, {2, 3, 4}}},
		{Reshape(3, -1), shapes{{3}, {2, 3, 4}}},
		{Dropout(0.5), shapes{{1}, {5}, {2, 3, 4}}},
		{Dropout(0), flat},
		{GaussianNoise(0.3), shapes{{1}, {5}, {2, 3, 4}}},
		{Embedding(4, 3), shapes{{1}, {6}}},
		{Embedding(1, 1), shapes{{1}, {3}}},
		{Embedding(4, 3).WithPadding(2), shapes{{1}, {6}}},
		{Layers{}, flat},
		{Layers{Embedding(5, 2), Flatten(), Dense(3)}, shapes{{4}}},
		{Layers{Dense(4), Tanh, Layers{Dense(3), Sigmoid}}, flat},
		{Residual(), flat},
		{Residual(Dense(5), Tanh), shapes{{5}, {3, 5}}},
		{Residual(Dense(4)).WithShortcut(Dense(4)), flat},
		{Residual(Residual(Dense(5), Tanh), Dense(5)), shapes{{5}}},
		{Concat(Layers{Dense(2)}, Layers{}, Layers{Dense(3), Tanh}), shapes{{1}, {4}}},
		{Concat(Layers{Tanh}, Layers{}), shapes{{3, 4}, {2, 3, 4}}},
		{Concat(Layers{Embedding(4, 2)}, Layers{Embedding(3, 2)}), shapes{{5}}},
	} {
		for _, in := range test.in {
			t.Run(fmt.Sprintf("%s%v", describe(test.layer), in), func(t *testing.T) {
				if err := TestLayer(test.layer, in); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
