package nn

import (
	"math"
	"strings"
	"testing"
)

// goldenGrads returns params with the gradients g0, g1, … of a case.
func goldenGrads(c *goldenCase) []*Param {
	var params []*Param
	for _, key := range []string{"g0", "g1"} {
		g := c.In[key].matrix()
		p := NewParam(key, g.Rows, g.Cols)
		p.Grad = g
		params = append(params, p)
	}
	return params
}

func TestGoldenRegularization(t *testing.T) {
	// Other norms than √Σg², and an ε beside the norm, are not offered.
	skip := map[string]bool{
		"clip_norm/l2_eps1e-06": true, "clip_norm/l2_not_reached_eps1e-06": true,
		"clip_norm/l1_eps1e-06": true, "clip_norm/inf_eps1e-06": true, "clip_norm/zero_eps1e-06": true,
		"clip_norm/l1_eps0": true, "clip_norm/inf_eps0": true,
	}
	ran := 0
	for _, c := range golden(t, "regularization") {
		if skip[c.Name] {
			continue
		}
		ran++
		switch c.Op {
		case "clip_grad_norm":
			params := goldenGrads(c)
			norm := clipNorm(params, c.num("max_norm"))
			c.check(t, "norm", []float64{norm}, c.Out["norm"])
			c.check(t, "g0", params[0].Grad.Data, c.Out["g0"])
			c.check(t, "g1", params[1].Grad.Data, c.Out["g1"])
		case "clip_grad_value":
			params := goldenGrads(c)
			clipValue(params, c.num("clip_value"))
			c.check(t, "g0", params[0].Grad.Data, c.Out["g0"])
			c.check(t, "g1", params[1].Grad.Data, c.Out["g1"])
		case "l1_penalty", "l2_penalty", "elastic_penalty":
			l1, l2 := c.num("l1"), c.num("l2")
			if c.Op == "elastic_penalty" {
				l2 *= 2 // l2·Σw²
			} else if c.Op == "l1_penalty" {
				l1 = c.num("lambda")
			} else if l2 = c.num("lambda"); !c.bool("half") {
				l2 *= 2
			}
			w := c.Param["w"].matrix()
			p := &Param{Name: "w", Value: w, Grad: NewMatrix(w.Rows, w.Cols)}
			loss := penalty([]*Param{p}, l1, l2)
			addPenalty([]*Param{p}, l1, l2)
			c.check(t, "loss", []float64{loss}, c.Out["loss"])
			c.check(t, "w", p.Grad.Data, c.Grad["w"])
		case "ema":
			w := c.In["w"].matrix()
			p, q := NewParam("w", 1, w.Cols), NewParam("w", 1, w.Cols)
			e := EMA{Decay: c.num("decay"), Debias: c.str("mode") == "zero_debias", Warmup: c.str("mode") == "warmup"}
			var got []float64
			for i := range w.Rows {
				copy(p.Value.Data, w.Row(i))
				e.Update([]*Param{p})
				e.CopyTo([]*Param{q})
				got = append(got, q.Value.Data...)
			}
			c.check(t, "ema", got, c.Out["ema"])
		default:
			t.Errorf("%s: no such operation %s", c.Name, c.Op)
		}
	}
	if ran < 13 {
		t.Errorf("%d cases ran, want at least 13", ran)
	}
}

func paramGrads(params []*Param) []float64 {
	var g []float64
	for _, p := range params {
		if p.Grad != nil {
			g = append(g, p.Grad.Data...)
		}
	}
	return g
}

func TestClipNorm(t *testing.T) {
	params := testParams()
	want := 0.0
	for _, p := range params {
		if !p.Frozen && !p.Stat {
			for _, g := range p.Grad.Data {
				want += g * g
			}
		}
	}
	want = math.Sqrt(want)
	if got := clipNorm(params, 1); math.Abs(got-want) > 1e-14*want {
		t.Errorf("norm is %v, want %v", got, want)
	}
	if got := clipNorm(params, 10); math.Abs(got-1) > 1e-15 {
		t.Errorf("norm after clipping to 1 is %v", got)
	}
	wantBits(t, "gradient of a frozen parameter", params[2].Grad.Data, testParams()[2].Grad.Data)

	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		params, before := testParams(), testParams()
		params[1].Grad.Data[0], before[1].Grad.Data[0] = bad, bad
		if got := clipNorm(params, 1); !math.IsNaN(got) && !math.IsInf(got, 1) {
			t.Errorf("norm with %v is %v", bad, got)
		}
		wantBits(t, "gradients without a finite norm", paramGrads(params), paramGrads(before))
	}
	// Squares that overflow do not matter.
	params = testParams()
	params[0].Grad.Data[0], params[1].Grad.Data[0] = 3e200, -4e200
	if got := clipNorm(params, 10); math.Abs(got-5e200) > 1e186 {
		t.Errorf("norm is %v, want 5e200", got)
	}
	if a, b := params[0].Grad.Data[0], params[1].Grad.Data[0]; math.Abs(a-6) > 1e-14 || math.Abs(b+8) > 1e-14 {
		t.Errorf("clipped to 10 the gradients are %v and %v, want 6 and -8", a, b)
	}
	if got := clipNorm(nil, 1); got != 0 {
		t.Errorf("norm of nothing is %v", got)
	}
}

func TestClipValue(t *testing.T) {
	p := NewParam("w", 1, 6)
	p.Grad = NewMatrix(1, 6, math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1), 0.5, -2)
	clipValue([]*Param{p}, 1)
	want := []float64{1, -1, math.NaN(), math.Copysign(0, -1), 0.5, -1}
	for i, g := range p.Grad.Data {
		if w := want[i]; math.IsNaN(w) != math.IsNaN(g) || !math.IsNaN(w) && math.Float64bits(g) != math.Float64bits(w) {
			t.Errorf("gradient %d is %v, want %v", i, g, w)
		}
	}
	params := testParams()
	clipValue(params, 0.1)
	wantBits(t, "gradient of a frozen parameter", params[2].Grad.Data, testParams()[2].Grad.Data)
}

func TestAddPenalty(t *testing.T) {
	const l1, l2 = 0.3, 0.7
	params, before := testParams(), testParams()
	got, want := penalty(params, l1, l2), 0.0
	addPenalty(params, l1, l2)
	for k, p := range params {
		if p.Stat {
			continue
		}
		for i, w := range p.Value.Data {
			d := 0.0
			if k == 0 || k == 5 { // not NoDecay, not Frozen
				want += l1*math.Abs(w) + l2/2*w*w
				d = l1*sign(w) + l2*w
			}
			if g := p.Grad.Data[i]; math.Abs(g-before[k].Grad.Data[i]-d) > 1e-15 {
				t.Errorf("gradient %d of parameter %d is %v, want %v more than %v", i, k, g, d, before[k].Grad.Data[i])
			}
		}
	}
	if math.Abs(got-want) > 1e-14*want {
		t.Errorf("penalty is %v, want %v", got, want)
	}
	if got := penalty(params, 0, 0); got != 0 {
		t.Errorf("penalty of 0 and 0 is %v", got)
	}
	if n := testing.AllocsPerRun(10, func() {
		penalty(params, l1, l2)
		addPenalty(params, l1, l2)
		clipNorm(params, 1)
		clipValue(params, 0.5)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEMA(t *testing.T) {
	for _, e := range []*EMA{{}, {Decay: 0.9, Debias: true}, {Warmup: true}, {Decay: 0.5, Warmup: true, Debias: true}} {
		params, smooth := testParams(), testParams()
		move := func(step int) {
			for _, p := range params {
				for i := range p.Value.Data {
					p.Value.Data[i] = float64((7*i+5*step)%11) / 4
				}
			}
		}
		e.Update(params)
		e.CopyTo(smooth)
		for i, v := range paramValues(smooth) {
			if w := paramValues(params)[i]; math.Abs(v-w) > 1e-13 {
				t.Errorf("%+v: average of one is %v, want %v", *e, v, w)
				break
			}
		}
		for step := range 5 {
			move(step)
			e.Update(params)
		}
		e.CopyTo(smooth)
		wantBits(t, "average of a Stat", smooth[3].Value.Data, params[3].Value.Data)
		if n := testing.AllocsPerRun(10, func() { e.Update(params); e.CopyTo(smooth) }); n != 0 {
			t.Errorf("%v allocations", n)
		}

		// Kept and gone on with, equal bits.
		f := &EMA{Decay: e.Decay, Debias: e.Debias, Warmup: e.Warmup}
		for k, m := range f.State(params) {
			m.Copy(e.State(params)[k])
		}
		other := testParams()
		for step := range 5 {
			move(step)
			e.Update(params)
			f.Update(params)
		}
		e.CopyTo(smooth)
		f.CopyTo(other)
		wantBits(t, "average that was kept", paramValues(other), paramValues(smooth))
	}

	// The default.
	a, b := &EMA{}, &EMA{Decay: 0.999}
	params, x, y := testParams(), testParams(), testParams()
	for range 3 {
		params[0].Value.Data[0]++
		a.Update(params)
		b.Update(params)
	}
	a.CopyTo(x)
	b.CopyTo(y)
	wantBits(t, "default", paramValues(x), paramValues(y))

	// What does not change has itself as its average, also its bits.
	wantBits(t, "constant", x[1].Value.Data, params[1].Value.Data)
}

func TestEMAPanics(t *testing.T) {
	params := testParams()
	var e EMA
	e.Update(params)
	other := testParams()
	other[0].Value = NewMatrix(3, 5)
	tests := []struct {
		f    func()
		want string
	}{
		{func() { new(EMA).CopyTo(params) }, "nn: EMA: CopyTo before Update"},
		{func() { e.CopyTo(params[1:]) }, "nn: EMA: average of 6 parameters copied to 5"},
		{func() { e.CopyTo(other) }, `nn: EMA: average of parameter "0" is 3×4, not 3×5`},
		{func() { (&EMA{Decay: 1}).Update(params) }, "nn: EMA: Decay is 1; it must"},
	}
	for _, test := range tests {
		if got := panicText(test.f); !strings.HasPrefix(got, test.want) {
			t.Errorf("panic %q, want %q", got, test.want)
		}
	}
}
