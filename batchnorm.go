package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A BatchNormLayer normalizes each channel over the batch:
//
//	y = γ·x̂ + β    x̂ = (x − μ)/√(σ² + Epsilon)
//
// with a gain γ and a bias β for each channel. As in PyTorch the channels are the
// first dimension: those of an image (channels, h, w) or (channels, length),
// whose other values all belong to the channel, or the features of an input (n).
// For sequences (steps, n) set Steps, and the n features are normalized over
// batch and steps.
//
// In training μ and σ² = Σ(x − μ)²/n are those of the batch, n values in each
// channel, and the running statistics move toward them,
//
//	mean ← (1 − m)·mean + m·μ    var ← (1 − m)·var + m·σ²·n/(n − 1)
//
// with m = Momentum; one value alone, n = 1, has no variance and leaves var as
// it is. In prediction μ and σ² are mean and var. So they are in training
// if both are Frozen, and then they stay: layers that are all frozen do the
// same in training as in prediction.
//
// Its parameters are named gain, bias, mean and var; the last two are marked Stat.
//
// Ioffe and Szegedy, arXiv:1502.03167.
type BatchNormLayer struct {
	Momentum float64 `json:",omitempty"` // 0 means 0.1
	Epsilon  float64 `json:",omitempty"` // 0 means 1e-5
	Steps    bool    `json:",omitempty"` // the input is (steps, n): normalize the n features

	Gain, Bias, Mean, Var *Param `json:"-"` // set by Build

	width          int  // values of a sample
	channels, area int  // area values in a row belong to a channel
	steps          bool // every step is normalized by itself
}

// BatchNorm returns a BatchNormLayer.
func BatchNorm() *BatchNormLayer { return new(BatchNormLayer) }

// WithSteps sets Steps and returns l.
func (l *BatchNormLayer) WithSteps() *BatchNormLayer {
	l.Steps = true
	return l
}

func (l *BatchNormLayer) passesInit() {}

func (l *BatchNormLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if !(l.Momentum >= 0 && l.Momentum <= 1) {
		return nil, fmt.Errorf("BatchNorm: momentum is %v; it must be from 0, which means 0.1, to 1", l.Momentum)
	}
	if err := checkNorm("BatchNorm", in, l.Epsilon); err != nil {
		return nil, err
	}
	l.width = in.Size()
	l.channels, l.area, l.steps = in[0], in[1:].Size(), l.Steps || len(in) == 1
	if l.Steps {
		if len(in) != 2 {
			return nil, fmt.Errorf("BatchNorm: input is %v; with Steps it must be (steps, n)", in)
		}
		l.channels, l.area = in[1], 1
	}
	l.Gain, l.Bias = affine(l.channels, rng)
	l.Mean = newParam("mean", 1, l.channels, rng)
	l.Var = newParam("var", 1, l.channels, rng)
	l.Var.Value.Fill(1)
	l.Mean.Stat, l.Var.Stat = true, true
	return in, nil
}

func (l *BatchNormLayer) Params() []*Param { return []*Param{l.Gain, l.Bias, l.Mean, l.Var} }

// fixed reports whether the running statistics are used as they are.
func (l *BatchNormLayer) fixed(p *Pass) bool {
	return !p.Training() || l.Mean.Frozen && l.Var.Frozen
}

func (l *BatchNormLayer) Forward(p *Pass, x *Matrix) *Matrix {
	l.Gain.checkBuilt()
	checkWidth("BatchNorm", x, l.width)
	return l.forward(p, x)
}

// forward is Forward for any number of steps.
func (l *BatchNormLayer) forward(p *Pass, x *Matrix) *Matrix {
	for _, q := range [...]*Param{l.Gain, l.Bias, l.Mean, l.Var} {
		q.of(1, l.channels)
	}
	y := p.raw(x.Rows, x.Cols)
	norm, scale, work := y, p.raw(1, l.channels), p.New(2, l.channels)
	if p.Training() {
		norm = p.raw(x.Rows, x.Cols)
		p.Push(norm, scale)
	}
	if len(x.Data) == 0 {
		return y
	}
	t := batchNormTasks.get()
	*t = batchNormTask{l: l, fixed: l.fixed(p), x: x.Data, norm: norm.Data, y: y.Data, scale: scale.Data, a: work.Row(0), b: work.Row(1)}
	t.do()
	return y
}

// Backward: let s = 1/√(σ² + ε), x̂ᵢ = (xᵢ − μ)·s and gᵢ = ∂L/∂x̂ᵢ = γ·dyᵢ for the
// n values of a channel. Then dγ = Σᵢ dyᵢ·x̂ᵢ and dβ = Σᵢ dyᵢ. The values reach x̂
// directly, and through μ and σ²:
//
//	∂μ/∂xⱼ  = 1/n    ∂σ²/∂xⱼ = 2(xⱼ − μ)/n    ∂s/∂xⱼ = −½s³·∂σ²/∂xⱼ = −s²·x̂ⱼ/n
//	∂x̂ᵢ/∂xⱼ = ([i = j] − 1/n)·s + (xᵢ − μ)·∂s/∂xⱼ = s·([i = j] − 1/n − x̂ᵢ·x̂ⱼ/n)
//	∂L/∂xⱼ  = s·(gⱼ − Σᵢ gᵢ/n − x̂ⱼ·Σᵢ gᵢ·x̂ᵢ/n) = γ·s·(dyⱼ − dβ/n − x̂ⱼ·dγ/n)
//
// If μ and σ² do not come from the batch, ∂x̂ᵢ/∂xⱼ = s·[i = j] and dx = γ·s·dy.
func (l *BatchNormLayer) Backward(p *Pass, dy *Matrix) *Matrix {
	scale, norm := p.Pop(), p.Pop()
	dx, work := p.raw(dy.Rows, dy.Cols), p.New(2, l.channels)
	if len(dy.Data) == 0 {
		return dx
	}
	t := batchNormTasks.get()
	*t = batchNormTask{l: l, fixed: l.fixed(p), back: true, x: dy.Data, norm: norm.Data, y: dx.Data, scale: scale.Data, a: work.Row(0), b: work.Row(1)}
	t.do()
	return dx
}

// A batchNormTask is a Forward or a Backward as a loop over the channels.
type batchNormTask struct {
	l           *BatchNormLayer
	fixed, back bool
	x, norm, y  []float64 // x, x̂, y; or dy, x̂, dx
	scale       []float64 // s of each channel
	a, b        []float64 // scratch, two zeros for each channel
}

var batchNormTasks freelist[batchNormTask]

// normWork is the number of values that take some microseconds to normalize.
const normWork = 1 << 13

// do does the task and frees it.
func (t *batchNormTask) do() {
	switch {
	case t.l.area > 1:
		parallel(t.l.channels, ceilDiv(normWork*t.l.channels, len(t.x)), t)
	case t.back:
		t.backwardRows()
	default:
		t.forwardRows()
	}
	*t = batchNormTask{}
	batchNormTasks.put(t)
}

// run is for channels whose values lie side by side in every sample.
func (t *batchNormTask) run(lo, hi int) {
	for c := lo; c < hi; c++ {
		if t.back {
			t.backward(c)
		} else {
			t.forward(c)
		}
	}
}

// learn moves the running statistics of channel c toward the mean and the variance
// of n values.
func (l *BatchNormLayer) learn(c int, mean, variance, n float64) {
	m := or(l.Momentum, 0.1)
	to := &l.Mean.Value.Data[c]
	*to = math.FMA(m, mean, float64((1-m)**to))
	if n > 1 {
		to := &l.Var.Value.Data[c]
		*to = math.FMA(m, float64(variance*n)/(n-1), float64((1-m)**to))
	}
}

// inverse returns 1/√(v + Epsilon).
func (l *BatchNormLayer) inverse(v float64) float64 {
	return 1 / math.Sqrt(v+or(l.Epsilon, 1e-5))
}

func (t *batchNormTask) forward(c int) {
	l, stride := t.l, t.l.channels*t.l.area
	lo, hi := c*l.area, (c+1)*l.area // of the channel in the first sample
	n := float64(len(t.x) / l.channels)
	mean, v := l.Mean.Value.Data[c], l.Var.Value.Data[c]
	if !t.fixed {
		s := 0.0
		for i := 0; i < len(t.x); i += stride {
			s += vsum(t.x[i+lo : i+hi])
		}
		mean = s / n
	}
	s := 0.0
	for i := 0; i < len(t.x); i += stride {
		d := t.norm[i+lo : i+hi]
		vshift(d, -mean, t.x[i+lo:i+hi])
		if !t.fixed {
			s += vdot(d, d)
		}
	}
	if !t.fixed {
		v = s / n
		l.learn(c, mean, v, n)
	}
	t.scale[c] = l.inverse(v)
	for i := 0; i < len(t.x); i += stride {
		norm, y := t.norm[i+lo:i+hi], t.y[i+lo:i+hi]
		vscale(norm, t.scale[c], norm)
		vscale(y, l.Gain.Value.Data[c], norm)
		vshift(y, l.Bias.Value.Data[c], y)
	}
}

func (t *batchNormTask) backward(c int) {
	l, stride := t.l, t.l.channels*t.l.area
	lo, hi := c*l.area, (c+1)*l.area
	n := float64(len(t.x) / l.channels)
	dgain, dbias := 0.0, 0.0
	for i := 0; i < len(t.x); i += stride {
		dy := t.x[i+lo : i+hi]
		dgain += vdot(dy, t.norm[i+lo:i+hi])
		dbias += vsum(dy)
	}
	l.Gain.Grad.Data[c] += dgain
	l.Bias.Grad.Data[c] += dbias
	for i := 0; i < len(t.x); i += stride {
		dx, dy := t.y[i+lo:i+hi], t.x[i+lo:i+hi]
		if !t.fixed {
			vaxpy(dx, dy, -(dgain / n), t.norm[i+lo:i+hi])
			vshift(dx, -(dbias / n), dx)
			dy = dx
		}
		vscale(dx, float64(l.Gain.Value.Data[c]*t.scale[c]), dy)
	}
}

// forwardRows is forward for all channels side by side, if a channel has one
// value in a row.
func (t *batchNormTask) forwardRows() {
	l, w := t.l, t.l.channels
	n := float64(len(t.x) / w)
	mean, v := t.a, t.b
	if t.fixed {
		copy(mean, l.Mean.Value.Data)
		copy(v, l.Var.Value.Data)
	} else {
		vsumrows(mean, t.x)
		for c, s := range mean {
			mean[c] = s / n
		}
	}
	vscale(mean, -1, mean)
	vaddrow(t.norm, t.x, mean)
	if !t.fixed {
		for i := 0; i < len(t.x); i += w {
			d := t.norm[i : i+w]
			vfma(v, d, d, v)
		}
		for c, s := range v {
			v[c] = s / n
			l.learn(c, -mean[c], v[c], n)
		}
	}
	for c, v := range v {
		t.scale[c] = l.inverse(v)
	}
	for i := 0; i < len(t.x); i += w {
		norm := t.norm[i : i+w]
		vmul(norm, norm, t.scale)
		vfma(t.y[i:i+w], norm, l.Gain.Value.Data, l.Bias.Value.Data)
	}
}

func (t *batchNormTask) backwardRows() {
	l, w := t.l, t.l.channels
	n := float64(len(t.x) / w)
	dgain, dbias := t.a, t.b
	vsumrows(dbias, t.x)
	for i := 0; i < len(t.x); i += w {
		vfma(dgain, t.x[i:i+w], t.norm[i:i+w], dgain)
	}
	vadd(l.Gain.Grad.Data, l.Gain.Grad.Data, dgain)
	vadd(l.Bias.Grad.Data, l.Bias.Grad.Data, dbias)
	for c := range w {
		dgain[c], dbias[c] = -(dgain[c] / n), -(dbias[c] / n)
	}
	vmul(t.scale, t.scale, l.Gain.Value.Data)
	for i := 0; i < len(t.x); i += w {
		dx, dy := t.y[i:i+w], t.x[i:i+w]
		if !t.fixed {
			vfma(dx, t.norm[i:i+w], dgain, dy)
			vadd(dx, dx, dbias)
			dy = dx
		}
		vmul(dx, dy, t.scale)
	}
}

// CanStep returns an error unless every step is normalized by itself.
func (l *BatchNormLayer) CanStep() error {
	if l.steps {
		return nil
	}
	return fmt.Errorf("BatchNorm takes the first dimension for channels; WithSteps it takes the last")
}

// Step implements [Stepper].
func (l *BatchNormLayer) Step(p *Pass, _ *State, x *Matrix) *Matrix { return l.forward(p, x) }
