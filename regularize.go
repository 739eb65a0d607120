package nn

import (
	"fmt"
	"math"
)

// clipNorm scales the gradients of all trained params together by
//
//	min(1, limit/‖g‖)
//
// and returns the norm ‖g‖ = √Σg² before, summed parameter by parameter. If
// that is NaN or infinite it leaves the gradients as they are.
// Pascanu, Mikolov and Bengio, arXiv:1211.5063.
func clipNorm(params []*Param, limit float64) float64 {
	sum := 0.0
	for _, p := range params {
		if trained(p) {
			sum += vdot(p.Grad.Data, p.Grad.Data)
		}
	}
	norm := math.Sqrt(sum)
	if math.IsInf(norm, 1) { // the squares may overflow where the norm does not
		norm = 0
		for _, p := range params {
			if trained(p) {
				norm = hypot(norm, p.Grad.Norm())
			}
		}
	}
	if !(norm > limit) || math.IsInf(norm, 0) {
		return norm
	}
	for _, p := range params {
		if trained(p) {
			vscale(p.Grad.Data, limit/norm, p.Grad.Data)
		}
	}
	return norm
}

// hypot returns √(x² + y²) for x, y ≥ 0 where the squares may overflow.
func hypot(x, y float64) float64 {
	m := max(x, y)
	if m == 0 || math.IsInf(m, 1) {
		return m
	}
	x, y = x/m, y/m
	return m * math.Sqrt(math.FMA(x, x, float64(y*y)))
}

// clipValue limits every gradient of the trained params to [−limit, limit]. NaN stays.
func clipValue(params []*Param, limit float64) {
	for _, p := range params {
		if !trained(p) {
			continue
		}
		g := p.Grad.Data
		for i, v := range g {
			g[i] = max(-limit, min(v, limit))
		}
	}
}

// penalty returns
//
//	l1·Σ|w| + l2/2·Σw²
//
// over the trained params without NoDecay.
func penalty(params []*Param, l1, l2 float64) float64 {
	abs, squares := 0.0, 0.0
	for _, p := range params {
		if p.NoDecay || !trained(p) {
			continue
		}
		w := p.Value.Data
		if l1 != 0 {
			for _, x := range w {
				abs += math.Abs(x)
			}
		}
		if l2 != 0 {
			squares += vdot(w, w)
		}
	}
	return math.FMA(l1, abs, float64(l2/2*squares))
}

// addPenalty adds the gradient of penalty, l1·sign(w) + l2·w, to those of the
// params. The sign of 0 is 0.
func addPenalty(params []*Param, l1, l2 float64) {
	for _, p := range params {
		if p.NoDecay || !trained(p) {
			continue
		}
		w, g := p.Value.Data, p.Grad.Data
		if l1 != 0 {
			for i, x := range w {
				g[i] = math.FMA(l1, sign(x), g[i])
			}
		}
		if l2 != 0 {
			vaxpy(g, g, l2, w)
		}
	}
}

// An EMA is an exponential moving average of parameters, which often predicts
// better than the last of them:
//
//	average := nn.EMA{Decay: 0.999}
//	for x, y := range train.Batches(32, rng) {
//		trainer.Step(x, y)
//		average.Update(net.Params())
//	}
//	average.CopyTo(smooth.Params()) // smooth := net.Clone()
//
// With weights w₀, w₁, … at the updates t = 0, 1, …,
//
//	e₀ = w₀        eₜ = d·eₜ₋₁ + (1−d)·wₜ        d = Decay
//
// Stat params are copied, not averaged. Polyak and Juditsky, SIAM J. Control
// Optim. 30 (1992).
type EMA struct {
	Decay float64 // in (0, 1); 0 means 0.999

	// Debias begins at 0 in place of w₀, and divides by the sum of the weights,
	// 1 − dᵗ⁺¹, as Adam does, so that w₀ does not count for more than others.
	Debias bool

	// Warmup lets the average follow sooner at first: d = min(Decay, (1+t)/(10+t)).
	Warmup bool

	memory memory
}

// Update adds the values of params to the average. If they are others than in
// the update before, a new average begins.
func (e *EMA) Update(params []*Param) {
	s := e.State(params)
	t := e.memory.steps()
	d := coefficient("EMA", "Decay", e.Decay, 0.999)
	if e.Warmup {
		d = min(d, float64(1+t)/float64(10+t))
	}
	count, product := &s[0].Data[0], &s[0].Data[1] // product of all d
	if t == 0 {
		*product = 1
		if !e.Debias {
			d = 0
		}
	}
	*count, *product = float64(t+1), float64(*product*d)
	for k, p := range params {
		if p.Stat || d == 0 {
			copy(s[1+k].Data, p.Value.Data)
		} else {
			emaStep(s[1+k].Data, p.Value.Data, 1-d)
		}
	}
}

// emaStep is e ← d·e + (1−d)·w, as e + (1−d)·(w−e), which leaves e alone if w is e.
func emaStep(e, w []float64, rest float64) {
	w = w[:len(e)]
	for i, x := range e {
		e[i] = math.FMA(rest, w[i]-x, x)
	}
}

// CopyTo sets the values of params, which may be those of another network of
// the same form, to the average. It panics before the first Update, or if the shapes differ.
func (e *EMA) CopyTo(params []*Param) {
	s := e.memory.matrices
	if e.memory.steps() == 0 {
		panic("nn: EMA: CopyTo before Update")
	}
	if len(params) != len(s)-1 {
		panic(fmt.Sprintf("nn: EMA: average of %d parameters copied to %d", len(s)-1, len(params)))
	}
	for k, p := range params {
		if m := s[1+k]; m.Rows != p.Value.Rows || m.Cols != p.Value.Cols {
			panic(fmt.Sprintf("nn: EMA: average of parameter %q is %d×%d, not %d×%d", p.Name, m.Rows, m.Cols, p.Value.Rows, p.Value.Cols))
		}
	}
	// The weights of w₀ … wₜ sum to 1 less the product, which is 0 if e₀ = w₀.
	sum := 1 - s[0].Data[1]
	for k, p := range params {
		for i, v := range s[1+k].Data {
			if !p.Stat {
				v /= sum
			}
			p.Value.Data[i] = v
		}
	}
}

// State returns the matrices that the average consists of, as [Optimizer] does.
func (e *EMA) State(params []*Param) []*Matrix { return e.memory.of(params, 2, 1) }
