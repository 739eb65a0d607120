package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// pair returns two whole numbers of an attribute, 1 and the number if it is one.
func (c *goldenCase) pair(key string) (a, b int) {
	v, _ := c.Attrs[key].([]any)
	switch len(v) {
	case 1:
		return 1, int(v[0].(float64))
	case 2:
		return int(v[0].(float64)), int(v[1].(float64))
	}
	return 0, 0
}

// goldenConv returns the layer that a case describes.
func goldenConv(t *testing.T, c *goldenCase) Layer {
	t.Helper()
	shape := c.Param["W"].Shape
	_, bias := c.Param["b"]
	kh, kw := 1, shape[len(shape)-1]
	if len(shape) == 4 {
		kh = shape[2]
	}
	sh, sw := c.pair("stride")
	ph, pw := c.pair("padding")
	dh, dw := c.pair("dilation")
	groups := int(c.num("groups"))
	switch c.Op {
	case "conv1d":
		return &Conv1DLayer{Filters: shape[0], Kernel: kw, Stride: sw, Padding: pw, Dilation: dw, Groups: groups, NoBias: !bias}
	case "conv2d":
		l := Conv2D(shape[0], kh).WithKernel(kh, kw).WithStrides(sh, sw).WithPads(ph, ph, pw, pw).WithDilation(dh).WithGroups(groups)
		if pads, ok := c.Attrs["pads"]; ok {
			l.Pads = nil
			for _, v := range pads.([]any) {
				l.Pads = append(l.Pads, int(v.(float64)))
			}
		}
		l.NoBias = !bias
		if dh == dw {
			return l
		}
	case "conv_transpose2d":
		oh, ow := c.pair("output_padding")
		if ph == pw && dh == dw && oh == ow {
			return &ConvTranspose2DLayer{Filters: shape[1] * groups, Kernel: kh, KernelW: kw, Stride: sh, StrideW: sw, Padding: ph, OutputPadding: oh, Dilation: dh, Groups: groups, NoBias: !bias}
		}
	}
	t.Fatalf("%s: cannot be expressed", c.Name)
	return nil
}

func TestGoldenConv(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "conv") {
		seen++
		l, shape := goldenConv(t, c), c.In["x"].Shape
		out, err := l.Build(shape[1:], testRand())
		if err != nil {
			t.Fatalf("%s: %v", c.Name, err)
		}
		if want := c.Out["y"].Shape[1:]; !slices.Equal(out, want) {
			t.Errorf("%s: output is %v, want %v", c.Name, out, want)
			continue
		}
		params := l.Params()
		names := []string{"W", "b"}[:len(params)]
		for i, name := range names {
			copy(params[i].Value.Data, c.Param[name].floats())
		}
		x := NewMatrix(shape[0], Shape(shape[1:]).Size(), c.In["x"].floats()...)
		dy := NewMatrix(shape[0], out.Size(), c.Upstream["y"].floats()...)
		y, dx := trip(l, x, dy)
		c.check(t, "y", y.Data, c.Out["y"])
		c.check(t, "dx", dx.Data, c.Grad["x"])
		for i, name := range names {
			c.check(t, "d"+name, params[i].Grad.Data, c.Grad[name])
		}
	}
	if seen != 16 {
		t.Errorf("%d cases checked, want 16", seen)
	}
}

// Whole training runs of a small convolutional network give the losses and
// weights that PyTorch gives.
func TestGoldenConvTraces(t *testing.T) {
	seen := 0
	for _, c := range golden(t, "traces") {
		if c.str("model") != "cnn" {
			continue
		}
		seen++
		opt := c.Attrs["optimizer"].(map[string]any)
		rate := opt["lr"].(float64)
		var o Optimizer
		if opt["name"] == "adam" {
			o = &Adam{LearningRate: rate, Beta1: opt["beta1"].(float64), Beta2: opt["beta2"].(float64), Epsilon: opt["eps"].(float64)}
		} else {
			o = &SGD{LearningRate: rate, Momentum: opt["momentum"].(float64)}
		}
		net := New(nil, Input(1, 6, 6), Conv2D(2, 3).WithPadding(1), ReLU, MaxPool2D(2), Flatten(), Dense(3), Softmax())
		names := []string{"Wc", "bc", "Wd", "bd"}
		for i, name := range names {
			copy(net.Params()[i].Value.Data, c.Param[name].floats())
		}
		x := NewMatrix(6, 36, c.In["X"].floats()...)
		labels, batches := c.In["labels"].floats(), c.In["batches"].matrix()
		tr := Trainer{Net: net, Optimizer: o}
		var losses []float64
		for s := range batches.Rows {
			bx, by := NewMatrix(batches.Cols, x.Cols), NewMatrix(batches.Cols, 1)
			for i, r := range batches.Row(s) {
				copy(bx.Row(i), x.Row(int(r)))
				by.Data[i] = labels[int(r)]
			}
			losses = append(losses, tr.Step(bx, by))
			if s == 0 {
				for i, name := range names {
					c.check(t, "gradient of "+name, net.Params()[i].Grad.Data, c.Grad[name])
				}
			}
		}
		c.check(t, "loss", losses, c.Out["loss"])
		for i, name := range names {
			c.check(t, "final/"+name, net.Params()[i].Value.Data, c.Out["final/"+name])
		}
	}
	if seen != 2 {
		t.Errorf("%d traces checked, want 2", seen)
	}
}

// A convCase is a layer, an input for it, and the output that follows.
type convCase struct {
	layer   Layer
	in, out Shape
}

func convCases() []convCase {
	return []convCase{
		{Conv2D(1, 1), Shape{1, 1, 1}, Shape{1, 1, 1}},
		{Conv2D(3, 2), Shape{2, 3, 4}, Shape{3, 2, 3}},
		{Conv2D(2, 3).WithPadding(1), Shape{1, 1, 1}, Shape{2, 1, 1}},
		{Conv2D(3, 1), Shape{4, 3, 5}, Shape{3, 3, 5}},
		{Conv2D(4, 1).WithGroups(2), Shape{6, 2, 3}, Shape{4, 2, 3}},
		{Conv2D(3, 1).WithStride(2), Shape{2, 3, 5}, Shape{3, 2, 3}},
		{Conv2D(2, 3).WithStride(2).WithPadding(2), Shape{3, 5, 4}, Shape{2, 4, 3}},
		{Conv2D(2, 3).WithKernel(3, 2).WithStrides(1, 3).WithDilation(2), Shape{2, 7, 9}, Shape{2, 3, 3}},
		{Conv2D(4, 3).WithGroups(2).WithPadding(1), Shape{4, 3, 3}, Shape{4, 3, 3}},
		{Conv2D(3, 3).WithGroups(3).WithPadding(1), Shape{3, 4, 5}, Shape{3, 4, 5}},
		{Conv2D(3, 3).WithGroups(3).WithPadding(2).WithDilation(2).WithoutBias(), Shape{3, 4, 5}, Shape{3, 4, 5}},
		{Conv2D(3, 2).WithGroups(3).WithStrides(2, 1), Shape{3, 5, 3}, Shape{3, 2, 2}},
		{Conv2D(3, 2).WithGroups(3).WithStride(2), Shape{3, 5, 4}, Shape{3, 2, 2}},
		{Conv2D(6, 2).WithGroups(3), Shape{3, 3, 4}, Shape{6, 2, 3}},
		{Conv2D(2, 2).WithSamePadding(), Shape{1, 3, 4}, Shape{2, 3, 4}},
		{Conv2D(2, 3).WithSamePadding().WithStride(2), Shape{1, 5, 6}, Shape{2, 3, 3}},
		{Conv2D(1, 1).WithSamePadding().WithStride(3), Shape{1, 5, 6}, Shape{1, 2, 2}},
		{Conv2D(2, 3).WithPads(0, 2, 1, 0), Shape{1, 2, 4}, Shape{2, 2, 3}},
		{Conv2D(2, 2).WithPadding(4), Shape{1, 1, 2}, Shape{2, 8, 9}},
		{Conv1D(3, 3), Shape{2, 7}, Shape{3, 5}},
		{Conv1D(1, 1), Shape{1, 1}, Shape{1, 1}},
		{Conv1D(4, 2).WithGroups(2).WithPads(1, 0), Shape{2, 5}, Shape{4, 5}},
		{Conv1D(2, 3).WithDilation(2).WithStride(2).WithPadding(2), Shape{2, 9}, Shape{2, 5}},
		{Conv1D(2, 4).WithSamePadding().WithoutBias(), Shape{3, 6}, Shape{2, 6}},
		{ConvTranspose2D(1, 1), Shape{1, 1, 1}, Shape{1, 1, 1}},
		{ConvTranspose2D(3, 3), Shape{2, 3, 2}, Shape{3, 5, 4}},
		{ConvTranspose2D(2, 4).WithStride(2).WithPadding(1), Shape{3, 2, 3}, Shape{2, 4, 6}},
		{ConvTranspose2D(4, 3).WithStride(2).WithPadding(1).WithOutputPadding(1).WithGroups(2), Shape{2, 3, 2}, Shape{4, 6, 4}},
		{ConvTranspose2D(3, 2).WithKernel(2, 3).WithStrides(3, 2).WithoutBias(), Shape{1, 2, 2}, Shape{3, 5, 5}},
		{ConvTranspose2D(3, 2).WithGroups(3).WithDilation(2).WithOutputPadding(1), Shape{3, 2, 3}, Shape{3, 5, 6}},
		{ConvTranspose2D(2, 1), Shape{3, 2, 3}, Shape{2, 2, 3}},
	}
}

func TestConvLayers(t *testing.T) {
	for _, c := range convCases() {
		out, err := c.layer.Build(c.in, testRand())
		if err != nil || !slices.Equal(out, c.out) {
			t.Errorf("%s: Build(%v) = %v, %v; want %v", describe(c.layer), c.in, out, err, c.out)
		}
		if err := TestLayer(c.layer, c.in); err != nil {
			t.Errorf("%s%v: %v", describe(c.layer), c.in, err)
		}
	}
}

// convolve is the definition: y of Conv2D, and for a gradient dy those of x, w
// and b, as sums in no particular order.
func convolve(g *convolution, w, b, x, dy []float64, samples int) (y, dx, dw, db []float64) {
	y, dx = make([]float64, samples*g.f*g.positions()), make([]float64, len(x))
	dw, db = make([]float64, len(w)), make([]float64, g.f)
	cg, fg := g.c/g.groups, g.f/g.groups
	for s := range samples {
		for f := range g.f {
			for i := range g.rows.out {
				for j := range g.cols.out {
					at := ((s*g.f+f)*g.rows.out+i)*g.cols.out + j
					sum := 0.0
					if b != nil {
						sum = b[f]
					}
					db[f] += dy[at]
					for c := range cg {
						for u := range g.rows.kernel {
							for v := range g.cols.kernel {
								r, t := g.rows.at(i, u), g.cols.at(j, v)
								if r < 0 || r >= g.rows.in || t < 0 || t >= g.cols.in {
									continue
								}
								xi := ((s*g.c+f/fg*cg+c)*g.rows.in+r)*g.cols.in + t
								wi := ((f*cg+c)*g.rows.kernel+u)*g.cols.kernel + v
								sum = math.FMA(w[wi], x[xi], sum)
								dw[wi] = math.FMA(dy[at], x[xi], dw[wi])
								dx[xi] = math.FMA(dy[at], w[wi], dx[xi])
							}
						}
					}
					y[at] = sum
				}
			}
		}
	}
	return y, dx, dw, db
}

// convSizes are shapes that need several tiles, blocks of rows, of filters and
// of channels, and groups of samples.
func convSizes() []convCase {
	return []convCase{
		{Conv2D(5, 3).WithPadding(1), Shape{3, 31, 29}, nil},
		{Conv2D(3, 5), Shape{30, 14, 14}, nil},
		{Conv2D(130, 3).WithGroups(2), Shape{4, 6, 5}, nil},
		{Conv2D(2, 17).WithPadding(3), Shape{2, 19, 25}, nil},
		{Conv2D(7, 1), Shape{300, 5, 7}, nil},
		{Conv2D(200, 3).WithStride(2).WithPadding(1), Shape{80, 7, 9}, nil},
		{Conv2D(6, 3).WithGroups(6).WithSamePadding(), Shape{6, 33, 20}, nil},
		{Conv1D(4, 5).WithStride(3).WithDilation(2), Shape{3, 1500}, nil},
		{Conv2D(2, 2).WithStride(7), Shape{3, 60, 60}, nil},
		{ConvTranspose2D(4, 4).WithStride(2).WithPadding(1), Shape{70, 23, 22}, nil},
		{ConvTranspose2D(3, 3).WithStride(4), Shape{5, 10, 9}, nil},
	}
}

func convOf(l Layer) *convolution {
	switch l := l.(type) {
	case *Conv1DLayer:
		return &l.conv
	case *Conv2DLayer:
		return &l.conv
	case *ConvTranspose2DLayer:
		return &l.conv
	}
	return nil
}

// Large shapes agree with the definition.
func TestConvSizes(t *testing.T) { kernelSets(t, testConvSizes) }

func testConvSizes(t *testing.T) {
	for _, c := range convSizes() {
		for _, n := range []int{1, 9} {
			rng := testRand()
			out, err := c.layer.Build(c.in, rng)
			if err != nil {
				t.Fatal(err)
			}
			params := c.layer.Params()
			params[1].Value.FillNormal(rng, 0, 1)
			x, dy := randomMatrix(rng, n, c.in.Size()), randomMatrix(rng, n, out.Size())
			y, dx := trip(c.layer, x, dy)
			g, w, b := convOf(c.layer), params[0].Value.Data, params[1].Value.Data
			var wantY, wantX, wantW, wantB []float64
			if _, ok := c.layer.(*ConvTranspose2DLayer); ok {
				wantX, wantY, wantW, _ = convolve(g, w, nil, dy.Data, x.Data, n)
				wantB = make([]float64, len(b))
				for i := range wantY {
					f := i / g.plane() % g.c
					wantY[i] += b[f]
					wantB[f] += dy.Data[i]
				}
			} else {
				wantY, wantX, wantW, wantB = convolve(g, w, b, x.Data, dy.Data, n)
			}
			for _, v := range []struct {
				what      string
				got, want []float64
			}{{"y", y.Data, wantY}, {"dx", dx.Data, wantX}, {"dW", params[0].Grad.Data, wantW}, {"db", params[1].Grad.Data, wantB}} {
				if !near(v.got, v.want, 1e-12) {
					t.Errorf("%s%v, %d samples: %s is not what it should be", describe(c.layer), c.in, n, v.what)
				}
			}
		}
	}
}

// near reports whether x and y differ by at most tol times the largest of y.
func near(x, y []float64, tol float64) bool {
	largest := 0.0
	for _, v := range y {
		largest = max(largest, math.Abs(v))
	}
	return slices.EqualFunc(x, y, func(a, b float64) bool { return math.Abs(a-b) <= tol*largest })
}

// The recipe of the documentation, bit for bit: chains from the bias in the order
// of the columns of W for y, chains of 4 samples for dW, dx in order of positions.
func TestConvRecipe(t *testing.T) { kernelSets(t, testConvRecipe) }

func testConvRecipe(t *testing.T) {
	rng := testRand()
	for _, l := range []*Conv2DLayer{Conv2D(3, 3).WithPadding(1), Conv2D(3, 2).WithStride(2).WithGroups(3), Conv2D(4, 1), Conv2D(2, 17).WithPadding(8),
		Conv2D(6, 5).WithPadding(2), Conv2D(16, 5), Conv2D(130, 3).WithPads(0, 1, 2, 0), Conv2D(5, 3).WithKernel(2, 4).WithStrides(2, 1).WithDilation(2)} {
		const n = 9
		in := Shape{3, 18, 13}
		if l.Groups == 0 {
			in[0] = 2
		}
		if _, err := l.Build(in, rng); err != nil {
			t.Fatal(err)
		}
		g := &l.conv
		l.B.Value.FillNormal(rng, 0, 1)
		x, dy := randomMatrix(rng, n, in.Size()), randomMatrix(rng, n, g.f*g.positions())
		y, dx := trip(l, x, dy)

		cg, fg, p := g.c/g.groups, g.f/g.groups, g.positions()
		wantY, wantX, wantW := NewMatrix(n, y.Cols), NewMatrix(n, x.Cols), NewMatrix(l.W.Value.Rows, l.W.Value.Cols)
		meets := func(s, c, q, k int) (i int, ok bool) { // index in x
			u, v := k/g.cols.kernel, k%g.cols.kernel
			r, t := g.rows.at(q/g.cols.out, u), g.cols.at(q%g.cols.out, v)
			return c*g.plane() + r*g.cols.in + t, r >= 0 && r < g.rows.in && t >= 0 && t < g.cols.in
		}
		for s := range n {
			for f := range g.f {
				for q := range p {
					sum := l.B.Value.Data[f]
					for k := range g.depth() {
						v := 0.0
						if i, ok := meets(s, f/fg*cg+k/g.kernel(), q, k%g.kernel()); ok {
							v = x.At(s, i)
						}
						sum = math.FMA(l.W.Value.At(f, k), v, sum)
					}
					wantY.Set(s, f*p+q, sum)
				}
			}
			for c := range g.c {
				group := c / cg
				for q := range p {
					for k := range g.kernel() {
						i, ok := meets(s, c, q, k)
						if !ok {
							continue
						}
						sum := 0.0
						for f := group * fg; f < (group+1)*fg; f++ {
							sum = math.FMA(l.W.Value.At(f, (c-group*cg)*g.kernel()+k), dy.At(s, f*p+q), sum)
						}
						wantX.Set(s, i, wantX.At(s, i)+sum)
					}
				}
			}
		}
		for f := range g.f {
			for k := range g.depth() {
				total := 0.0
				for lo := 0; lo < n; lo += 4 {
					sum := 0.0
					for s := lo; s < min(lo+4, n); s++ {
						for q := range p {
							v := 0.0
							if i, ok := meets(s, f/fg*cg+k/g.kernel(), q, k%g.kernel()); ok {
								v = x.At(s, i)
							}
							sum = math.FMA(dy.At(s, f*p+q), v, sum)
						}
					}
					total += sum
				}
				wantW.Set(f, k, total)
			}
		}
		if !sameBits(y.Data, wantY.Data) || !sameBits(dx.Data, wantX.Data) || !sameBits(l.W.Grad.Data, wantW.Data) {
			t.Errorf("%s: y, dx, dW keep the recipe: %v, %v, %v", describe(l), sameBits(y.Data, wantY.Data), sameBits(dx.Data, wantX.Data), sameBits(l.W.Grad.Data, wantW.Data))
		}
	}
}

// The same bits however the work is split.
func TestConvParallel(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	defer func() { alwaysSplit = false }()
	rng := testRand()
	for _, c := range append(convSizes(), convCases()...) {
		out, err := c.layer.Build(c.in, rng)
		if err != nil {
			t.Fatal(err)
		}
		x, dy := randomMatrix(rng, 6, c.in.Size()), randomMatrix(rng, 6, out.Size())
		var want []float64
		for _, procs := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(procs)
			alwaysSplit = procs > 1
			y, dx := trip(c.layer, x, dy)
			got := slices.Concat(y.Data, dx.Data)
			for _, q := range c.layer.Params() {
				got = append(got, q.Grad.Data...)
			}
			if want == nil {
				want = got
			} else if !sameBits(got, want) {
				t.Errorf("%s%v: other bits with %d processors", describe(c.layer), c.in, procs)
			}
		}
	}
}

// An activation in a list with the convolution before it gives the bits that the two
// give one after the other, forward and back.
func TestConvActivated(t *testing.T) {
	kernelSets(t, func(t *testing.T) {
		rng := testRand()
		for _, c := range slices.Concat(convCases(), convSizes()[:3]) {
			out, err := c.layer.Build(c.in, rng)
			if err != nil {
				t.Fatal(err)
			}
			x, dy := randomMatrix(rng, 3, c.in.Size()), randomMatrix(rng, 3, out.Size())
			for a := range Activation(len(activations)) {
				y, dx := trip(Layers{c.layer, a}, x, dy)
				got := slices.Concat(y.Data, dx.Data, c.layer.Params()[0].Grad.Data)
				y, dx = trip(Layers{c.layer, Identity, a}, x, dy)
				want := slices.Concat(y.Data, dx.Data, c.layer.Params()[0].Grad.Data)
				if !sameBits(got, want) {
					t.Errorf("%s, %v: other bits than one after the other", describe(c.layer), a)
				}
				if p := predict(Layers{c.layer, a}, x); !sameBits(p.Data, y.Data) {
					t.Errorf("%s, %v: other values in prediction", describe(c.layer), a)
				}
			}
		}
	})
}

// Gradients add to what is there, and no samples add nothing.
func TestConvEmptyBatch(t *testing.T) {
	for _, c := range convCases() {
		out, err := c.layer.Build(c.in, testRand())
		if err != nil {
			t.Fatal(err)
		}
		y, dx := trip(c.layer, NewMatrix(0, c.in.Size()), NewMatrix(0, out.Size()))
		if y.Rows != 0 || y.Cols != out.Size() || dx.Rows != 0 || dx.Cols != c.in.Size() {
			t.Errorf("%s: an empty batch gives %d×%d and %d×%d", describe(c.layer), y.Rows, y.Cols, dx.Rows, dx.Cols)
		}
		for _, q := range c.layer.Params() {
			if q.Grad.Norm() != 0 {
				t.Errorf("%s: an empty batch has a gradient", describe(c.layer))
			}
		}
	}
}

func TestConvNaN(t *testing.T) {
	for _, l := range []Layer{Conv2D(1, 3).WithPadding(1), ConvTranspose2D(1, 3).WithPadding(1)} {
		if _, err := l.Build(Shape{1, 5, 5}, testRand()); err != nil {
			t.Fatal(err)
		}
		x := NewMatrix(2, 25)
		x.Set(0, 0, math.NaN())
		x.Set(1, 24, math.Inf(1))
		y := predict(l, x)
		for i, v := range y.Data {
			s, r, c := i/25, i%25/5, i%5
			reached := s == 0 && r < 2 && c < 2 || s == 1 && r > 2 && c > 2
			if finite := v-v == 0; finite == reached {
				t.Errorf("%s: y[%d,%d,%d] = %v", describe(l), s, r, c, v)
			}
		}
	}
}

func TestConvBuildErrors(t *testing.T) {
	image := Shape{4, 5, 6}
	for _, test := range []struct {
		layer Layer
		in    Shape
		want  string
	}{
		{Conv2D(2, 3), Shape{9}, "Conv2D(2, 3): input is (9); it must be (channels, height, width): put Reshape before it"},
		{Conv2D(2, 6), image, "Conv2D(2, 6): input is (4, 5, 6): height: 5 values with padding are fewer than the kernel spans, 6"},
		{Conv2D(2, 3).WithDilation(3), image, "height: 5 values with padding are fewer than the kernel spans, 7"},
		{Conv2D(2, 3).WithKernel(3, 8), image, "width: 6 values with padding are fewer than the kernel spans, 8"},
		{Conv2D(0, 3), image, "the number of filters must be positive"},
		{Conv2D(-4, 3), image, "the number of filters must be positive"},
		{Conv2D(2, 0), image, "height: size is 0; it must be positive"},
		{Conv2D(2, 3).WithStride(-1), image, "height: stride is -1; it must be positive"},
		{Conv2D(2, 3).WithDilation(-1), image, "height: dilation is -1 for size 3"},
		{Conv2D(2, 3).WithDilation(math.MaxInt), image, "height: dilation is"},
		{Conv2D(2, 3).WithPadding(-1), image, "height: padding is -1 and -1; it must not be negative"},
		{Conv2D(2, 3).WithPadding(math.MaxInt), image, "height: padding is"},
		{Conv2D(2, math.MaxInt).WithSamePadding(), image, "height: size is"},
		{&Conv2DLayer{Filters: 2, Kernel: 3, Pads: []int{1, 2}}, image, "2 pads, not 4"},
		{&Conv2DLayer{Filters: 2, Kernel: 3, Pads: []int{}}, image, "0 pads, not 4"},
		{Conv2D(2, 3).WithGroups(3), image, "3 groups do not divide channels and filters evenly"},
		{Conv2D(2, 3).WithGroups(-1), image, "-1 groups do not divide channels and filters evenly"},
		{Conv2D(3, 3).WithGroups(2), image, "2 groups do not divide channels and filters evenly"},
		{Conv2D(1<<30, 1), image, "dimensions must be positive and their product at most"},
		{Conv2D(1<<20, 1<<20).WithPadding(1 << 20), image, "dimensions must be positive and their product at most"},
		{Conv1D(2, 3), image, "Conv1D(2, 3): input is (4, 5, 6); it must be (channels, steps)"},
		{Conv1D(2, 9), Shape{4, 6}, "Conv1D(2, 9): input is (4, 6): width: 6 values with padding are fewer than the kernel spans, 9"},
		{&Conv1DLayer{Filters: 2, Kernel: 3, Pads: []int{1}}, Shape{4, 6}, "1 pads, not 2"},
		{ConvTranspose2D(2, 3), Shape{4, 6}, "ConvTranspose2D(2, 3): input is (4, 6); it must be (channels, height, width)"},
		{ConvTranspose2D(2, 3).WithOutputPadding(1), image, "output padding is 1; it must be less than stride or dilation"},
		{ConvTranspose2D(2, 3).WithOutputPadding(-1), image, "output padding is -1"},
		{ConvTranspose2D(2, 1).WithPadding(3), image, "padding of 3 leaves nothing of 5 values"},
		{ConvTranspose2D(2, 1).WithStride(math.MaxInt), image, "stride is"},
		{ConvTranspose2D(2, 1).WithStride(1 << 30), image, "the output would be too large"},
		{ConvTranspose2D(2, 1<<17), image, "dimensions must be positive and their product at most"},
		{ConvTranspose2D(3, 3).WithGroups(2), image, "2 groups do not divide channels and filters evenly"},
	} {
		for _, rng := range []*rand.Rand{nil, testRand()} {
			if _, err := (Layers{test.layer}).Build(test.in, rng); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s%v: error is %v, want %q", describe(test.layer), test.in, err, test.want)
			}
		}
	}
}

// Without rng nothing is allocated for weights, however large.
func TestConvShapesOnly(t *testing.T) {
	for _, l := range []Layer{Conv2D(1<<10, 1<<8).WithPadding(1 << 8), ConvTranspose2D(1<<7, 1<<8)} {
		if _, err := l.Build(Shape{8, 20, 20}, nil); err != nil {
			t.Error(err)
		}
		for _, q := range l.Params() {
			if q.Value.Data != nil {
				t.Errorf("%s: %s has values", describe(l), q.Name)
			}
		}
	}
}

func TestConvDescribe(t *testing.T) {
	for want, l := range map[string]Layer{
		"Conv2D(6, 5)":                                          Conv2D(6, 5),
		"Conv2D(6, 5, Padding=2)":                               Conv2D(6, 5).WithPadding(2),
		"Conv1D(4, 3, Same, NoBias)":                            Conv1D(4, 3).WithSamePadding().WithoutBias(),
		"Conv2D(6, 5, Pads=[0 1 2 3], Dilation=2, Groups=3)":    Conv2D(6, 5).WithPads(0, 1, 2, 3).WithDilation(2).WithGroups(3),
		"ConvTranspose2D(3, 4, Stride=2, Padding=1)":            ConvTranspose2D(3, 4).WithStride(2).WithPadding(1),
		"MaxPool2D(2)":                                          MaxPool2D(2),
		"AvgPool2D(3, Stride=2, Padding=1, ExcludePadding)":     AvgPool2D(3).WithStride(2).WithPadding(1).WithoutPaddingInMean(),
		"AdaptiveAvgPool2D(2, 3)":                               AdaptiveAvgPool2D(2, 3),
		"GlobalAvgPool2D()":                                     GlobalAvgPool2D(),
		"Residual(Conv2D(2, 3, Padding=1), ReLU, MaxPool1D(2))": Residual(Conv2D(2, 3).WithPadding(1), ReLU, MaxPool1D(2)),
	} {
		if got := describe(l); got != want {
			t.Errorf("described as %s, want %s", got, want)
		}
	}
}

// Initial values fit the activation that follows, also beyond pooling, and the
// number of values that a filter meets.
func TestConvInit(t *testing.T) {
	for _, test := range []struct {
		layers Layers
		in     Shape
		std    float64
	}{
		{Layers{Conv2D(200, 5), ReLU}, Shape{8, 5, 5}, math.Sqrt(2.0 / 200)},
		{Layers{Conv2D(200, 5), MaxPool2D(1), ReLU}, Shape{8, 5, 5}, math.Sqrt(2.0 / 200)},
		{Layers{Conv2D(200, 5).WithGroups(4), ReLU}, Shape{32, 5, 5}, math.Sqrt(2.0 / 200)},
		{Layers{Conv2D(200, 5)}, Shape{8, 5, 5}, math.Sqrt(2.0 / (200 + 5000))},
		{Layers{Conv1D(400, 5), ReLU}, Shape{20, 5}, math.Sqrt(2.0 / 100)},
		{Layers{ConvTranspose2D(50, 4).WithStride(2), ReLU}, Shape{50, 2, 2}, math.Sqrt(2.0 / 200)},
		{Layers{Conv2D(200, 5).WithInit(LeCunNormal), ReLU}, Shape{8, 5, 5}, math.Sqrt(1.0 / 200)},
	} {
		if _, err := test.layers.Build(test.in, testRand()); err != nil {
			t.Fatal(err)
		}
		params := test.layers.Params()
		if std := math.Sqrt(params[0].Value.Var()); math.Abs(std-test.std) > 0.02*test.std {
			t.Errorf("%s: weights have standard deviation %v, want %v", describe(test.layers), std, test.std)
		}
		if !params[1].NoDecay || params[1].Value.Norm() != 0 {
			t.Errorf("%s: bias decays, or is not 0", describe(test.layers))
		}
	}
}

func TestConvAllocs(t *testing.T) {
	for _, c := range slices.Concat(convCases(), convSizes(), poolCases()) {
		out, err := c.layer.Build(c.in, testRand())
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range c.layer.Params() {
			q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
		}
		x, dy, p, rng := NewMatrix(3, c.in.Size()).Fill(1), NewMatrix(3, out.Size()), new(Pass), testRand()
		f := func() {
			p.reset(true, rng)
			c.layer.Forward(p, x)
			c.layer.Backward(p, dy)
		}
		f()
		if a := testing.AllocsPerRun(3, f); a != 0 {
			t.Errorf("%s%v: %v allocations", describe(c.layer), c.in, a)
		}
	}
}

// What a pass holds is activations and their gradients, not patches of images, which
// are here 3 to 25 times as large: in training y, dx and a little for the gradients of
// the weights, in prediction y.
func TestConvMemory(t *testing.T) {
	for _, c := range []struct {
		layer Layer
		in    Shape
	}{
		{Conv2D(8, 5).WithPadding(2), Shape{8, 20, 20}},
		{Conv2D(8, 5).WithPadding(2).WithGroups(8), Shape{8, 20, 20}},
		{Conv2D(8, 5).WithSamePadding().WithDilation(2).WithGroups(2), Shape{8, 20, 20}},
		{Conv2D(32, 3).WithPadding(1).WithStride(2), Shape{8, 20, 20}},
		{Conv1D(8, 9).WithSamePadding(), Shape{8, 300}},
		{Conv1D(8, 3).WithPads(4, 0).WithDilation(2), Shape{8, 300}},
		{ConvTranspose2D(8, 5).WithPadding(2), Shape{8, 20, 20}},
		{ConvTranspose2D(4, 4).WithStride(2).WithPadding(1), Shape{8, 10, 10}},
	} {
		out, err := c.layer.Build(c.in, testRand())
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range c.layer.Params() {
			q.Grad = NewMatrix(q.Value.Rows, q.Value.Cols)
		}
		for _, training := range []bool{true, false} {
			p := new(Pass)
			var held []int
			for _, n := range []int{64, 128} {
				p.reset(training, testRand())
				y := c.layer.Forward(p, NewMatrix(n, c.in.Size()))
				if training {
					c.layer.Backward(p, y)
				}
				held = append(held, passValues(p))
			}
			most := out.Size()
			if training {
				most += c.in.Size() + (c.in.Size()+out.Size())/2
			}
			if more := (held[1] - held[0]) / 64; more > most {
				t.Errorf("%s, input %v, training %v: a sample more takes %d values more, want at most %d", describe(c.layer), c.in, training, more, most)
			}
		}
	}
}

// passValues returns the number of values that p holds.
func passValues(p *Pass) int {
	n := 0
	for _, m := range p.mats.all {
		n += cap(m.Data)
	}
	return n
}

// A trained network with convolutions is the same after saving and loading.
func TestConvSave(t *testing.T) {
	net := New(rand.NewPCG(1, 2), Input(2, 12, 12),
		Conv2D(4, 3).WithSamePadding(), ReLU, MaxPool2D(2),
		Conv2D(4, 3).WithGroups(4).WithPadding(1), SiLU, AvgPool2D(3).WithStride(1).WithPadding(1).WithoutPaddingInMean(),
		ConvTranspose2D(3, 4).WithStride(2).WithPadding(1), Tanh, AdaptiveAvgPool2D(5, 4),
		Reshape(3, 20), Conv1D(6, 3).WithPads(2, 0), ReLU, MaxPool1D(2), AvgPool1D(2),
		GlobalAvgPool2D(), Dense(3), Softmax())
	rng := testRand()
	d := Dataset{randomMatrix(rng, 20, 288), NewMatrix(20, 1)}
	for i := range d.Y.Data {
		d.Y.Data[i] = float64(intN(rng, 3))
	}
	tr := Trainer{Net: net, Optimizer: &Adam{}, BatchSize: 8}
	var first, last float64
	for e := range tr.Train(d, 12) {
		if e.N == 1 {
			first = e.Loss
		}
		last = e.Loss
	}
	if !(last < first) {
		t.Errorf("loss goes from %v to %v", first, last)
	}
	clone := net.Clone()
	if got, want := clone.Predict(d.X), net.Predict(d.X); !sameBits(got.Data, want.Data) {
		t.Error("the clone predicts other values")
	}
	if got, want := fmt.Sprint(clone), fmt.Sprint(net); got != want {
		t.Errorf("the clone is\n%s, want\n%s", got, want)
	}
}
