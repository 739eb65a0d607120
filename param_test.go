package nn

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// parameterized are layers with all kinds of parameters, and shapes for them.
var parameterized = []struct {
	in     Shape
	layers func() Layers
}{
	{Shape{4}, func() Layers { return Layers{Dense(8)} }},
	{Shape{3, 4}, func() Layers { return Layers{Dense(8), GELU} }},
	{Shape{2, 8, 8}, func() Layers { return Layers{Conv2D(4, 3), ReLU} }},
	{Shape{2, 8, 8}, func() Layers { return Layers{Conv2D(4, 1), MaxPool2D(2)} }},
	{Shape{4, 8, 8}, func() Layers { return Layers{Conv2D(4, 3).WithGroups(4)} }},
	{Shape{4, 8, 8}, func() Layers { return Layers{Conv2D(6, 3).WithGroups(2).WithStride(2)} }},
	{Shape{2, 12}, func() Layers { return Layers{Conv1D(4, 3)} }},
	{Shape{2, 5, 5}, func() Layers { return Layers{ConvTranspose2D(4, 3).WithStride(2)} }},
	{Shape{6}, func() Layers { return Layers{BatchNorm()} }},
	{Shape{4, 3, 3}, func() Layers { return Layers{BatchNorm()} }},
	{Shape{3, 6}, func() Layers { return Layers{BatchNorm().WithSteps()} }},
	{Shape{3, 6}, func() Layers { return Layers{LayerNorm()} }},
	{Shape{4, 3, 3}, func() Layers { return Layers{GroupNorm(2)} }},
	{Shape{3, 6}, func() Layers { return Layers{RMSNorm()} }},
	{Shape{3, 5}, func() Layers { return Layers{RNN(6).WithLearnedState()} }},
	{Shape{3, 5}, func() Layers { return Layers{LSTM(6).WithLearnedState()} }},
	{Shape{3, 5}, func() Layers { return Layers{GRU(6).WithLearnedState()} }},
	{Shape{3, 5}, func() Layers { return Layers{Bidirectional(LSTM(6), GRU(4))} }},
	{Shape{3, 6}, func() Layers { return Layers{Attention(2).WithCausalMask()} }},
	{Shape{5, 6}, func() Layers { return Layers{CrossAttention(2, 2)} }},
	{Shape{3}, func() Layers { return Layers{Embedding(5, 4)} }},
	{Shape{3, 6}, func() Layers { return Layers{Positions()} }},
	{Shape{3, 6}, func() Layers { return Layers{PReLU().WithPerChannel()} }},
	{Shape{6}, func() Layers { return Layers{PReLU()} }},
}

// TestParamSize puts matrices of other sizes in the place of parameters and gradients.
// Kernels would read and write beyond them.
func TestParamSize(t *testing.T) {
	for _, c := range parameterized {
		for k := range New(testRand(), c.in, c.layers()...).Params() {
			for _, batch := range []int{2, 16} {
				net := New(testRand(), c.in, c.layers()...)
				q := net.Params()[k]
				name := fmt.Sprintf("%s, batch of %d, %s", describe(net.layers), batch, q.Name)
				x, y := NewMatrix(batch, c.in.Size()), NewMatrix(batch, net.out().Size())
				trainer := &Trainer{Net: net, Loss: MSE, Optimizer: &SGD{}}
				trainer.Step(x, y)
				session, _ := NewSession(net)
				value, grad := q.Value, q.Grad
				want := net.Predict(x)
				r, n := value.Rows, value.Cols
				for _, m := range []*Matrix{
					nil, NewMatrix(0, 0), NewMatrix(r, n-1), NewMatrix(r-1, n), NewMatrix(r, n+1), NewMatrix(r+1, n),
					NewMatrix(2*r, 3*n), NewMatrix(n, r+1), {Rows: r, Cols: n, Data: make([]float64, r*n-1)},
				} {
					sizes := fmt.Sprintf("%d×%d", r, n)
					if m == nil {
						sizes = "nil"
					}
					q.Value = m
					wantMisfit(t, name+": Predict", sizes, func() { net.Predict(x) })
					wantMisfit(t, name+": Step", sizes, func() { trainer.Step(x, y) })
					for op, f := range map[string]func(){
						"Save":      func() { net.Save(io.Discard) },
						"Trainer":   func() { trainer.Save(io.Discard) },
						"WriteONNX": func() { net.WriteONNX(io.Discard) },
						"WriteGo":   func() { net.WriteGo(io.Discard, "p", "f") },
						"Export":    func() { net.Export(Mapping{}) },
						"Clone":     func() { net.Clone() },
						"Prefix":    func() { net.Prefix(len(net.layers)).Save(io.Discard) },
						"Session":   func() { NewSession(net) },
					} {
						wantMisfit(t, name+": "+op, sizes, f)
					}
					if session != nil {
						session.Reset()
						wantMisfit(t, name+": Session", sizes, func() { session.Step(NewMatrix(batch, session.width)) })
					}
					q.Value = value
					if q.Grad = m; m != nil && !q.Stat {
						wantMisfit(t, name+": Step with a gradient", sizes, func() { trainer.Step(x, y) })
					}
					q.Grad = grad
				}
				if got := net.Predict(x); !got.Equal(want, 0) {
					t.Errorf("%s: after the parameter is back Predict gives %v, want %v", name, got, want)
				}
				if loss := trainer.Step(x, y); math.IsNaN(loss) {
					t.Errorf("%s: after the parameter is back the loss is NaN", name)
				}
			}
		}
	}
}

// wantMisfit checks that f panics with a message of this package that has part in it.
func wantMisfit(t *testing.T, name, part string, f func()) {
	t.Helper()
	if got := panicText(f); !strings.HasPrefix(got, "nn: ") || !strings.Contains(got, part) {
		t.Errorf("%s: panics with %q, want nn: … %s", name, got, part)
	}
}

// TestLayersNotBuilt calls Forward of layers that nobody built.
func TestLayersNotBuilt(t *testing.T) {
	for _, c := range parameterized {
		l := c.layers()[0]
		wantMisfit(t, describe(l), "not built", func() { l.Forward(new(Pass), NewMatrix(1, c.in.Size())) })
	}
}

// An emptyLayer has a parameter without a value.
type emptyLayer struct{ liarLayer }

func (emptyLayer) Params() []*Param { return []*Param{{Name: "weight"}} }

// A poorLoss is a loss by pointer.
type poorLoss struct{ Loss }

func TestNilParts(t *testing.T) {
	wantMisfit(t, "New", `"weight" has no value`, func() { New(testRand(), Input(2), emptyLayer{}) })
	x, y := NewMatrix(1, 2), NewMatrix(1, 3)
	for want, trainer := range map[string]*Trainer{
		"Optimizer is a nil *nn.Adam": {Optimizer: (*Adam)(nil)},
		"Loss is a nil *nn.poorLoss":  {Optimizer: &Adam{}, Loss: (*poorLoss)(nil)},
	} {
		trainer.Net = New(testRand(), Input(2), Dense(3))
		wantMisfit(t, "Step", want, func() { trainer.Step(x, y) })
	}
}

// A liarLayer gives other columns than its Build says.
type liarLayer struct{ more int }

func (l liarLayer) Build(in Shape, _ *rand.Rand) (Shape, error) { return in, nil }
func (l liarLayer) Params() []*Param                            { return nil }
func (l liarLayer) Forward(p *Pass, x *Matrix) *Matrix          { return p.New(x.Rows, x.Cols+l.more) }
func (l liarLayer) Backward(p *Pass, dy *Matrix) *Matrix        { return dy }

// Layers say so if their input is not what they were built for.
func TestInputWidth(t *testing.T) {
	layers := slices.Clone(parameterized)
	for _, c := range []struct {
		in Shape
		l  Layer
	}{
		{Shape{2, 6, 6}, MaxPool2D(2)}, {Shape{2, 6, 6}, AvgPool2D(3)}, {Shape{2, 6}, MaxPool1D(2)}, {Shape{2, 6, 6}, AdaptiveAvgPool2D(2, 2)},
		{Shape{2, 6, 6}, GlobalAvgPool2D()}, {Shape{2, 6, 6}, GlobalMaxPool2D()}, {Shape{2, 6, 6}, ChannelDropout(0.5)},
		{Shape{3, 4}, Last()}, {Shape{3, 4}, MeanSteps()}, {Shape{3, 4}, Steps(0, 2)}, {Shape{3, 4}, Padding()}, {Shape{3, 4}, SinusoidalPositions()},
	} {
		layers = append(layers, struct {
			in     Shape
			layers func() Layers
		}{c.in, func() Layers { return Layers{c.l} }})
	}
	for _, c := range layers {
		if len(c.layers()) == 0 {
			continue
		}
		if _, ok := c.layers()[0].(*EmbeddingLayer); ok {
			continue // takes indices, not what a layer gives
		}
		for _, more := range []int{-1, 1} {
			net := New(testRand(), c.in, append(Layers{liarLayer{more}}, c.layers()...)...)
			tr := &Trainer{Net: net, Loss: MSE}
			for what, f := range map[string]func(){
				"Predict": func() { net.Predict(NewMatrix(2, c.in.Size())) },
				"Step":    func() { tr.Step(NewMatrix(2, c.in.Size()), NewMatrix(2, net.out().Size())) },
			} {
				if _, ok := c.layers()[0].(*ChannelDropoutLayer); ok && what == "Predict" {
					continue // passes everything on
				}
				func() {
					defer func() {
						if v := fmt.Sprint(recover()); !strings.HasPrefix(v, "nn: ") || strings.Contains(v, "runtime error") {
							t.Errorf("%s after a layer of %+d columns, %s: panics with %q", describe(c.layers()), more, what, v)
						}
					}()
					f()
				}()
			}
		}
	}
}
