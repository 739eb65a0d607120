package nn

import "math"

// NAdam is Adam with Nesterov's look ahead, and a momentum that grows towards Beta1:
//
//	μₜ = Beta1·(1 − ½·0.96^(t·MomentumDecay))        Mₜ = μ₁·…·μₜ
//	m ← Beta1·m + (1−Beta1)·g
//	v ← Beta2·v + (1−Beta2)·g²                       v̂ = v/(1−Beta2ᵗ)
//	w ← w − LearningRate·((1−μₜ)·g/(1−Mₜ) + μₜ₊₁·m/(1−Mₜ₊₁))/(√v̂ + Epsilon)
//
// Dozat, Incorporating Nesterov Momentum into Adam, ICLR workshop 2016.
type NAdam struct {
	LearningRate  float64  // 0 means 0.002
	Schedule      Schedule `json:"-"` // if not nil, gives the learning rate instead
	Beta1         float64  // in (0, 1); 0 means 0.9
	Beta2         float64  // in (0, 1); 0 means 0.999
	MomentumDecay float64  // 0 means 0.004
	Epsilon       float64  // 0 means 1e-8
	WeightDecay   float64  // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *NAdam) Step(params []*Param) {
	s, rate := o.State(params), o.Rate()
	a := newAdamNumbers("NAdam", o.Beta1, o.Beta2)
	t := o.memory.advance("NAdam", params)
	mu, next := o.momentum(a.beta1, t), o.momentum(a.beta1, t+1)
	product := &s[0].Data[1] // Mₜ
	if t == 1 {
		*product = 1
	}
	*product = float64(*product * mu)
	_, c2 := a.corrections(t)
	a.root, a.epsilon = 1/math.Sqrt(c2), or(notNegative("Epsilon", o.Epsilon), 1e-8)
	now := rate * (1 - mu) / (1 - *product)
	ahead := rate * next / (1 - float64(*product*next))
	for k, p := range params {
		if trained(p) {
			a.keep = keep(p, rate, o.WeightDecay)
			nadamStep(p.Value.Data, s[1+2*k].Data, s[2+2*k].Data, p.Grad.Data, now, ahead, &a)
		}
	}
}

// momentum returns μₜ.
func (o *NAdam) momentum(beta1 float64, t int) float64 {
	return float64(beta1 * (1 - float64(0.5*pow(0.96, float64(t)*or(o.MomentumDecay, 0.004)))))
}

// State implements [Optimizer].
func (o *NAdam) State(params []*Param) []*Matrix { return o.memory.of(params, 2, 2) } // t and Mₜ; m, v

// Rate returns the learning rate of the next step.
func (o *NAdam) Rate() float64 { return rateAt(o.LearningRate, 0.002, o.Schedule, o.memory.steps()) }

func nadamStep(w, m, v, g []float64, now, ahead float64, a *adamNumbers) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	for i, x := range w {
		d := g[i]
		mi := math.FMA(a.beta1, m[i], float64(a.rest1*d))
		vi := math.FMA(a.beta2, v[i], float64(float64(a.rest2*d)*d))
		m[i], v[i] = mi, vi
		u := math.FMA(ahead, mi, float64(now*d))
		w[i] = float64(a.keep*x) - u/math.FMA(math.Sqrt(vi), a.root, a.epsilon)
	}
}

// RAdam is Adam that does without v while that is the mean of too few squares
// to be relied on, and then takes it in by degrees. With m, m̂ and v of [Adam],
//
//	ρ∞ = 2/(1−Beta2) − 1        ρₜ = ρ∞ − 2t·Beta2ᵗ/(1−Beta2ᵗ)
//	r² = (ρₜ−4)(ρₜ−2)ρ∞ / ((ρ∞−4)(ρ∞−2)ρₜ)
//	w ← w − LearningRate·m̂·r·√(1−Beta2ᵗ)/(√v + Epsilon)    if ρₜ > 5
//	w ← w − LearningRate·m̂                                 otherwise
//
// Liu et al., arXiv:1908.03265.
type RAdam struct {
	LearningRate float64  // 0 means 0.001
	Schedule     Schedule `json:"-"` // if not nil, gives the learning rate instead
	Beta1        float64  // in (0, 1); 0 means 0.9
	Beta2        float64  // in (0, 1); 0 means 0.999
	Epsilon      float64  // 0 means 1e-8
	WeightDecay  float64  // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *RAdam) Step(params []*Param) {
	s, rate := o.State(params)[1:], o.Rate()
	a := newAdamNumbers("RAdam", o.Beta1, o.Beta2)
	t := o.memory.advance("RAdam", params)
	c1, c2 := a.corrections(t)
	limit := 2/a.rest2 - 1
	rho := limit - 2*float64(t)*(1-c2)/c2
	if rho > 5 {
		r2 := (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
		a.rate, a.root, a.epsilon = rate*math.Sqrt(r2)*math.Sqrt(c2)/c1, 1, or(notNegative("Epsilon", o.Epsilon), 1e-8)
	} else {
		a.rate, a.root, a.epsilon = rate/c1, 0, 1 // which divides by √v·0 + 1
	}
	for k, p := range params {
		if trained(p) {
			a.keep = keep(p, rate, o.WeightDecay)
			adamStep(p.Value.Data, s[2*k].Data, s[2*k+1].Data, p.Grad.Data, &a)
		}
	}
}

// State implements [Optimizer].
func (o *RAdam) State(params []*Param) []*Matrix { return o.memory.of(params, 1, 2) } // m, v

// Rate returns the learning rate of the next step.
func (o *RAdam) Rate() float64 { return rateAt(o.LearningRate, 0.001, o.Schedule, o.memory.steps()) }

// Adamax is Adam with the largest gradient, discounted by its age, in place of
// the mean square:
//
//	m ← Beta1·m + (1−Beta1)·g        m̂ = m/(1−Beta1ᵗ)
//	u ← max(Beta2·u, |g| + Epsilon)
//	w ← w − LearningRate·m̂/u
//
// Kingma and Ba, arXiv:1412.6980, section 7.
type Adamax struct {
	LearningRate float64  // 0 means 0.002
	Schedule     Schedule `json:"-"` // if not nil, gives the learning rate instead
	Beta1        float64  // in (0, 1); 0 means 0.9
	Beta2        float64  // in (0, 1); 0 means 0.999
	Epsilon      float64  // 0 means 1e-8
	WeightDecay  float64  // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *Adamax) Step(params []*Param) {
	s, rate := o.State(params)[1:], o.Rate()
	a := newAdamNumbers("Adamax", o.Beta1, o.Beta2)
	c1, _ := a.corrections(o.memory.advance("Adamax", params))
	a.rate, a.epsilon = rate/c1, or(notNegative("Epsilon", o.Epsilon), 1e-8)
	for k, p := range params {
		if trained(p) {
			a.keep = keep(p, rate, o.WeightDecay)
			adamaxStep(p.Value.Data, s[2*k].Data, s[2*k+1].Data, p.Grad.Data, &a)
		}
	}
}

// State implements [Optimizer].
func (o *Adamax) State(params []*Param) []*Matrix { return o.memory.of(params, 1, 2) } // m, u

// Rate returns the learning rate of the next step.
func (o *Adamax) Rate() float64 { return rateAt(o.LearningRate, 0.002, o.Schedule, o.memory.steps()) }

func adamaxStep(w, m, u, g []float64, a *adamNumbers) {
	m, u, g = m[:len(w)], u[:len(w)], g[:len(w)]
	for i, x := range w {
		d := g[i]
		mi := math.FMA(a.beta1, m[i], float64(a.rest1*d))
		ui := max(float64(a.beta2*u[i]), math.Abs(d)+a.epsilon)
		m[i], u[i] = mi, ui
		w[i] = math.FMA(-a.rate, mi/ui, float64(a.keep*x))
	}
}

// RMSProp divides the gradient by a running root mean square, and may give
// the quotient momentum:
//
//	v ← Decay·v + (1−Decay)·g²
//	b ← Momentum·b + g/(√v + Epsilon)
//	w ← w − LearningRate·b
//
// If Centered, m ← Decay·m + (1−Decay)·g, and the variance v − m² stands in
// place of v (or 0, if rounding makes it negative). Hinton, Neural Networks for
// Machine Learning, lecture 6, 2012; centered: Graves, arXiv:1308.0850.
type RMSProp struct {
	LearningRate float64  // 0 means 0.001
	Schedule     Schedule `json:"-"` // if not nil, gives the learning rate instead
	Decay        float64  // in (0, 1); 0 means 0.9
	Epsilon      float64  // 0 means 1e-8
	Momentum     float64  // in [0, 1)
	Centered     bool
	WeightDecay  float64 // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *RMSProp) Step(params []*Param) {
	s, rate := o.State(params)[1:], o.Rate()
	decay := coefficient("RMSProp", "Decay", o.Decay, 0.9)
	mu := coefficient("RMSProp", "Momentum", o.Momentum, 0)
	epsilon := or(notNegative("Epsilon", o.Epsilon), 1e-8)
	o.memory.advance("RMSProp", params)
	each := o.memory.each
	for k, p := range params {
		if !trained(p) {
			continue
		}
		var b, m []float64 // nil if not needed
		q := s[k*each:]
		if each > 1 {
			b = q[1].Data
		}
		if o.Centered {
			m = q[2].Data
		}
		rmspropStep(p.Value.Data, q[0].Data, b, m, p.Grad.Data, decay, mu, epsilon, rate, keep(p, rate, o.WeightDecay))
	}
}

// State implements [Optimizer].
func (o *RMSProp) State(params []*Param) []*Matrix {
	each := 1 // v
	if o.Centered {
		each = 3 // v, b, m
	} else if o.Momentum != 0 {
		each = 2 // v, b
	}
	return o.memory.of(params, 1, each)
}

// Rate returns the learning rate of the next step.
func (o *RMSProp) Rate() float64 { return rateAt(o.LearningRate, 0.001, o.Schedule, o.memory.steps()) }

func rmspropStep(w, v, b, m, g []float64, decay, mu, epsilon, rate, keep float64) {
	v, g = v[:len(w)], g[:len(w)]
	rest := 1 - decay
	for i, x := range w {
		d := g[i]
		vi := math.FMA(decay, v[i], float64(float64(rest*d)*d))
		v[i] = vi
		if m != nil {
			mi := math.FMA(decay, m[i], float64(rest*d))
			m[i] = mi
			vi = max(math.FMA(-mi, mi, vi), 0)
		}
		d /= math.Sqrt(vi) + epsilon
		if b != nil {
			d = math.FMA(mu, b[i], d)
			b[i] = d
		}
		w[i] = math.FMA(-rate, d, float64(keep*x))
	}
}

// Adagrad divides the gradient by the root of the sum of all squares so far:
//
//	s ← s + g²
//	w ← w − LearningRate·g/(√(InitialSum + s) + Epsilon)
//
// Duchi, Hazan and Singer, JMLR 12 (2011).
type Adagrad struct {
	LearningRate float64  // 0 means 0.01
	Schedule     Schedule `json:"-"` // if not nil, gives the learning rate instead
	InitialSum   float64  // of squares, makes the first steps smaller
	Epsilon      float64  // 0 means 1e-10
	WeightDecay  float64  // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *Adagrad) Step(params []*Param) {
	s, rate := o.State(params)[1:], o.Rate()
	epsilon := or(notNegative("Epsilon", o.Epsilon), 1e-10)
	o.memory.advance("Adagrad", params)
	for k, p := range params {
		if trained(p) {
			adagradStep(p.Value.Data, s[k].Data, p.Grad.Data, notNegative("InitialSum", o.InitialSum), epsilon, rate, keep(p, rate, o.WeightDecay))
		}
	}
}

// State implements [Optimizer].
func (o *Adagrad) State(params []*Param) []*Matrix { return o.memory.of(params, 1, 1) } // s

// Rate returns the learning rate of the next step.
func (o *Adagrad) Rate() float64 { return rateAt(o.LearningRate, 0.01, o.Schedule, o.memory.steps()) }

func adagradStep(w, s, g []float64, initial, epsilon, rate, keep float64) {
	s, g = s[:len(w)], g[:len(w)]
	for i, x := range w {
		d := g[i]
		si := math.FMA(d, d, s[i])
		s[i] = si
		w[i] = math.FMA(-rate, d/(math.Sqrt(initial+si)+epsilon), float64(keep*x))
	}
}

// Adadelta takes the size of its steps from the steps before, so that it
// needs no learning rate but 1:
//
//	v ← Decay·v + (1−Decay)·g²
//	Δ = g·√(u + Epsilon)/√(v + Epsilon)
//	u ← Decay·u + (1−Decay)·Δ²
//	w ← w − LearningRate·Δ
//
// Zeiler, arXiv:1212.5701.
type Adadelta struct {
	LearningRate float64  // 0 means 1
	Schedule     Schedule `json:"-"` // if not nil, gives the learning rate instead
	Decay        float64  // in (0, 1); 0 means 0.9
	Epsilon      float64  // 0 means 1e-6
	WeightDecay  float64  // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *Adadelta) Step(params []*Param) {
	s, rate := o.State(params)[1:], o.Rate()
	decay, epsilon := coefficient("Adadelta", "Decay", o.Decay, 0.9), or(notNegative("Epsilon", o.Epsilon), 1e-6)
	o.memory.advance("Adadelta", params)
	for k, p := range params {
		if trained(p) {
			adadeltaStep(p.Value.Data, s[2*k].Data, s[2*k+1].Data, p.Grad.Data, decay, epsilon, rate, keep(p, rate, o.WeightDecay))
		}
	}
}

// State implements [Optimizer].
func (o *Adadelta) State(params []*Param) []*Matrix { return o.memory.of(params, 1, 2) } // v, u

// Rate returns the learning rate of the next step.
func (o *Adadelta) Rate() float64 { return rateAt(o.LearningRate, 1, o.Schedule, o.memory.steps()) }

func adadeltaStep(w, v, u, g []float64, decay, epsilon, rate, keep float64) {
	v, u, g = v[:len(w)], u[:len(w)], g[:len(w)]
	rest := 1 - decay
	for i, x := range w {
		d := g[i]
		vi := math.FMA(decay, v[i], float64(float64(rest*d)*d))
		d = d * (math.Sqrt(u[i]+epsilon) / math.Sqrt(vi+epsilon))
		u[i] = math.FMA(decay, u[i], float64(float64(rest*d)*d))
		v[i] = vi
		w[i] = math.FMA(-rate, d, float64(keep*x))
	}
}

// Lion steps by the sign of an interpolated momentum, the same length in
// every coordinate:
//
//	w ← w − LearningRate·(sign(Beta1·m + (1−Beta1)·g) + WeightDecay·w)
//	m ← Beta2·m + (1−Beta2)·g
//
// The sign of 0 is 0. Its learning rate is usually 3 to 10 times smaller than
// Adam's, and its weight decay larger by as much. Chen et al., arXiv:2302.06675.
type Lion struct {
	LearningRate float64  // 0 means 0.0001
	Schedule     Schedule `json:"-"` // if not nil, gives the learning rate instead
	Beta1        float64  // in (0, 1); 0 means 0.9
	Beta2        float64  // in (0, 1); 0 means 0.99
	WeightDecay  float64  // decoupled

	memory memory
}

// Step implements [Optimizer].
func (o *Lion) Step(params []*Param) {
	s, rate := o.State(params)[1:], o.Rate()
	beta1 := coefficient("Lion", "Beta1", o.Beta1, 0.9)
	beta2 := coefficient("Lion", "Beta2", o.Beta2, 0.99)
	o.memory.advance("Lion", params)
	for k, p := range params {
		if trained(p) {
			lionStep(p.Value.Data, s[k].Data, p.Grad.Data, beta1, beta2, rate, keep(p, rate, o.WeightDecay))
		}
	}
}

// State implements [Optimizer].
func (o *Lion) State(params []*Param) []*Matrix { return o.memory.of(params, 1, 1) } // m

// Rate returns the learning rate of the next step.
func (o *Lion) Rate() float64 { return rateAt(o.LearningRate, 0.0001, o.Schedule, o.memory.steps()) }

func lionStep(w, m, g []float64, beta1, beta2, rate, keep float64) {
	m, g = m[:len(w)], g[:len(w)]
	rest1, rest2 := 1-beta1, 1-beta2
	for i, x := range w {
		d := g[i]
		c := math.FMA(beta1, m[i], float64(rest1*d))
		m[i] = math.FMA(beta2, m[i], float64(rest2*d))
		w[i] = math.FMA(-rate, sign(c), float64(keep*x))
	}
}

// sign returns 1 or −1 with the sign of x, or x itself if that is 0 or NaN.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}
