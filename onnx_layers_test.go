package nn

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// An onnxCase is a network to export. The cases have every layer, in several
// forms; the tests with the tag real give them to ONNX Runtime.
type onnxCase struct {
	name string
	net  *Network
	// padded says that some steps of the samples are to be 0.
	padded bool
	scale  float64 // of the values of the samples; 0 means 2
}

// onnxGain multiplies by a gain, as a user would write it.
type onnxGain struct{ gainLayer }

func (l *onnxGain) ExportONNX(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
	return g.Node("Mul", nil, x, g.Weight(l.gain, in...)), in, nil
}

// onnxBlock has layers in it, and computes the mean of what they give and of x.
type onnxBlock struct{ blockLayer }

func (l *onnxBlock) Forward(p *Pass, x *Matrix) *Matrix {
	y := p.New(x.Rows, x.Cols).Add(l.Body.Forward(p, x), x)
	return y.Scale(0.5, y)
}

func (l *onnxBlock) ExportONNX(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
	y, out, err := g.Layers(l.Body, x, in)
	if err != nil {
		return "", nil, err
	}
	return g.Node("Mul", nil, g.Node("Add", nil, y, x), g.Scalar(0.5)), out, nil
}

// onnxIndex is an IndexLayer of a user: a table of one column and a constant.
type onnxIndex struct {
	passLayer
	table *Param
}

func (l *onnxIndex) Build(in Shape, _ *rand.Rand) (Shape, error) {
	l.table = NewParam("table", 5, 1)
	return in, nil
}
func (l *onnxIndex) Params() []*Param { return []*Param{l.table} }
func (l *onnxIndex) Indices() int     { return 5 }
func (l *onnxIndex) Forward(p *Pass, x *Matrix) *Matrix {
	y := p.New(x.Rows, x.Cols)
	for i, v := range x.Data {
		y.Data[i] = l.table.Value.Data[int(v)] + float64(1+i%x.Cols)
	}
	return y
}
func (l *onnxIndex) ExportONNX(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
	numbers := NewMatrix(1, in[0])
	for i := range numbers.Data {
		numbers.Data[i] = float64(i + 1)
	}
	y := g.Node("Squeeze", nil, g.Node("Gather", nil, g.Weight(l.table), x), g.Ints(-1))
	return g.Node("Add", nil, y, g.Const(NewTensor(numbers, in[0]))), in, nil
}

// onnxTap is a layer whose output is not the last that it computes.
type onnxTap struct{ passLayer }

func (*onnxTap) Forward(p *Pass, x *Matrix) *Matrix { return p.New(x.Rows, x.Cols).Abs(x) }
func (*onnxTap) ExportONNX(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
	y := g.Node("Abs", nil, x)
	g.Node("Sub", nil, x, y)
	return y, in, nil
}

// onnxIndices is a block of layers that take indices.
type onnxIndices struct{ onnxBlock }

func (l *onnxIndices) Indices() int                       { return l.Body.Indices() }
func (l *onnxIndices) Forward(p *Pass, x *Matrix) *Matrix { return l.Body.Forward(p, x) }
func (l *onnxIndices) ExportONNX(g *ONNXGraph, x string, in Shape) (string, Shape, error) {
	return g.Layers(l.Body, x, in)
}

func onnxCases() []onnxCase {
	var cases []onnxCase
	add := func(in Shape, layers ...Layer) *onnxCase {
		net := New(rand.NewPCG(1, 2), in, layers...)
		rng := testRand()
		for _, q := range net.params {
			for i, v := range q.Value.Data {
				if q.Value.Data[i] = v + 0.3*normal(rng); strings.HasSuffix(q.Name, ".var") {
					q.Value.Data[i] = 0.02 + math.Abs(v)*rng.Float64()
				}
			}
		}
		cases = append(cases, onnxCase{name: describeList(layers) + in.String(), net: net})
		return &cases[len(cases)-1]
	}
	in := Input

	for a := range Activation(len(activations)) {
		add(in(7), a)
		add(in(2, 3, 2), a, a)
		add(in(5), Dense(4), a)
		add(in(2, 5), Dense(4), a, Dense(3).WithoutBias(), a)
		add(in(2, 4, 4), Conv2D(3, 3), a)
	}
	add(in(3))
	add(in(3), Layers{}, Layers{Dense(2), Layers{Tanh}})
	add(in(1), Dense(1))
	add(in(5), Dense(4).WithoutBias(), Dense(3))
	add(in(4, 5), Dense(3))
	add(in(1, 5), Dense(3).WithoutBias(), Flatten(), Dense(2))
	add(in(2, 3, 4), Flatten(), Reshape(4, -1), Reshape(6, 2, 2))
	add(in(6), Reshape(2, 3), Softmax())
	add(in(5), Softmax())
	add(in(8), Dropout(0.5), GaussianNoise(0.3))
	add(in(4, 2, 2), ChannelDropout(0.5), Dropout(0.5), Flatten())
	add(in(5), PReLU())
	add(in(5), PReLU().WithPerChannel())
	add(in(3, 5), PReLU().WithPerChannel(), PReLU())
	add(in(3, 2, 4), PReLU().WithPerChannel(), PReLU())
	add(in(5), Residual(Dense(5), Tanh), Residual(Dense(3)).WithShortcut(Dense(3)))
	add(in(5), Residual(Layers{}), Residual())
	add(in(2, 3, 3), Concat(Layers{Conv2D(2, 3).WithPadding(1)}, Layers{}, Layers{Concat(Layers{ReLU})}), Flatten())
	add(in(4), Concat(Layers{Dense(3), ReLU}, Layers{Dense(1)}, Layers{}))

	add(in(5), &onnxGain{}, Dense(5), &onnxGain{})
	add(in(2, 3), &onnxGain{}, Residual(Dense(3), &onnxGain{}), Concat(Layers{&onnxGain{}}, Layers{}), Bidirectional(&onnxGain{}, Layers{RNN(2), &onnxGain{}}))
	add(in(4), &onnxBlock{blockLayer{Body: Layers{Dense(4), &onnxBlock{blockLayer{Body: Layers{Tanh, &onnxGain{}}}}}}})
	add(in(5), &onnxTap{}, &onnxTap{})
	add(in(3), &onnxIndex{}, Dense(2))
	add(in(3), Dropout(0.5), &onnxIndex{})
	add(in(3), &onnxIndices{onnxBlock{blockLayer{Body: Layers{Residual(Embedding(5, 1), Flatten())}}}})
	add(in(3), Dropout(0.5), &onnxIndices{onnxBlock{blockLayer{Body: Layers{Residual(Embedding(5, 1), Flatten())}}}})

	// Indices as they are, as numbers, and both.
	add(in(6), Embedding(5, 3))
	add(in(6), Embedding(7, 2).WithPadding(1), Flatten(), Dense(2))
	add(in(4), Flatten(), Reshape(4), Embedding(5, 2))
	add(in(4), Dropout(0.2), Embedding(5, 2))
	add(in(4), Layers{Layers{Embedding(5, 2)}, Tanh})
	add(in(3), Residual(Embedding(5, 1), Flatten()))
	add(in(3), Residual(Embedding(5, 1), Flatten()).WithShortcut(Softplus))
	add(in(3), Concat(Layers{Embedding(5, 1), Flatten()}, Layers{}, Layers{Dense(2)}, Layers{Embedding(6, 2), Flatten(), Tanh}))

	add(in(4), BatchNorm())
	add(in(3, 5), BatchNorm(), ReLU)
	add(in(3, 5), BatchNorm().WithSteps())
	add(in(3, 2, 4), BatchNorm(), &BatchNormLayer{Epsilon: 1e-3})
	add(in(4), Dense(3), BatchNorm(), ReLU, Dense(3).WithoutBias(), BatchNorm())
	add(in(2, 4), Dense(3), BatchNorm().WithSteps(), Dense(3).WithoutBias(), BatchNorm().WithSteps())
	add(in(2, 4, 4), Conv2D(3, 3), BatchNorm(), ReLU, Conv2D(3, 2).WithoutBias(), BatchNorm())
	add(in(6), LayerNorm())
	add(in(1), LayerNorm(), RMSNorm())
	add(in(3, 6), LayerNorm(), &LayerNormLayer{Epsilon: 1e-2})
	add(in(2, 3, 4), LayerNorm().WithDims(1), LayerNorm().WithDims(2), LayerNorm().WithDims(3))
	add(in(6), RMSNorm(), &RMSNormLayer{Epsilon: 1e-2})
	add(in(3, 6), RMSNorm())
	add(in(3, 1), Dense(1).WithoutBias(), RMSNorm(), Dense(1).WithoutBias(), LayerNorm(), Dense(1).WithoutBias())
	add(in(3, 1), Attention(1).WithoutBias(), Attention(1).WithoutBias())
	add(in(6, 3, 2), GroupNorm(1), GroupNorm(2), InstanceNorm())
	add(in(4, 3), GroupNorm(2), GroupNorm(4))
	add(in(6), GroupNorm(2), GroupNorm(1))
	add(in(6), InstanceNorm())

	// Values so small that the epsilon counts.
	add(in(6), LayerNorm()).scale = 3e-3
	add(in(3, 6), RMSNorm(), LayerNorm()).scale = 1e-3
	add(in(6, 3, 2), GroupNorm(2)).scale = 3e-3
	add(in(6, 3, 2), InstanceNorm()).scale = 3e-3

	add(in(2, 7), Conv1D(3, 3), ReLU, Conv1D(4, 2).WithPadding(1).WithStride(2).WithoutBias())
	add(in(4, 9), Conv1D(4, 3).WithDilation(2).WithGroups(2), Conv1D(2, 4).WithSamePadding())
	add(in(3, 6), Conv1D(3, 3).WithPads(2, 0).WithGroups(3))
	add(in(1, 1, 1), Conv2D(1, 1))
	add(in(2, 5, 6), Conv2D(3, 3), Tanh, Conv2D(2, 1).WithoutBias())
	add(in(2, 7, 6), Conv2D(3, 3).WithStride(2).WithPadding(1), Conv2D(2, 2).WithSamePadding())
	add(in(4, 7, 8), Conv2D(6, 3).WithGroups(2).WithDilation(2), Conv2D(6, 2).WithGroups(6).WithSamePadding().WithStrides(2, 1))
	add(in(2, 6, 7), Conv2D(3, 0).WithKernel(2, 3).WithPads(1, 0, 2, 1).WithStrides(1, 2))
	add(in(2, 3, 4), ConvTranspose2D(3, 3), Tanh, ConvTranspose2D(2, 2).WithStride(2).WithoutBias())
	add(in(4, 3, 3), ConvTranspose2D(6, 3).WithStride(2).WithPadding(1).WithOutputPadding(1).WithGroups(2))
	add(in(2, 3, 3), ConvTranspose2D(3, 0).WithKernel(2, 3).WithStrides(3, 1).WithDilation(2).WithPadding(1))

	add(in(2, 7), MaxPool1D(2), AvgPool1D(2))
	add(in(2, 8), MaxPool1D(3).WithStride(2).WithPadding(1), AvgPool1D(3).WithStride(1).WithPadding(1), AvgPool1D(2).WithPadding(1).WithoutPaddingInMean())
	add(in(2, 5, 6), MaxPool2D(2))
	add(in(2, 7, 9), MaxPool2D(3).WithStride(2).WithPadding(1), MaxPool2D(1).WithSize(2, 3).WithStrides(1, 2))
	add(in(2, 5, 6), AvgPool2D(2))
	add(in(2, 7, 9), AvgPool2D(3).WithStride(2).WithPadding(1), AvgPool2D(1).WithSize(2, 3).WithStrides(1, 2))
	add(in(2, 7, 9), AvgPool2D(3).WithPadding(2).WithoutPaddingInMean())
	add(in(2, 7, 8), AdaptiveAvgPool2D(3, 5))
	add(in(2, 2, 6), AdaptiveAvgPool2D(3, 2), AdaptiveAvgPool2D(1, 1))
	add(in(3, 4, 5), GlobalAvgPool2D())
	add(in(3, 5), GlobalAvgPool2D())
	add(in(3, 4, 5), GlobalMaxPool2D())
	add(in(3, 5), GlobalMaxPool2D())

	add(in(3, 4), Positions(), SinusoidalPositions())
	add(in(4, 3), Steps(1, 3))
	add(in(4, 3), MeanSteps())
	add(in(4, 3), Last())
	for _, mk := range []func(int) Layer{
		func(n int) Layer { return RNN(n) },
		func(n int) Layer { return RNN(n).WithReLU() },
		func(n int) Layer { return RNN(n).WithLearnedState() },
		func(n int) Layer { return LSTM(n) },
		func(n int) Layer { return LSTM(n).WithLearnedState() },
		func(n int) Layer { return GRU(n) },
		func(n int) Layer { return GRU(n).WithLearnedState() },
	} {
		add(in(5, 3), mk(4))
		add(in(1, 1), mk(1), mk(2), Last())
		add(in(5, 3), Padding(), mk(2), mk(3), Last()).padded = true
	}
	add(in(4, 3), Bidirectional(LSTM(2), GRU(3)), Bidirectional(Layers{RNN(2), Dense(2)}, Layers{Tanh}))
	add(in(5, 3), Padding(), Bidirectional(LSTM(2), Layers{GRU(3), Dense(2)}), MeanSteps()).padded = true
	add(in(5, 3), Padding(), Bidirectional(Padding(), RNN(2)), Last()).padded = true
	add(in(5, 3), Padding(), MeanSteps()).padded = true
	add(in(5, 3), Padding(), Last()).padded = true
	add(in(5, 3), Padding(), Steps(1, 4), Dense(3), MeanSteps()).padded = true
	add(in(5, 3), Padding(), Concat(Layers{Steps(1, 3), RNN(3)}, Layers{Padding()}, Layers{}), MaxPool1D(3)).padded = true
	add(in(5, 3), Padding(), Concat(Layers{Steps(1, 3)}, Layers{LSTM(3)}), Flatten()).padded = true
	add(in(5, 3), Padding(), Concat(Layers{Dense(2), Padding()}), Last()).padded = true
	add(in(6), Embedding(4, 3).WithPadding(0), Padding(), LSTM(3), Dense(3), Last(), Softmax())

	add(in(3, 4), Attention(1))
	add(in(5, 6), Attention(2).WithoutBias(), Attention(3).WithCausalMask())
	add(in(5, 8), Attention(2).WithRotary(), Attention(4).WithCausalMask().WithRotary())
	add(in(1, 2), Attention(1).WithCausalMask())
	add(in(5, 4), CrossAttention(2, 2), CrossAttention(2, 1).WithoutBias())
	add(in(5, 4), Padding(), Attention(2), MeanSteps()).padded = true
	add(in(5, 4), Padding(), Attention(2).WithCausalMask().WithRotary(), Last()).padded = true
	add(in(5, 4), Padding(), Residual(CrossAttention(2, 2)).WithShortcut(Steps(0, 2)), MeanSteps()).padded = true
	add(in(3, 8), TransformerBlock(Attention(2).WithCausalMask(), 8, 16, 0.1))

	// The networks of the examples, and others as they are built of these.
	add(in(2), Dense(8), Tanh, Dense(1), Sigmoid)
	add(in(784), Dense(128), ReLU, Dense(10), Softmax())
	add(in(64), Dense(128), ReLU, Dropout(0.2), Dense(64), ReLU, Dropout(0.2), Dense(10), Softmax())
	add(in(1, 28, 28), Conv2D(6, 5).WithPadding(2), Tanh, AvgPool2D(2), Conv2D(16, 5), Tanh, AvgPool2D(2), Flatten(), Dense(120), Tanh, Dense(84), Tanh, Dense(10), Softmax())
	add(in(784), Reshape(1, 28, 28), Conv2D(4, 3).WithSamePadding(), BatchNorm(), ReLU,
		Residual(Conv2D(4, 3).WithSamePadding(), BatchNorm(), ReLU, Conv2D(4, 3).WithSamePadding(), BatchNorm()), ReLU,
		Residual(Conv2D(8, 3).WithStride(2).WithSamePadding(), BatchNorm()).WithShortcut(Conv2D(8, 1).WithStride(2)), ReLU,
		GlobalAvgPool2D(), Dense(10), Softmax())
	add(in(28, 28), LSTM(32), Last(), Dense(10), Softmax())
	add(in(28, 28), Bidirectional(GRU(16), GRU(16)), MeanSteps(), Dense(10), Softmax())
	add(in(16), Embedding(20, 32), Positions(),
		TransformerBlock(Attention(4).WithCausalMask(), 32, 128, 0.1),
		TransformerBlock(Attention(4).WithCausalMask().WithRotary(), 32, 128, 0),
		LayerNorm(), Dense(20), Softmax())
	return cases
}

// samples returns a batch for the network.
func (c *onnxCase) samples(batch int) *Matrix {
	rng := testRand()
	x := NewMatrix(batch, c.net.in.Size())
	indices := 0
	for _, l := range c.net.layers {
		if ix, ok := l.(IndexLayer); ok && ix.Indices() > 0 {
			indices = ix.Indices()
		}
	}
	for i := range x.Data {
		if indices > 0 {
			x.Data[i] = float64(intN(rng, indices))
		} else {
			x.Data[i] = float64(float32(or(c.scale, 2) * normal(rng))) // the same in both types
		}
	}
	if c.padded { // from all steps of the first sample to none
		for i := range batch {
			for t := range c.net.in[0] {
				if i == 0 || i > 1 && rng.Float64() < 0.4 {
					clear(x.Row(i)[t*c.net.in[1]:][:c.net.in[1]])
				}
			}
		}
	}
	return x
}

// maxDistance returns how far y is from want: |y − want|/(1 + |want|), the largest.
func maxDistance(y, want *Matrix) float64 {
	d := 0.0
	for i, v := range want.Data {
		e := math.Abs(y.Data[i]-v) / (1 + math.Abs(v))
		if !(e <= d) {
			d = e
		}
	}
	return d
}

// Every layer's graph, run by the interpreter, gives what Predict gives.
func TestONNXLayers(t *testing.T) {
	for _, c := range onnxCases() {
		for _, o := range []ONNX{{}, {Float64: true}} {
			t.Run(fmt.Sprintf("%s/float64=%v", c.name, o.Float64), func(t *testing.T) {
				var file bytes.Buffer
				if err := o.Write(&file, c.net); err != nil {
					t.Fatal(err)
				}
				m, err := readONNX(file.Bytes())
				if err == nil {
					err = m.check(nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				// Weights are float32 in the one, with the interpreter's float64.
				tolerance := 5e-6
				if o.Float64 {
					tolerance = 1e-13
				}
				for _, batch := range []int{1, 3} {
					x := c.samples(batch)
					y, err := runONNX(m, x)
					if err != nil {
						t.Fatal(err)
					}
					want := c.net.Predict(x)
					if y.Rows != want.Rows || y.Cols != want.Cols {
						t.Fatalf("batch of %d: %d×%d, want %d×%d", batch, y.Rows, y.Cols, want.Rows, want.Cols)
					}
					if d := maxDistance(y, want); !(d <= tolerance) {
						t.Errorf("batch of %d: %v off\ngot  %v\nwant %v", batch, d, y, want)
					}
				}
			})
		}
	}
}
