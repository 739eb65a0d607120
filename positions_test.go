package nn

import (
	"math"
	"strings"
	"testing"
)

func TestPositionLayers(t *testing.T) {
	for _, in := range []Shape{{1, 1}, {1, 2}, {3, 4}, {5, 6}, {4, 3}} {
		for _, l := range []Layer{Positions(), SinusoidalPositions(), Padding(), MeanSteps(), Steps(in[0]-1, in[0]), Steps(0, 1)} {
			if err := TestLayer(l, in); err != nil {
				t.Errorf("%s%v: %v", describe(l), in, err)
			}
		}
	}
}

func TestStepsErrors(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{Positions(), Shape{4}, "Positions: input is (4); it must be (steps, n)"},
		{SinusoidalPositions(), Shape{4}, "SinusoidalPositions: input is (4); it must be (steps, n)"},
		{Padding(), Shape{4}, "Padding: input is (4); it must be (steps, n)"},
		{MeanSteps(), Shape{1, 2, 3}, "MeanSteps: input is (1, 2, 3); it must be (steps, n)"},
		{Steps(0, 1), Shape{4}, "Steps: input is (4); it must be (steps, n)"},
		{Steps(0, 5), Shape{4, 1}, "Steps(0, 5): input is (4, 1); it must be 0 ≤ from < to ≤ 4"},
		{Steps(2, 2), Shape{4, 1}, "Steps(2, 2): "},
		{Steps(-1, 2), Shape{4, 1}, "Steps(-1, 2): "},
		{Positions(), Shape{1 << 16, 1 << 16}, "Positions: shape (65536, 65536)"},
	} {
		_, err := test.layer.Build(test.in, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s%v: error %v, want %q", describe(test.layer), test.in, err, test.want)
		}
	}
}

func TestSinusoidalPositions(t *testing.T) {
	for _, n := range []int{1, 2, 5, 8} {
		const steps = 50
		l := SinusoidalPositions()
		l.Build(Shape{steps, n}, nil)
		y := predict(l, NewMatrix(2, steps*n))
		for b := range 2 {
			for i := range steps {
				for j := range n {
					angle := float64(i) * math.Pow(10000, -float64(j-j%2)/float64(n))
					want := math.Sin(angle)
					if j%2 == 1 {
						want = math.Cos(angle)
					}
					if got := y.At(b, i*n+j); math.Abs(got-want) > 1e-14 {
						t.Errorf("n = %d: position %d, %d = %v, want %v", n, i, j, got, want)
					}
				}
			}
		}
	}
}

// Built anew for another shape, layers forget their tables.
func TestPositionsRebuilt(t *testing.T) {
	for _, l := range []Layer{SinusoidalPositions(), Attention(1).WithRotary()} {
		for _, in := range []Shape{{3, 4}, {5, 4}, {5, 6}} {
			l.Build(in, testRand())
			if y := predict(l, NewMatrix(1, in.Size()).Fill(1)); y.Cols != in.Size() {
				t.Errorf("%s: %v gives %d values", describe(l), in, y.Cols)
			}
		}
	}
}

func TestPositions(t *testing.T) {
	l := Positions()
	l.Build(Shape{40, 50}, testRand())
	if s := math.Sqrt(l.W.Value.Var()); math.Abs(s-0.02) > 0.001 {
		t.Errorf("initial values have the standard deviation %v, want 0.02", s)
	}
	y := predict(l, NewMatrix(2, 2000).Fill(1))
	for b := range 2 {
		for i, v := range y.Row(b) {
			if want := 1 + l.W.Value.Data[i]; v != want {
				t.Fatalf("sample %d: y[%d] = %v, want %v", b, i, v, want)
			}
		}
	}
	l.Build(Shape{40, 50}, nil)
	if l.W.Value.Data != nil {
		t.Error("Build without random numbers allocates")
	}
}

// Rotation by positions: products depend on distances only, lengths stay, and
// it is undone by the opposite angles.
func TestRotate(t *testing.T) {
	const d = 6
	rng := testRand()
	x, y := randomMatrix(rng, 1, d).Data, randomMatrix(rng, 1, d).Data
	turned := func(x []float64, at int) []float64 {
		z, w := make([]float64, d), make([]float64, d)
		copy(z, x)
		sinusoid(w, at, 10000)
		rotate(z, w, 1)
		return z
	}
	for _, apart := range []int{0, 1, 5} {
		want := vdot(turned(x, 0), turned(y, apart))
		for _, at := range []int{1, 7, 1000} {
			if got := vdot(turned(x, at), turned(y, at+apart)); math.Abs(got-want) > 1e-12 {
				t.Errorf("positions %d and %d: product %v, want %v", at, at+apart, got, want)
			}
		}
	}
	if a, b := vdot(turned(x, 3), turned(y, 3)), vdot(turned(x, 3), turned(y, 4)); math.Abs(a-b) < 1e-6 {
		t.Error("a step further apart makes no difference")
	}
	for i := range d / 2 {
		z, angle := turned(x, 9), 9*math.Pow(10000, -float64(2*i)/d)
		want := x[2*i]*math.Cos(angle) - x[2*i+1]*math.Sin(angle)
		if math.Abs(z[2*i]-want) > 1e-14 {
			t.Errorf("pair %d becomes %v, want %v", i, z[2*i], want)
		}
	}
	z, w := turned(x, 9), make([]float64, d)
	sinusoid(w, 9, 10000)
	rotate(z, w, -1)
	for i := range z {
		if math.Abs(z[i]-x[i]) > 1e-15 {
			t.Errorf("rotated and back, %v becomes %v", x[i], z[i])
		}
	}
}

func TestSteps(t *testing.T) {
	x := NewMatrix(2, 6, 1, 2, 0, 0, 5, 6, 0, 0, 9, 10, 0, 0)
	for _, test := range []struct {
		layers Layers
		want   *Matrix
	}{
		{Layers{MeanSteps()}, NewMatrix(2, 2, 2, 8.0/3, 3, 10.0/3)},
		{Layers{Padding(), MeanSteps()}, NewMatrix(2, 2, 3, 4, 9, 10)},
		{Layers{Steps(1, 3)}, NewMatrix(2, 4, 0, 0, 5, 6, 9, 10, 0, 0)},
		{Layers{Padding(), Steps(1, 3), MeanSteps()}, NewMatrix(2, 2, 5, 6, 9, 10)},
		{Layers{Padding(), Steps(1, 2), MeanSteps()}, NewMatrix(2, 2, 0, 0, 9, 10)},
		{Layers{Padding(), Concat(Layers{Steps(0, 2)}, Layers{Steps(1, 3)}), Steps(0, 2)}, NewMatrix(2, 4, 1, 2, 0, 0, 0, 0, 9, 10)},
		{Layers{Padding(), Concat(Layers{Steps(0, 2)}, Layers{Steps(2, 3)}), MeanSteps()}, NewMatrix(2, 2, 3, 4, 9, 10)},
	} {
		if _, err := test.layers.Build(Shape{3, 2}, testRand()); err != nil {
			t.Fatal(err)
		}
		if got := predict(test.layers, x); !got.Equal(test.want, 1e-15) {
			t.Errorf("%s: %v, want %v", describe(test.layers), got, test.want)
		}
	}
	net := New(nil, Input(3, 2), MeanSteps())
	s, err := NewSession(net)
	if err != nil {
		t.Fatal(err)
	}
	var y *Matrix
	for i := range 3 {
		y = s.Step(NewMatrix(2, 2, x.At(0, 2*i), x.At(0, 2*i+1), x.At(1, 2*i), x.At(1, 2*i+1)))
	}
	if want := net.Predict(x); !sameBits(y.Data, want.Data) {
		t.Errorf("the mean after the last step is %v, Predict gives %v", y, want)
	}
}
