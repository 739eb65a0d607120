package nn

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestGoldenSchedules(t *testing.T) {
	ran := 0
	for _, c := range golden(t, "schedules") {
		lr, gamma := c.num("lr"), c.num("gamma")
		n := func(key string) int { return int(c.num(key)) }
		want := c.Out["lr"]
		var s Schedule
		switch c.str("kind") {
		case "step":
			s = StepDecay(lr, gamma, n("step_size"))
		case "multistep":
			var steps []int
			for _, v := range c.Attrs["milestones"].([]any) {
				steps = append(steps, int(v.(float64)))
			}
			s = MultiStepDecay(lr, gamma, steps...)
		case "exponential":
			s = ExponentialDecay(lr, gamma, 1)
		case "cosine_annealing":
			// The reference rises again after T_max; ours stays. Compare the fall.
			fall := min(n("T_max")+1, len(want.Data))
			want = &goldenArray{Shape: []int{fall}, Data: want.Data[:fall]}
			s = CosineDecayTo(lr, c.num("eta_min"), n("T_max"))
		case "cosine_decay_clamped":
			s = CosineDecayTo(lr, c.num("eta_min"), n("T_max"))
		case "cosine_warm_restarts":
			s = CosineRestarts(lr, c.num("eta_min"), n("T_0"), n("T_mult"))
		case "warmup_cosine":
			s = Warmup(n("warmup"), CosineDecayTo(lr, c.num("eta_min"), n("total")-n("warmup")))
		case "warmup_linear":
			s = Warmup(n("warmup"), LinearDecay(lr, n("total")-n("warmup")))
		case "linear":
			s = PolynomialDecay(lr*c.num("start_factor"), lr*c.num("end_factor"), 1, n("total_iters"))
		case "polynomial":
			s = PolynomialDecay(lr, 0, c.num("power"), n("total_iters"))
		case "onecycle":
			// The reference moves the momentum against the rate as well. In
			// the loop body a program can do so.
			s = OneCyclePolicy{
				Rate: c.num("max_lr"), Steps: n("total"), Rise: c.num("pct_start"),
				StartDivisor: c.num("div_factor"), EndDivisor: c.num("final_div_factor"),
				Linear: c.str("anneal") == "linear", ThreePhases: c.bool("three_phase"),
			}.Schedule()
		case "cyclic":
			low, high, up, down := c.num("base_lr"), c.num("max_lr"), n("step_size_up"), n("step_size_down")
			switch c.str("mode") {
			case "triangular":
				s = Cyclic(low, high, up, down)
			case "triangular2":
				s = CyclicHalving(low, high, up, down)
			case "exp_range":
				s = CyclicDecay(low, high, gamma, up, down)
			}
		case "inverse_time": // a user's own
			s = func(step int) float64 { return lr / (1 + float64(c.num("decay")*float64(step))) }
		case "noam": // a user's own; Vaswani et al., arXiv:1706.03762
			warmup := c.num("warmup")
			scale := lr * c.num("factor") / math.Sqrt(c.num("d_model"))
			s = func(step int) float64 {
				t := float64(step + 1)
				return scale * min(1/math.Sqrt(t), t/(warmup*math.Sqrt(warmup)))
			}
		case "reduce_on_plateau":
			p := &Plateau{
				LearningRate: lr, MinRate: c.num("min_lr"), Factor: c.num("factor"),
				Patience: n("patience"), Cooldown: n("cooldown"), Threshold: c.num("threshold"),
				Absolute: c.str("threshold_mode") == "abs", Maximize: c.str("mode") == "max",
			}
			current, metric := p.Schedule(), c.In["metric"].floats()
			s = func(step int) float64 { // in order of steps
				rate := current(step)
				if reduced := p.After(metric[step]); reduced != (p.Rate() < rate) {
					t.Errorf("%s: After = %v at step %d, rate %v to %v", c.Name, reduced, step, rate, p.Rate())
				}
				return rate
			}
		}
		if s == nil {
			t.Errorf("%s: no such schedule", c.Name)
			continue
		}
		got := make([]float64, len(want.Data))
		for step := range got {
			got[step] = s(step)
		}
		c.check(t, "lr", got, want)
		ran++
	}
	if ran < 23 {
		t.Errorf("%d cases ran, want at least 23", ran)
	}
}

func TestScheduleValues(t *testing.T) {
	tests := []struct {
		name string
		s    Schedule
		step int
		want float64
	}{
		{"ConstantRate", ConstantRate(0.3), 1 << 30, 0.3},
		{"StepDecay before", StepDecay(1, 0.5, 10), 9, 1},
		{"StepDecay at", StepDecay(1, 0.5, 10), 10, 0.5},
		{"MultiStepDecay of none", MultiStepDecay(0.1, 0.5), 100, 0.1},
		{"MultiStepDecay at 0", MultiStepDecay(1, 0.5, 0, 2), 0, 0.5},
		{"ExponentialDecay", ExponentialDecay(1, 0.25, 10), 5, 0.5},
		{"LinearDecay at first", LinearDecay(0.1, 10), 0, 0.1},
		{"LinearDecay half", LinearDecay(1, 10), 5, 0.5},
		{"LinearDecay at last", LinearDecay(0.1, 10), 10, 0},
		{"LinearDecay after", LinearDecay(0.1, 10), 1000, 0},
		{"PolynomialDecay at first", PolynomialDecay(0.1, 0.03, 3, 7), 0, 0.1},
		{"PolynomialDecay at last", PolynomialDecay(0.1, 0.03, 3, 7), 7, 0.03},
		{"PolynomialDecay cube", PolynomialDecay(1, 0, 3, 2), 1, 0.125},
		{"CosineDecay at first", CosineDecay(0.1, 10), 0, 0.1},
		{"CosineDecay half", CosineDecay(1, 10), 5, 0.5},
		{"CosineDecay at last", CosineDecay(0.1, 10), 10, 0},
		{"CosineDecay after", CosineDecay(0.1, 10), 11, 0},
		{"CosineDecayTo at first", CosineDecayTo(0.1, 0.03, 10), 0, 0.1},
		{"CosineDecayTo after", CosineDecayTo(0.1, 0.03, 10), 99, 0.03},
		{"CosineRestarts again", CosineRestarts(0.1, 0, 10, 2), 30, 0.1},
		{"CosineRestarts far away", CosineRestarts(0.1, 0, 2, math.MaxInt), 2, 0.1},
		{"CosineRestarts farther", CosineRestarts(0.1, 0.1, 3, 1<<29), math.MaxInt, 0.1},
		{"CosineRestarts long ago", CosineRestarts(0.1, 0, 1, 1), math.MaxInt, 0.1},
		{"Warmup at first", Warmup(4, ConstantRate(1)), 0, 0.25},
		{"Warmup at its last", Warmup(4, LinearDecay(1, 8)), 3, 1},
		{"Warmup after", Warmup(4, LinearDecay(1, 8)), 8, 0.5},
		{"Warmup of 0 steps", Warmup(0, LinearDecay(1, 8)), 2, 0.75},
		{"OneCycle at first", OneCycle(1, 100), 0, 0.04},
		{"OneCycle at its height", OneCycle(1, 100), 29, 1},
		{"OneCycle at last", OneCycle(1, 100), 99, 0.04 / 10000},
		{"OneCycle after", OneCycle(1, 100), 1000, 0.04 / 10000},
		{"OneCycle of 2", OneCycle(1, 2), 0, 1},
		{"three phases at last", OneCyclePolicy{Rate: 1, Steps: 8, Rise: 0.5, ThreePhases: true}.Schedule(), 7, 0.04 / 10000},
		{"three phases at end of the second", OneCyclePolicy{Rate: 1, Steps: 8, Rise: 0.5, ThreePhases: true}.Schedule(), 6, 0.04},
		{"Cyclic", Cyclic(0, 1, 2, 4), 6*1000 + 4, 0.5},
		{"CyclicHalving", CyclicHalving(0, 1, 2, 4), 6*3 + 2, 0.125},
		{"CyclicDecay", CyclicDecay(0, 1, 0.5, 2, 4), 2, 0.25},
	}
	for _, test := range tests {
		if got := test.s(test.step); math.Abs(got-test.want) > 1e-16 {
			t.Errorf("%s: rate of step %d is %v, want %v", test.name, test.step, got, test.want)
		}
		if got, want := test.s(-3), test.s(0); got != want {
			t.Errorf("%s: rate of step -3 is %v, want %v as of step 0", test.name, got, want)
		}
	}
}

func TestScheduleCopiesItsSteps(t *testing.T) {
	steps := []int{3, 5}
	s := MultiStepDecay(1, 0.5, steps...)
	steps[0] = 100
	if got := s(3); got != 0.5 {
		t.Errorf("rate of step 3 is %v, want 0.5", got)
	}
}

func TestSchedulePanics(t *testing.T) {
	tests := []struct {
		f    func()
		want string
	}{
		{func() { StepDecay(1, 0.5, 0) }, "nn: StepDecay: every is 0; it must be positive"},
		{func() { MultiStepDecay(1, 0.5, 3, 3) }, "nn: MultiStepDecay: steps [3 3] do not increase"},
		{func() { ExponentialDecay(1, 0.5, -1) }, "nn: ExponentialDecay: every is -1; it must"},
		{func() { ExponentialDecay(1, 0, 1) }, "nn: ExponentialDecay: factor is 0; it must"},
		{func() { LinearDecay(1, 0) }, "nn: LinearDecay: steps is 0; it must"},
		{func() { PolynomialDecay(1, 0, 2, 0) }, "nn: PolynomialDecay: steps is 0; it must"},
		{func() { PolynomialDecay(1, 0, 0, 2) }, "nn: PolynomialDecay: power is 0; it must"},
		{func() { CosineDecay(1, 0) }, "nn: CosineDecay: steps is 0; it must"},
		{func() { CosineDecayTo(1, 0, -2) }, "nn: CosineDecayTo: steps is -2; it must"},
		{func() { CosineRestarts(1, 0, 0, 1) }, "nn: CosineRestarts: steps is 0; it must"},
		{func() { CosineRestarts(1, 0, 1, 0) }, "nn: CosineRestarts: factor is 0; it must"},
		{func() { Warmup(1, nil) }, "nn: Warmup: no Schedule"},
		{func() { Warmup(-1, ConstantRate(1)) }, "nn: Warmup: steps is -1; it must"},
		{func() { OneCycle(1, 1) }, "nn: OneCycle: a rise in 0.3 of 1 steps"},
		{func() { OneCyclePolicy{Steps: 10, Rise: 1}.Schedule() }, "nn: OneCycle: a rise in 1 of 10 steps"},
		{func() { OneCyclePolicy{Steps: 10, Rise: 0.6, ThreePhases: true}.Schedule() }, "nn: OneCycle: a rise in 0.6"},
		{func() { Cyclic(0, 1, 0, 1) }, "nn: Cyclic: up is 0; it must"},
		{func() { CyclicHalving(0, 1, 1, 0) }, "nn: CyclicHalving: down is 0; it must"},
		{func() { CyclicDecay(0, 1, 1, 0, 1) }, "nn: CyclicDecay: up is 0; it must"},
		{func() { new(Plateau).Schedule() }, "nn: Plateau: LearningRate is 0; it must"},
		{func() {
			p := Plateau{LearningRate: 1, Factor: 1.5, Patience: 1}
			for range 3 {
				p.After(1)
			}
		}, "nn: Plateau: Factor is 1.5; it must"},
	}
	for _, test := range tests {
		if got := panicText(test.f); !strings.HasPrefix(got, test.want) {
			t.Errorf("panic %q, want %q", got, test.want)
		}
	}
}

func TestPlateau(t *testing.T) {
	// The defaults: 10 reports without improvement are borne, the 11th is not.
	p := &Plateau{LearningRate: 1}
	p.After(5)
	for i := range 11 {
		if got := p.After(5 - 4e-4); got != (i == 10) { // 5e-4 would be better
			t.Errorf("After, time %d, = %v", i, got)
		}
	}
	if p.Rate() != 0.1 {
		t.Errorf("rate is %v, want 0.1", p.Rate())
	}

	// A loss that is not finite is no improvement, nor the best of all.
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		p := &Plateau{LearningRate: 1}
		p.After(bad)
		p.After(3)
		if !p.Started || p.Best != 3 || p.Bad != 0 {
			t.Errorf("after %v and 3: %+v", bad, p)
		}
	}

	// At its least rate it says that it lowered nothing.
	p = &Plateau{LearningRate: 1, MinRate: 1, Patience: 1}
	for range 5 {
		if p.After(1) {
			t.Error("After = true at the least rate")
		}
	}

	// Losses below zero.
	p = &Plateau{LearningRate: 1, Threshold: 0.1}
	p.After(-10)
	p.After(-10.5)
	if p.Bad != 1 {
		t.Errorf("-10.5 after -10, by a tenth better: %d bad, want 1", p.Bad)
	}
	if p.After(-11.5); p.Best != -11.5 {
		t.Errorf("best is %v, want -11.5", p.Best)
	}
}

func TestPlateauKept(t *testing.T) {
	metric := func(i int) float64 { return 1 / float64(1+min(i, 7)) }
	whole := &Plateau{LearningRate: 1, Patience: 2, Cooldown: 3, Factor: 0.5}
	part := *whole
	for i := range 40 {
		whole.After(metric(i))
		part.After(metric(i))
		if i == 13 {
			b, err := json.Marshal(part)
			if err != nil {
				t.Fatal(err)
			}
			part = Plateau{}
			if err := json.Unmarshal(b, &part); err != nil {
				t.Fatal(err)
			}
		}
	}
	if part != *whole || part.LearningRate >= 1 {
		t.Errorf("kept as JSON: %+v, want %+v", part, *whole)
	}
}

func TestPlateauDrivesOptimizer(t *testing.T) {
	plateau := &Plateau{LearningRate: 0.5, Patience: 1}
	o := &SGD{Schedule: plateau.Schedule()}
	for range 3 {
		plateau.After(1)
	}
	if got := o.Rate(); got != 0.05 {
		t.Errorf("rate is %v, want 0.05", got)
	}
}
