package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestGoldenPool(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "pool") {
		seen++
		kh, kw := c.pair("kernel")
		sh, sw := c.pair("stride")
		ph, pw := c.pair("padding")
		if ph != pw || c.bool("ceil_mode") {
			t.Fatalf("%s: cannot be expressed", c.Name)
		}
		var l Layer
		switch c.Op {
		case "maxpool2d":
			l = MaxPool2D(kh).WithSize(kh, kw).WithStrides(sh, sw).WithPadding(ph)
		case "avgpool2d":
			a := AvgPool2D(kh).WithSize(kh, kw).WithStrides(sh, sw).WithPadding(ph)
			a.ExcludePadding = !c.bool("count_include_pad")
			l = a
		case "global_avgpool2d":
			l = GlobalAvgPool2D()
		case "adaptive_avgpool2d":
			l = AdaptiveAvgPool2D(c.pair("output"))
		default:
			t.Fatalf("%s: %s is not known", c.Name, c.Op)
		}
		shape := c.In["x"].Shape
		out, err := l.Build(shape[1:], nil)
		if want := c.Out["y"].Shape[1:]; err != nil || !slices.Equal(out, want) {
			t.Errorf("%s: Build gives %v, %v, want %v", c.Name, out, err, want)
			continue
		}
		x := NewMatrix(shape[0], Shape(shape[1:]).Size(), c.In["x"].floats()...)
		dy := NewMatrix(shape[0], out.Size(), c.Upstream["y"].floats()...)
		y, dx := trip(l, x, dy)
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dx", dx.Data, c.Grad["x"])
		if c.Op == "maxpool2d" {
			p := new(Pass)
			p.reset(true, testRand())
			l.Forward(p, x)
			c.check(t, "argmax", p.Pop().Data, c.Out["argmax"])
		}
	}
	if seen != 11 {
		t.Errorf("%d cases checked, want 11", seen)
	}
}

func poolCases() []convCase {
	return []convCase{
		{MaxPool2D(1), Shape{1, 1, 1}, Shape{1, 1, 1}},
		{MaxPool2D(2), Shape{2, 5, 4}, Shape{2, 2, 2}},
		{MaxPool2D(3).WithStride(2).WithPadding(1), Shape{3, 5, 6}, Shape{3, 3, 3}},
		{MaxPool2D(2).WithSize(3, 2).WithStrides(1, 3), Shape{1, 5, 7}, Shape{1, 3, 2}},
		{MaxPool2D(2).WithPadding(1), Shape{1, 1, 1}, Shape{1, 1, 1}},
		{MaxPool2D(5).WithStride(1).WithPadding(4), Shape{1, 1, 2}, Shape{1, 5, 6}},
		{AvgPool2D(2), Shape{2, 5, 4}, Shape{2, 2, 2}},
		{AvgPool2D(3).WithStride(2).WithPadding(1), Shape{3, 5, 6}, Shape{3, 3, 3}},
		{AvgPool2D(3).WithStride(2).WithPadding(2).WithoutPaddingInMean(), Shape{3, 5, 6}, Shape{3, 4, 4}},
		{AvgPool2D(2).WithSize(1, 4).WithStrides(3, 1), Shape{1, 4, 5}, Shape{1, 2, 2}},
		{MaxPool1D(2), Shape{3, 5}, Shape{3, 2}},
		{MaxPool1D(3).WithStride(1).WithPadding(1), Shape{1, 4}, Shape{1, 4}},
		{AvgPool1D(2), Shape{3, 5}, Shape{3, 2}},
		{AvgPool1D(3).WithStride(1).WithPadding(1).WithoutPaddingInMean(), Shape{1, 4}, Shape{1, 4}},
		{AdaptiveAvgPool2D(1, 1), Shape{2, 3, 4}, Shape{2, 1, 1}},
		{AdaptiveAvgPool2D(2, 3), Shape{2, 5, 7}, Shape{2, 2, 3}},
		{AdaptiveAvgPool2D(4, 3), Shape{1, 3, 2}, Shape{1, 4, 3}},
		{GlobalAvgPool2D(), Shape{3, 4, 5}, Shape{3}},
		{GlobalAvgPool2D(), Shape{3, 4}, Shape{3}},
		{GlobalAvgPool2D(), Shape{1, 1, 1}, Shape{1}},
		{GlobalMaxPool2D(), Shape{3, 4, 5}, Shape{3}},
		{GlobalMaxPool2D(), Shape{3, 4}, Shape{3}},
		{GlobalMaxPool2D(), Shape{1, 1, 1}, Shape{1}},
	}
}

func TestPoolLayers(t *testing.T) {
	for _, c := range poolCases() {
		out, err := c.layer.Build(c.in, testRand())
		if err != nil || !slices.Equal(out, c.out) {
			t.Errorf("%s: Build(%v) = %v, %v; want %v", describe(c.layer), c.in, out, err, c.out)
		}
		if err := TestLayer(c.layer, c.in); err != nil {
			t.Errorf("%s%v: %v", describe(c.layer), c.in, err)
		}
		y, dx := trip(c.layer, NewMatrix(0, c.in.Size()), NewMatrix(0, out.Size()))
		if y.Rows != 0 || y.Cols != out.Size() || dx.Rows != 0 || dx.Cols != c.in.Size() {
			t.Errorf("%s: an empty batch gives %d×%d and %d×%d", describe(c.layer), y.Rows, y.Cols, dx.Rows, dx.Cols)
		}
	}
}

// Of equal values the first has the gradient, a NaN is larger than any number, and
// padding is never the largest.
func TestMaxPoolSpecial(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, l := range []Layer{MaxPool2D(2), GlobalMaxPool2D()} {
		if _, err := l.Build(Shape{1, 2, 2}, nil); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			x     []float64
			y     float64
			first int
		}{
			{[]float64{1, 2, 3, 4}, 4, 3},
			{[]float64{2, 2, 1, 2}, 2, 0},
			{[]float64{math.Copysign(0, -1), 0, 0, 0}, math.Copysign(0, -1), 0},
			{[]float64{-inf, -inf, -inf, -inf}, -inf, 0},
			{[]float64{-inf, -1, -1, -inf}, -1, 1},
			{[]float64{1, nan, inf, nan}, nan, 1},
			{[]float64{nan, 1, 2, 3}, nan, 0},
		} {
			y, dx := trip(l, NewMatrix(1, 4, test.x...), NewMatrix(1, 1, 5))
			want := make([]float64, 4)
			want[test.first] = 5
			if !sameBits(y.Data, []float64{test.y}) || !slices.Equal(dx.Data, want) {
				t.Errorf("%s(%v) = %v, gradient %v; want %v, %v", describe(l), test.x, y.Data, dx.Data, test.y, want)
			}
		}
	}
	l := MaxPool2D(2).WithPadding(1)
	if _, err := l.Build(Shape{1, 2, 2}, nil); err != nil {
		t.Fatal(err)
	}
	y, dx := trip(l, NewMatrix(1, 4, -1, -2, -inf, nan), NewMatrix(1, 4, 1, 2, 3, 4))
	if !sameBits(y.Data, []float64{-1, -2, -inf, nan}) || !slices.Equal(dx.Data, []float64{1, 2, 3, 4}) {
		t.Errorf("y = %v, dx = %v", y.Data, dx.Data)
	}
}

func TestPoolBuildErrors(t *testing.T) {
	image := Shape{4, 5, 6}
	for _, test := range []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{MaxPool2D(2), Shape{5}, "MaxPool2D(2): input is (5): it must be (channels, height, width)"},
		{MaxPool2D(6), image, "MaxPool2D(6): input is (4, 5, 6): height: 5 values with padding are fewer than the kernel spans, 6"},
		{MaxPool2D(0), image, "height: size is 0; it must be positive"},
		{MaxPool2D(-2), image, "height: size is -2; it must be positive"},
		{MaxPool2D(2).WithStride(-2), image, "height: stride is -2; it must be positive"},
		{MaxPool2D(2).WithPadding(2), image, "height: padding is 2; it must be less than the size, 2"},
		{MaxPool2D(2).WithSize(3, 2).WithPadding(2), image, "width: padding is 2; it must be less than the size, 2"},
		{MaxPool2D(2).WithPadding(-1), image, "height: padding is -1 and -1; it must not be negative"},
		{MaxPool2D(math.MaxInt).WithPadding(math.MaxInt - 1), image, "height: size is"},
		{AvgPool2D(7), image, "AvgPool2D(7): input is (4, 5, 6): height"},
		{MaxPool1D(2), image, "MaxPool1D(2): input is (4, 5, 6): it must be (channels, steps)"},
		{AvgPool1D(7), Shape{4, 5}, "AvgPool1D(7): input is (4, 5): 5 values with padding are fewer than the kernel spans, 7"},
		{AdaptiveAvgPool2D(2, 2), Shape{5}, "AdaptiveAvgPool2D(2, 2): input is (5); it must be"},
		{AdaptiveAvgPool2D(0, 2), image, "height and width must be positive"},
		{AdaptiveAvgPool2D(2, math.MaxInt), image, "height and width must be positive"},
		{AdaptiveAvgPool2D(1<<16, 1<<16), image, "product at most"},
		{GlobalAvgPool2D(), Shape{5}, "GlobalAvgPool2D: input is (5); it must be (channels, height, width)"},
		{GlobalMaxPool2D(), Shape{5}, "GlobalMaxPool2D: input is (5); it must be (channels, height, width)"},
	} {
		for _, rng := range []*rand.Rand{nil, testRand()} {
			if _, err := (Layers{test.layer}).Build(test.in, rng); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s%v: error is %v, want %q", describe(test.layer), test.in, err, test.want)
			}
		}
	}
}
