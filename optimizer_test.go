package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// newOptimizer returns the optimizer of a golden case, and the weight_decay
// that its authors put into the gradient but that is an L2 penalty here.
func newOptimizer(c *goldenCase) (o Optimizer, l2 float64) {
	lr, beta1, beta2, eps, decay := c.num("lr"), c.num("beta1"), c.num("beta2"), c.num("eps"), c.num("weight_decay")
	switch c.str("optimizer") {
	case "sgd":
		return &SGD{LearningRate: lr, Momentum: c.num("momentum"), Dampening: c.num("dampening"), Nesterov: c.bool("nesterov"), WeightDecay: decay}, 0
	case "adam":
		return &Adam{LearningRate: lr, Beta1: beta1, Beta2: beta2, Epsilon: eps, AMSGrad: c.bool("amsgrad")}, decay
	case "adamw":
		return &Adam{LearningRate: lr, Beta1: beta1, Beta2: beta2, Epsilon: eps, AMSGrad: c.bool("amsgrad"), WeightDecay: decay}, 0
	case "adamax":
		return &Adamax{LearningRate: lr, Beta1: beta1, Beta2: beta2, Epsilon: eps}, decay
	case "nadam":
		return &NAdam{LearningRate: lr, Beta1: beta1, Beta2: beta2, Epsilon: eps, MomentumDecay: c.num("momentum_decay")}, decay
	case "radam":
		return &RAdam{LearningRate: lr, Beta1: beta1, Beta2: beta2, Epsilon: eps}, decay
	case "rmsprop":
		return &RMSProp{LearningRate: lr, Decay: c.num("alpha"), Epsilon: eps, Momentum: c.num("momentum"), Centered: c.bool("centered")}, decay
	case "adagrad":
		o := &Adagrad{LearningRate: lr, Epsilon: eps, InitialSum: c.num("initial_accumulator_value")}
		if slower := c.num("lr_decay"); slower != 0 {
			o.Schedule = func(step int) float64 { return lr / (1 + float64(float64(step)*slower)) }
		}
		return o, decay
	case "adadelta":
		return &Adadelta{LearningRate: lr, Decay: c.num("rho"), Epsilon: eps}, decay
	case "lion":
		return &Lion{LearningRate: lr, Beta1: beta1, Beta2: beta2, WeightDecay: decay}, 0
	}
	return nil, 0
}

// goldenRun follows the trajectory of a golden case: on given gradients, or
// those of ½wᵀAw − bᵀw.
func goldenRun(t *testing.T, c *goldenCase, o Optimizer, l2 float64) {
	p := NewParam("w", 1, len(c.In["p0"].Data))
	p.Grad = NewMatrix(1, p.Value.Cols)
	copy(p.Value.Data, c.In["p0"].floats())
	params := []*Param{p}
	w, g := p.Value, p.Grad
	steps := c.Out["trajectory"].Shape[0]
	var path, losses []float64
	for step := range steps {
		if c.str("problem") == "sequence" {
			copy(g.Data, c.In["grads"].matrix().Row(step))
		} else {
			A, b := c.In["A"].matrix(), c.In["b"].floats()
			g.MulT(w, A) // A is symmetric
			losses = append(losses, vdot(w.Data, g.Data)/2-vdot(b, w.Data))
			vsub(g.Data, g.Data, b)
		}
		addPenalty(params, 0, l2)
		o.Step(params)
		path = append(path, w.Data...)
	}
	c.check(t, "trajectory", path, c.Out["trajectory"])
	if len(losses) > 0 {
		c.check(t, "loss", losses, c.Out["loss"])
	}
}

func TestGoldenOptimizers(t *testing.T) {
	// Not offered: they need signs or histories of whole-batch gradients.
	skip := map[string]bool{
		"rprop/default/sequence": true, "rprop/default/quadratic": true,
		"lbfgs/no_line_search/quadratic": true, "lbfgs/history2/quadratic": true,
	}
	ran := 0
	for _, c := range golden(t, "optimizers") {
		if skip[c.Name] {
			continue
		}
		o, l2 := newOptimizer(c)
		if o == nil {
			t.Errorf("%s: no such optimizer", c.Name)
			continue
		}
		goldenRun(t, c, o, l2)
		ran++
	}
	if ran < 44 {
		t.Errorf("%d cases ran, want at least 44", ran)
	}
}

// allOptimizers returns one of each kind, with every option in use somewhere.
func allOptimizers() map[string]func() Optimizer {
	return map[string]func() Optimizer{
		"SGD":              func() Optimizer { return &SGD{WeightDecay: 0.1} },
		"SGD momentum":     func() Optimizer { return &SGD{Momentum: 0.9, Dampening: 0.2, WeightDecay: 0.1} },
		"SGD Nesterov":     func() Optimizer { return &SGD{Momentum: 0.9, Nesterov: true, WeightDecay: 0.1} },
		"Adam":             func() Optimizer { return &Adam{WeightDecay: 0.1} },
		"Adam AMSGrad":     func() Optimizer { return &Adam{AMSGrad: true, Beta2: 0.7, WeightDecay: 0.1} },
		"NAdam":            func() Optimizer { return &NAdam{WeightDecay: 0.1} },
		"RAdam":            func() Optimizer { return &RAdam{WeightDecay: 0.1} },
		"Adamax":           func() Optimizer { return &Adamax{WeightDecay: 0.1} },
		"RMSProp":          func() Optimizer { return &RMSProp{WeightDecay: 0.1} },
		"RMSProp momentum": func() Optimizer { return &RMSProp{Momentum: 0.5, WeightDecay: 0.1} },
		"RMSProp centered": func() Optimizer { return &RMSProp{Centered: true, WeightDecay: 0.1} },
		"Adagrad":          func() Optimizer { return &Adagrad{WeightDecay: 0.1} },
		"Adadelta":         func() Optimizer { return &Adadelta{WeightDecay: 0.1} },
		"Lion":             func() Optimizer { return &Lion{WeightDecay: 0.1} },
	}
}

// testParams returns parameters of several shapes whose values and gradients
// are fixed numbers, the second NoDecay, the third Frozen, the fourth a Stat, and an empty one.
func testParams() []*Param {
	var params []*Param
	for k, n := range [][2]int{{3, 4}, {1, 5}, {2, 2}, {1, 3}, {0, 4}, {1, 1}} {
		p := NewParam(fmt.Sprint(k), n[0], n[1])
		p.Grad = NewMatrix(n[0], n[1])
		for i := range p.Value.Data {
			p.Value.Data[i] = float64((7*i+3*k)%11)/4 - 1
		}
		params = append(params, p)
	}
	params[1].NoDecay = true
	params[2].Frozen = true
	params[3].Stat, params[3].Grad = true, nil
	testGradients(params, 0)
	return params
}

func testGradients(params []*Param, step int) {
	for k, p := range params {
		if p.Grad == nil {
			continue
		}
		for i := range p.Grad.Data {
			p.Grad.Data[i] = float64((5*i+3*k+7*step+i*step)%13)/3 - 2
		}
	}
}

func paramValues(params []*Param) []float64 {
	var v []float64
	for _, p := range params {
		v = append(v, p.Value.Data...)
	}
	return v
}

func wantBits(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Errorf("%s: value %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
}

// setSchedule sets the field Schedule of any optimizer of the package.
func setSchedule(o Optimizer, s Schedule) {
	switch o := o.(type) {
	case *SGD:
		o.Schedule = s
	case *Adam:
		o.Schedule = s
	case *NAdam:
		o.Schedule = s
	case *RAdam:
		o.Schedule = s
	case *Adamax:
		o.Schedule = s
	case *RMSProp:
		o.Schedule = s
	case *Adagrad:
		o.Schedule = s
	case *Adadelta:
		o.Schedule = s
	case *Lion:
		o.Schedule = s
	default:
		panic("no such optimizer")
	}
}

func TestOptimizerStateRoundTrip(t *testing.T) {
	for name, make := range allOptimizers() {
		schedule := CosineDecayTo(0.1, 0.001, 15)
		whole, o := testParams(), make()
		setSchedule(o, schedule)
		for step := range 17 {
			testGradients(whole, step)
			o.Step(whole)
		}

		first, o1 := testParams(), make()
		setSchedule(o1, schedule)
		for step := range 8 {
			testGradients(first, step)
			o1.Step(first)
		}
		second, o2 := testParams(), make()
		setSchedule(o2, schedule)
		from, to := o1.State(first), o2.State(second)
		if len(from) != len(to) {
			t.Errorf("%s: %d matrices saved, %d to fill", name, len(from), len(to))
			continue
		}
		for k := range to {
			to[k].Copy(from[k])
		}
		for k, p := range second {
			p.Value.Copy(first[k].Value)
		}
		if got, want := o2.(interface{ Rate() float64 }).Rate(), schedule(8); got != want {
			t.Errorf("%s: rate after 8 steps and a resumption is %v, want %v", name, got, want)
		}
		for step := 8; step < 17; step++ {
			testGradients(second, step)
			o2.Step(second)
		}
		wantBits(t, name+": resumed", paramValues(second), paramValues(whole))
		if got := o2.State(second)[0].Data[0]; got != 17 {
			t.Errorf("%s: count of steps is %v, want 17", name, got)
		}
	}
}

func TestOptimizerHonoursFlags(t *testing.T) {
	for name, make := range allOptimizers() {
		params, o := testParams(), make()
		before := testParams()
		for step := range 3 {
			testGradients(params, step)
			o.Step(params)
		}
		for k, p := range params {
			same := true
			for i, v := range p.Value.Data {
				same = same && v == before[k].Value.Data[i]
			}
			if want := p.Frozen || p.Stat || len(p.Value.Data) == 0; same != want {
				t.Errorf("%s: parameter %d (frozen %v, stat %v) unchanged is %v, want %v", name, k, p.Frozen, p.Stat, same, want)
			}
		}

		// With zero gradients only weight decay is left.
		params, o = testParams(), make()
		setSchedule(o, ConstantRate(0.5))
		for _, p := range params {
			if p.Grad != nil {
				p.Grad.Fill(0)
			}
		}
		o.Step(params)
		for k, p := range params {
			keep := 1.0
			if k == 0 || k == 5 {
				keep = 1 - 0.5*0.1 // of rate·decay
				if strings.HasPrefix(name, "SGD Nesterov") {
					keep = 1 - 0.5*0.1*1.9
				}
			}
			for i, v := range p.Value.Data {
				if want := keep * before[k].Value.Data[i]; math.Abs(v-want) > 1e-15 {
					t.Errorf("%s: parameter %d decayed to %v, want %v", name, k, v, want)
					break
				}
			}
		}
	}
}

func TestOptimizerDefaults(t *testing.T) {
	tests := []struct {
		name       string
		zero, full Optimizer
		rate       float64
	}{
		{"SGD", &SGD{}, &SGD{LearningRate: 0.01}, 0.01},
		{"Adam", &Adam{}, &Adam{LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 0.001},
		{"NAdam", &NAdam{}, &NAdam{LearningRate: 0.002, Beta1: 0.9, Beta2: 0.999, MomentumDecay: 0.004, Epsilon: 1e-8}, 0.002},
		{"RAdam", &RAdam{}, &RAdam{LearningRate: 0.001, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 0.001},
		{"Adamax", &Adamax{}, &Adamax{LearningRate: 0.002, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}, 0.002},
		{"RMSProp", &RMSProp{}, &RMSProp{LearningRate: 0.001, Decay: 0.9, Epsilon: 1e-8}, 0.001},
		{"Adagrad", &Adagrad{}, &Adagrad{LearningRate: 0.01, Epsilon: 1e-10}, 0.01},
		{"Adadelta", &Adadelta{}, &Adadelta{LearningRate: 1, Decay: 0.9, Epsilon: 1e-6}, 1},
		{"Lion", &Lion{}, &Lion{LearningRate: 0.0001, Beta1: 0.9, Beta2: 0.99}, 0.0001},
	}
	for _, test := range tests {
		if got := test.zero.(interface{ Rate() float64 }).Rate(); got != test.rate {
			t.Errorf("%s: rate is %v, want %v", test.name, got, test.rate)
		}
		a, b := testParams(), testParams()
		for step := range 8 {
			testGradients(a, step)
			testGradients(b, step)
			test.zero.Step(a)
			test.full.Step(b)
		}
		wantBits(t, test.name, paramValues(a), paramValues(b))
	}
}

func TestOptimizerAllocations(t *testing.T) {
	for name, make := range allOptimizers() {
		params, o := testParams(), make()
		setSchedule(o, Warmup(3, CosineDecay(0.1, 10)))
		o.Step(params)
		if n := testing.AllocsPerRun(20, func() { o.Step(params) }); n != 0 {
			t.Errorf("%s: Step allocates %v times", name, n)
		}
	}
}

func TestOptimizerWithoutParams(t *testing.T) {
	for name, make := range allOptimizers() {
		o := make()
		o.Step(nil)
		o.Step([]*Param{})
		if s := o.State(nil); len(s) != 1 || s[0].Data[0] != 2 {
			t.Errorf("%s: state without parameters is %v, want a count of 2", name, s)
		}
	}
}

func TestOptimizerOtherParams(t *testing.T) {
	for name, make := range allOptimizers() {
		used, fresh := make(), make()
		old := testParams()
		for range 4 {
			used.Step(old)
		}
		a, b := testParams(), testParams()
		used.Step(a)
		fresh.Step(b)
		wantBits(t, name+": after other parameters", paramValues(a), paramValues(b))

		// A parameter that was built again for another shape.
		a[0].Value, a[0].Grad = NewMatrix(2, 4), NewMatrix(2, 4)
		used.Step(a)
		for _, m := range used.State(a)[1:] {
			if m.Rows == 3 && m.Cols == 4 {
				t.Errorf("%s: state keeps a shape that has gone", name)
			}
		}
	}
}

func TestOptimizerOptionsMayChange(t *testing.T) {
	// Switching momentum on keeps the count of steps, switching AMSGrad on the means.
	params := testParams()
	sgd := &SGD{}
	sgd.Step(params)
	sgd.Momentum = 0.9
	sgd.Step(params)
	if s := sgd.State(params); s[0].Data[0] != 2 || len(s) != 1+len(params) {
		t.Errorf("SGD: %v steps and %d matrices, want 2 and %d", s[0].Data[0], len(s), 1+len(params))
	}
	adam := &Adam{}
	adam.Step(params)
	m, v := adam.State(params)[11], adam.State(params)[12] // of the last
	adam.AMSGrad = true
	if s := adam.State(params); s[0].Data[0] != 1 || s[16] != m || s[17] != v || s[18].Data[0] != 0 {
		t.Errorf("Adam: AMSGrad does not keep the state")
	}
}

func TestOptimizerDamagedCount(t *testing.T) {
	for _, test := range []struct{ count, want float64 }{
		{math.NaN(), 1}, {-5, 1}, {math.Inf(-1), 1}, {math.Inf(1), math.MaxInt32}, {1e300, math.MaxInt32}, {2.5, 3},
	} {
		params, o := testParams(), &Adam{}
		o.State(params)[0].Data[0] = test.count
		o.Step(params)
		if got := o.State(params)[0].Data[0]; got != test.want {
			t.Errorf("count after %v is %v, want %v", test.count, got, test.want)
		}
	}
}

func TestOptimizerJSON(t *testing.T) {
	// The fields are the configuration; the Schedule is code.
	b, err := json.Marshal(&Adam{LearningRate: 0.5, Schedule: ConstantRate(1), AMSGrad: true})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"LearningRate":0.5,"Beta1":0,"Beta2":0,"Epsilon":0,"WeightDecay":0,"AMSGrad":true}`
	if string(b) != want {
		t.Errorf("JSON of Adam is %s, want %s", b, want)
	}
}

func TestAMSGrad(t *testing.T) {
	// While the squares grow, the largest v is v: Adam's bits. When they shrink, it stays.
	a, b := &Adam{}, &Adam{AMSGrad: true}
	x, y := testParams(), testParams()
	for step := range 8 {
		for _, params := range [][]*Param{x, y} {
			testGradients(params, 0)
			for _, p := range params {
				if p.Grad != nil {
					p.Grad.Scale(float64(1+step), p.Grad)
				}
			}
		}
		a.Step(x)
		b.Step(y)
	}
	wantBits(t, "AMSGrad while gradients grow", paramValues(y), paramValues(x))
	largest := b.State(y)[3].Clone()
	for _, p := range y {
		if p.Grad != nil {
			p.Grad.Fill(0)
		}
	}
	b.Step(y)
	wantBits(t, "largest v", b.State(y)[3].Data, largest.Data)
}

func TestRMSPropCenteredConstantGradient(t *testing.T) {
	// v − m² tends to 0, and must not become the root of a negative number.
	p := NewParam("w", 1, 3)
	p.Grad = NewMatrix(1, 3, 0.1, 1e-3, 7)
	o := &RMSProp{Centered: true, LearningRate: 1e-12}
	for range 2000 {
		o.Step([]*Param{p})
	}
	for i, v := range p.Value.Data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("value %d is %v", i, v)
		}
	}
}

func TestOptimizerNaN(t *testing.T) {
	// A NaN gradient makes the parameter NaN, and no other.
	for name, make := range allOptimizers() {
		params, o := testParams(), make()
		params[0].Grad.Data[2] = math.NaN()
		o.Step(params)
		for k, p := range params {
			for i, v := range p.Value.Data {
				if math.IsNaN(v) != (k == 0 && i == 2) {
					t.Errorf("%s: value %d of parameter %d is %v", name, i, k, v)
				}
			}
		}
	}
}

func TestOptimizerPanics(t *testing.T) {
	bare := func() []*Param { return []*Param{NewParam("0.weight", 2, 3)} }
	misfit := bare()
	misfit[0].Grad = NewMatrix(2, 4)
	good := testParams()
	tests := []struct {
		f    func()
		want string
	}{
		{func() { (&SGD{}).Step(bare()) }, `nn: SGD: parameter "0.weight" has no gradient`},
		{func() { (&Lion{}).Step(bare()) }, `nn: Lion: parameter "0.weight" has no gradient`},
		{func() { (&Adam{}).Step(misfit) }, `nn: Adam: parameter "0.weight" is 2×3 but its gradient is 2×4`},
		{func() { (&SGD{Momentum: 1}).Step(good) }, "nn: SGD: Momentum is 1; it must"},
		{func() { (&SGD{Momentum: 0.5, Dampening: -1}).Step(good) }, "nn: SGD: Dampening is -1; it must"},
		{func() { (&Adam{Beta1: 2}).Step(good) }, "nn: Adam: Beta1 is 2; it must"},
		{func() { (&NAdam{Beta2: math.NaN()}).Step(good) }, "nn: NAdam: Beta2 is NaN; it must"},
		{func() { (&RMSProp{Decay: -0.1}).Step(good) }, "nn: RMSProp: Decay is -0.1; it must"},
	}
	before := paramValues(good)
	for _, test := range tests {
		if got := panicText(test.f); !strings.HasPrefix(got, test.want) {
			t.Errorf("panic %q, want %q", got, test.want)
		}
	}
	wantBits(t, "values after panics", paramValues(good), before)
}
