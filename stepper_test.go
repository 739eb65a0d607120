package nn

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// stepNets are networks that can go step by step, over 7 steps.
func stepNets() []*Network {
	src := rand.NewPCG(1, 2)
	return []*Network{
		New(src, Input(7), Embedding(5, 4), LSTM(6), LayerNorm(), Dropout(0.5), GRU(3), Dense(5), Softmax()),
		New(src, Input(7, 3), RNN(4), RNN(4).WithReLU(), Dense(2).WithoutBias()),
		New(src, Input(7, 3), GRU(4).WithLearnedState(), LSTM(2).WithLearnedState(), RNN(2).WithLearnedState()),
		New(src, Input(7, 3), Dense(4), BatchNorm().WithSteps(), PReLU().WithPerChannel(), Residual(RMSNorm(), LSTM(4)), PReLU(),
			Residual(LayerNorm(), Dense(4), GELU, GaussianNoise(0.1), Dense(2)).WithShortcut(Dense(2)), Layers{Tanh}),
		New(src, Input(7, 3), RNN(4)),
		New(src, Input(7, 3), Identity),
	}
}

// shake gives every parameter values of its own.
func shake(n *Network) *Network {
	rng := testRand()
	for _, q := range n.params {
		for i := range q.Value.Data {
			q.Value.Data[i] += 0.1 * uniform(rng)
		}
	}
	return n
}

// stepInput returns samples for n, indices if it takes those.
func stepInput(n *Network, rows int) *Matrix {
	x := randomMatrix(testRand(), rows, n.in.Size())
	if k := n.layers.Indices(); k > 0 {
		rng := testRand()
		for i := range x.Data {
			x.Data[i] = float64(intN(rng, k))
		}
	}
	return x
}

// Step by step gives the bits of the whole sequence.
func TestSession(t *testing.T) {
	for i, n := range stepNets() {
		shake(n)
		s, err := NewSession(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range []int{1, 3, 20} {
			x := stepInput(n, rows)
			want, width, out := n.Predict(x), x.Cols/7, n.Out()[1]
			s.Reset()
			for step := range 7 {
				y := s.Step(new(Matrix).CopyCols(x, step*width, (step+1)*width))
				if w := new(Matrix).CopyCols(want, step*out, (step+1)*out); y.Rows != rows || y.Cols != out || !sameBits(y.Data, w.Data) {
					t.Errorf("network %d, %d rows, step %d gives %v, want %v", i, rows, step, y, w)
				}
				if s.Len() != step+1 {
					t.Errorf("Len is %d after step %d", s.Len(), step)
				}
			}
			// Beyond the length that the network was built for.
			s.Step(new(Matrix).CopyCols(x, 0, width))
		}
	}
}

// With Last, a step gives what the sequence so far gives.
func TestSessionLast(t *testing.T) {
	n := shake(New(nil, Input(7, 3), LSTM(4), Last(), BatchNorm(), Dense(2), Softmax()))
	s, err := NewSession(n)
	if err != nil {
		t.Fatal(err)
	}
	x := stepInput(n, 2)
	for step := range 7 {
		y := s.Step(new(Matrix).CopyCols(x, 3*step, 3*step+3))
		short := New(nil, Input(step+1, 3), n.layers.Clone()...)
		for i, q := range short.params {
			q.Value.Copy(n.params[i].Value)
		}
		if want := short.Predict(new(Matrix).CopyCols(x, 0, 3*step+3)); !sameBits(y.Data, want.Data) {
			t.Errorf("step %d gives %v, want %v", step, y, want)
		}
	}
}

func TestSessionErrors(t *testing.T) {
	for _, test := range []struct {
		net  *Network
		want string
	}{
		{New(nil, Input(4), Dense(2)), "the network's input is (4); it must be (steps, n), or (steps) before a layer of indices"},
		{New(nil, Input(4, 2, 2), Flatten()), "the network's input is (4, 2, 2)"},
		{New(nil, Input(4, 2), Flatten(), Dense(2)), "layer 0: Flatten() can't go step by step"},
		{New(nil, Input(4, 2), Dense(2), Reshape(8)), "layer 1: Reshape((8)) can't go step by step"},
		{New(nil, Input(4, 2), Bidirectional(RNN(2), RNN(2))), "layer 0: Bidirectional(RNN(2), RNN(2)) can't go"},
		{New(nil, Input(4, 2), BatchNorm()), "layer 0: BatchNorm takes the first dimension for channels; WithSteps it takes the last"},
		{New(nil, Input(4, 2), LayerNorm().WithDims(2)), "layer 0: LayerNorm(Dims=2) normalizes steps together"},
		{New(nil, Input(4, 2), Concat(Layers{RNN(2)})), "layer 0: Concat([RNN(2)]) can't go"},
		{New(nil, Input(4, 2), Residual(Layers{GroupNorm(2)})), "layer 0: Residual: body: layer 0: layer 0: GroupNorm(2) can't go"},
		{New(nil, Input(4, 2), Residual(Tanh).WithShortcut(ChannelDropout(0.5))), "layer 0: Residual: shortcut: layer 0: ChannelDropout(0.5) can't go"},
	} {
		_, err := NewSession(test.net)
		if err == nil || !strings.HasPrefix(err.Error(), "nn: NewSession: ") || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
	}
	s, err := NewSession(New(nil, Input(4, 2), RNN(3)))
	if err != nil {
		t.Fatal(err)
	}
	wantPanic(t, "nn: Step: x is 1×3; a step of the network's input (4, 2) has 2 columns", func() { s.Step(NewMatrix(1, 3)) })
	s.Step(NewMatrix(1, 2))
	wantPanic(t, "nn: Step: x is 2×2; the step before had 1 rows: Reset begins anew", func() { s.Step(NewMatrix(2, 2)) })
	s.Reset()
	s.Step(NewMatrix(2, 2))
	var st State
	st.begin(0)
	st.Matrix(2, 3)
	st.begin(1)
	wantPanic(t, "nn: Step: a layer's state was 2×3 and is 3×2 now", func() { st.Matrix(3, 2) })
}

// Sessions of one network do not know of each other.
func TestSessionsApart(t *testing.T) {
	n := stepNets()[0]
	x := stepInput(n, 2)
	run := func() string {
		s, _ := NewSession(n)
		text := ""
		for step := range 7 {
			text += fmt.Sprintf("%x", s.Step(new(Matrix).CopyCols(x, step, step+1)).Data)
		}
		return text
	}
	want := run()
	results := make(chan string)
	for range 4 {
		go func() { results <- run() }()
	}
	for range 4 {
		if got := <-results; got != want {
			t.Error("a session gives another result beside others")
		}
	}
}

func TestSessionAllocs(t *testing.T) {
	for i, n := range stepNets() {
		s, err := NewSession(n)
		if err != nil {
			t.Fatal(err)
		}
		x, y := new(Matrix).CopyCols(stepInput(n, 3), 0, n.in.Size()/7), new(Matrix)
		s.StepTo(y, x)
		if a := testing.AllocsPerRun(20, func() { s.StepTo(y, x) }); a != 0 {
			t.Errorf("network %d: %v allocations in a step", i, a)
		}
	}
	// The result may take the place of the input.
	s, _ := NewSession(New(nil, Input(7, 3), RNN(3)))
	r, _ := NewSession(s.net)
	x := randomMatrix(testRand(), 2, 3)
	want := s.Step(x)
	if got := r.StepTo(x, x); got != x || !sameBits(got.Data, want.Data) {
		t.Errorf("in place, a step gives %v, want %v", got, want)
	}
}
