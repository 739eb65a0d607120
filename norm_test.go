package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// build builds l for samples of shape in.
func build(t *testing.T, l Layer, in Shape) {
	t.Helper()
	if _, err := l.Build(in, testRand()); err != nil {
		t.Fatal(err)
	}
}

// normLayers are the layers that normalize, with shapes that they take.
func normLayers() []struct {
	layer  Layer
	shapes []Shape
} {
	channels := []Shape{{1}, {5}, {1, 1}, {3, 2}, {5, 4}, {2, 3, 3}, {4, 1, 1}, {3, 1, 7}}
	sequences := []Shape{{1}, {2}, {7}, {1, 1}, {3, 2}, {5, 4}}
	return []struct {
		layer  Layer
		shapes []Shape
	}{
		{BatchNorm(), channels},
		{&BatchNormLayer{Momentum: 0.5, Epsilon: 0.01}, channels},
		{BatchNorm().WithSteps(), []Shape{{1, 1}, {3, 2}, {5, 4}}},
		{LayerNorm(), sequences},
		{&LayerNormLayer{Epsilon: 0.1, Dims: 2}, []Shape{{1, 1}, {3, 2}, {3, 2, 2}}},
		{LayerNorm().WithDims(3), []Shape{{3, 2, 2}, {1, 1, 1}}},
		{GroupNorm(1), channels},
		{GroupNorm(2), []Shape{{2}, {4}, {4, 3}, {6, 2, 1}}},
		{&GroupNormLayer{Epsilon: 0.1}, channels},
		{RMSNorm(), sequences},
		{&RMSNormLayer{Epsilon: 0.1}, sequences},
	}
}

func TestNormLayers(t *testing.T) {
	for _, test := range normLayers() {
		for _, in := range test.shapes {
			if err := TestLayer(test.layer, in); err != nil {
				t.Errorf("%s%v: %v", describe(test.layer), in, err)
			}
		}
	}
}

func TestGoldenNorm(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "norm") {
		x := c.In["x"]
		shape := x.Shape[1:]
		if c.Op == "batchnorm_steps" {
			shape = x.Shape[2:]
		}
		var l Layer
		switch {
		case strings.HasPrefix(c.Op, "batchnorm"):
			l = BatchNorm()
		case c.Op == "layernorm":
			l = &LayerNormLayer{Dims: len(c.Attrs["normalized_shape"].([]any))}
		case c.Op == "groupnorm":
			l = GroupNorm(int(c.num("groups")))
		case c.Op == "instancenorm":
			l = InstanceNorm()
		case c.Op == "rmsnorm":
			l = RMSNorm()
		default:
			t.Fatalf("%s: op %s", c.Name, c.Op)
		}
		build(t, l, shape)
		for i, name := range []string{"gamma", "beta"} {
			if a := c.Param[name]; a != nil {
				copy(l.Params()[i].Value.Data, a.floats())
			}
		}
		b, _ := l.(*BatchNormLayer)
		if b != nil {
			copy(b.Mean.Value.Data, c.In["running_mean"].floats())
			copy(b.Var.Value.Data, c.In["running_var"].floats())
		}
		seen++
		batch := func(a *goldenArray) *Matrix {
			f := a.floats()
			return NewMatrix(len(f)/Shape(shape).Size(), Shape(shape).Size(), f...)
		}
		if c.Op == "batchnorm_steps" {
			all, n := batch(x), x.Shape[1]
			var y, mean, v []float64
			for i := 0; i < all.Rows; i += n {
				p := new(Pass)
				p.reset(true, testRand())
				y = append(y, b.Forward(p, all.RowRange(i, i+n)).Data...)
				mean = append(mean, b.Mean.Value.Data...)
				v = append(v, b.Var.Value.Data...)
			}
			c.check(t, "y", y, c.Out["y"])
			c.check(t, "mean", mean, c.Out["running_mean_steps"])
			c.check(t, "var", v, c.Out["running_var_steps"])
			c.check(t, "y_eval", predict(b, batch(c.In["x_eval"])).Data, c.Out["y_eval"])
			continue
		}
		if c.Op == "batchnorm_eval" {
			c.check(t, "prediction", predict(b, batch(x)).Data, c.Out["y"])
			b.Mean.Frozen, b.Var.Frozen = true, true
		}
		y, dx := trip(l, batch(x), batch(c.Upstream["y"]))
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dx", dx.Data, c.Grad["x"])
		for i, name := range []string{"gamma", "beta"} {
			if g := c.Grad[name]; g != nil {
				c.check(t, "d"+name, l.Params()[i].Grad.Data, g)
			}
		}
		if c.Op == "batchnorm_train" {
			c.check(t, "mean", b.Mean.Value.Data, c.Out["new_running_mean"])
			c.check(t, "var", b.Var.Value.Data, c.Out["new_running_var"])
		}
		if c.Op == "batchnorm_eval" {
			c.check(t, "mean", b.Mean.Value.Data, c.In["running_mean"])
			c.check(t, "var", b.Var.Value.Data, c.In["running_var"])
		}
	}
	if seen != 11 {
		t.Errorf("%d cases checked, want 11", seen)
	}
}

// Values that are normalized together have mean 0 and variance 1 afterwards.
func TestNormMoments(t *testing.T) {
	rng := testRand()
	x := randomMatrix(rng, 40, 6*50)
	for i := range x.Data {
		x.Data[i] = float64(3*x.Data[i]) + float64(i%7)
	}
	in := Shape{6, 5, 10}
	moments := func(l Layer, values func(y *Matrix) []float64) {
		t.Helper()
		build(t, l, in)
		p := new(Pass)
		p.reset(true, rng)
		v := values(l.Forward(p, x))
		if m, s := mean(v), variance(v); math.Abs(m) > 1e-12 || math.Abs(s-1) > 1e-5 {
			t.Errorf("%s: mean %v, variance %v", describe(l), m, s)
		}
	}
	moments(BatchNorm(), func(y *Matrix) (v []float64) {
		for i := range y.Rows {
			v = append(v, y.Row(i)[100:150]...)
		}
		return v
	})
	moments(LayerNorm().WithDims(3), func(y *Matrix) []float64 { return y.Row(3) })
	moments(LayerNorm().WithDims(1), func(y *Matrix) []float64 { return y.Row(3)[20:30] })
	moments(GroupNorm(3), func(y *Matrix) []float64 { return y.Row(3)[100:200] })
	moments(InstanceNorm(), func(y *Matrix) []float64 { return y.Row(3)[50:100] })
}

// One value of a channel has no variance: the running one stays, and the output
// is the bias. No samples change nothing.
func TestBatchNormFewSamples(t *testing.T) {
	l := BatchNorm()
	build(t, l, Shape{2})
	p := new(Pass)
	p.reset(true, testRand())
	if y := l.Forward(p, NewMatrix(0, 2)); y.Rows != 0 || l.Mean.Value.Norm() != 0 {
		t.Errorf("no samples give %v and mean %v", y, l.Mean.Value)
	}
	if dx := l.Backward(p, NewMatrix(0, 2)); dx.Rows != 0 || dx.Cols != 2 {
		t.Errorf("no samples have gradient %d×%d", dx.Rows, dx.Cols)
	}
	y := l.Forward(p, NewMatrix(1, 2, 10, -20))
	if y.Norm() != 0 || !slices.Equal(l.Mean.Value.Data, []float64{1, -2}) || !slices.Equal(l.Var.Value.Data, []float64{1, 1}) {
		t.Errorf("one sample gives %v, mean %v, var %v", y, l.Mean.Value, l.Var.Value)
	}
}

// A channel far from 0 keeps its variance.
func TestNormLargeMean(t *testing.T) {
	x := NewMatrix(4, 2, 1e9, 1, 1e9+1, 2, 1e9, 1, 1e9+1, 2)
	for _, l := range []Layer{BatchNorm(), BatchNorm().WithSteps()} {
		in := Shape{2}
		if l.(*BatchNormLayer).Steps {
			in = Shape{1, 2}
		}
		build(t, l, in)
		p := new(Pass)
		p.reset(true, testRand())
		y := l.Forward(p, x)
		for i := range 4 {
			if y.At(i, 0) != y.At(i, 1) {
				t.Errorf("%s: %v, want equal columns", describe(l), y)
			}
		}
	}
}

func TestNormNaN(t *testing.T) {
	for _, test := range normLayers() {
		in := test.shapes[len(test.shapes)-1]
		build(t, test.layer, in)
		x := randomMatrix(testRand(), 3, in.Size())
		x.Set(1, 0, math.NaN())
		y := predict(test.layer, x)
		if !math.IsNaN(y.At(1, 0)) || math.IsNaN(y.At(0, 0)) || math.IsNaN(y.At(2, 0)) {
			t.Errorf("%s: NaN in sample 1 gives %v", describe(test.layer), y)
		}
		if _, ok := test.layer.(*BatchNormLayer); ok {
			continue // the batch has a NaN
		}
		y, dx := trip(test.layer, x, NewMatrix(3, in.Size()).Fill(1))
		if !math.IsNaN(y.At(1, 0)) || math.IsNaN(y.At(0, 0)) || !math.IsNaN(dx.At(1, 0)) || math.IsNaN(dx.At(2, 0)) {
			t.Errorf("%s: NaN in sample 1 gives %v, dx %v", describe(test.layer), y, dx)
		}
	}
}

func TestNormErrors(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{&BatchNormLayer{Momentum: 2}, Shape{3}, "BatchNorm: momentum is 2"},
		{&BatchNormLayer{Momentum: math.NaN()}, Shape{3}, "BatchNorm: momentum is NaN"},
		{&BatchNormLayer{Epsilon: -1}, Shape{3}, "BatchNorm: epsilon is -1"},
		{BatchNorm().WithSteps(), Shape{3}, "BatchNorm: input is (3); with Steps it must be (steps, n)"},
		{BatchNorm(), Shape{}, "BatchNorm: shape () has no dimension"},
		{LayerNorm(), Shape{3, 4, 5}, "LayerNorm: input is (3, 4, 5); WithDims says"},
		{LayerNorm().WithDims(2), Shape{3}, "LayerNorm: input is (3); it has no 2 dimensions"},
		{LayerNorm().WithDims(-1), Shape{3}, "LayerNorm: input is (3); it has no -1 dimensions"},
		{&LayerNormLayer{Epsilon: math.Inf(1)}, Shape{3}, "LayerNorm: epsilon is +Inf"},
		{GroupNorm(2), Shape{3}, "GroupNorm(2): input is (3); 3 channels"},
		{GroupNorm(-1), Shape{3}, "GroupNorm(-1): input is (3)"},
		{&GroupNormLayer{Epsilon: math.NaN()}, Shape{3}, "GroupNorm: epsilon is NaN"},
		{RMSNorm(), Shape{3, 4, 5}, "RMSNorm: input is (3, 4, 5); it must be (n) or (steps, n)"},
		{&RMSNormLayer{Epsilon: -1}, Shape{3}, "RMSNorm: epsilon is -1"},
		{ChannelDropout(0.5), Shape{3}, "ChannelDropout: input is (3); it must have channels"},
		{&ChannelDropoutLayer{Rate: 1}, Shape{3, 4}, "ChannelDropout: rate is 1"},
	} {
		_, err := test.layer.Build(test.in, testRand())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s%v: error %v, want one with %q", describe(test.layer), test.in, err, test.want)
		}
	}
	wantPanic(t, "nn: ChannelDropout: rate is 1", func() { ChannelDropout(1) })
}

func TestNormDescribe(t *testing.T) {
	for _, test := range []struct {
		layer Layer
		want  string
	}{
		{BatchNorm(), "BatchNorm()"},
		{BatchNorm().WithSteps(), "BatchNorm(Steps)"},
		{LayerNorm().WithDims(3), "LayerNorm(Dims=3)"},
		{GroupNorm(4), "GroupNorm(4)"},
		{InstanceNorm(), "GroupNorm()"},
		{RMSNorm(), "RMSNorm()"},
		{ChannelDropout(0.25), "ChannelDropout(0.25)"},
	} {
		if got := describe(test.layer); got != test.want {
			t.Errorf("describe gives %s, want %s", got, test.want)
		}
	}
}

// checkAllocs checks that training and prediction by l soon allocate nothing.
func checkAllocs(t *testing.T, l Layer, in Shape) {
	t.Helper()
	build(t, l, in)
	for _, q := range l.Params() {
		q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
	}
	x, p, rng := NewMatrix(4, in.Size()).Fill(1), new(Pass), testRand()
	var dy Matrix
	for _, training := range []bool{true, false} {
		f := func() {
			p.reset(training, rng)
			y := l.Forward(p, x)
			if training {
				dy.Resize(y.Rows, y.Cols)
				l.Backward(p, &dy)
			}
		}
		f()
		if a := testing.AllocsPerRun(20, f); a != 0 {
			t.Errorf("%s%v, training %v: %v allocations", describe(l), in, training, a)
		}
	}
}

func TestNormAllocs(t *testing.T) {
	for _, test := range normLayers() {
		checkAllocs(t, test.layer, test.shapes[len(test.shapes)-1])
	}
	checkAllocs(t, ChannelDropout(0.5), Shape{3, 4})
}

// However the work is split, the bits are the same.
func TestNormSplit(t *testing.T) {
	defer func(old bool) { alwaysSplit = old }(alwaysSplit)
	for _, test := range normLayers() {
		in := test.shapes[len(test.shapes)-1]
		x, dy := randomMatrix(testRand(), 9, in.Size()), randomMatrix(rand.New(rand.NewPCG(1, 1)), 9, in.Size())
		var want string
		for _, split := range []bool{false, true} {
			alwaysSplit = split
			build(t, test.layer, in)
			y, dx := trip(test.layer, x, dy)
			got := fmt.Sprintf("%x %x", y.Data, dx.Data)
			for _, q := range test.layer.Params() {
				got += fmt.Sprintf(" %x %x", q.Value.Data, q.Grad.Data)
			}
			if split && got != want {
				t.Errorf("%s: other bits if split", describe(test.layer))
			}
			want = got
		}
	}
}

// Layers before a normalization are initialized for the activation after it.
func TestNormPassesInit(t *testing.T) {
	for _, l := range []Layer{BatchNorm(), LayerNorm(), GroupNorm(1), RMSNorm()} {
		if a := (Layers{l, ReLU}).activation(); a != ReLU {
			t.Errorf("%s hides the activation after it", describe(l))
		}
	}
}

func TestChannelDropout(t *testing.T) {
	l := ChannelDropout(0.25)
	if err := TestLayer(l, Shape{3, 2}); err != nil {
		t.Error(err)
	}
	if err := TestLayer(l, Shape{2, 2, 3}); err != nil {
		t.Error(err)
	}
	build(t, l, Shape{50, 2, 2})
	x := NewMatrix(200, 200).Fill(3)
	p := new(Pass)
	p.reset(true, testRand())
	y := l.Forward(p, x).Clone()
	dropped := 0
	for i := 0; i < len(y.Data); i += 4 {
		c := y.Data[i : i+4]
		if slices.Min(c) != slices.Max(c) || c[0] != 0 && c[0] != 4 {
			t.Fatalf("a channel becomes %v, want all 0 or all 4", c)
		}
		if c[0] == 0 {
			dropped++
		}
	}
	if part := float64(dropped) / 10000; math.Abs(part-0.25) > 0.02 {
		t.Errorf("%v of the channels are dropped, want 0.25", part)
	}
	if dx := l.Backward(p, x); !sameBits(dx.Data, y.Data) {
		t.Error("the gradient has another mask")
	}
	if predict(l, x).Sum() != x.Sum() {
		t.Error("channels are dropped in prediction")
	}
}
