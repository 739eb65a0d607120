package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A LayerNormLayer normalizes every sample, and every step of a sequence, by
// itself:
//
//	y = γ ⊙ x̂ + β    x̂ = (x − μ)/√(σ² + Epsilon)
//
// with the mean μ and the variance σ² = Σ(x − μ)²/n of the last dimension, n
// values, of an input (n) or (steps, n). Gain γ and bias β have n values. An
// input of more dimensions needs Dims, the number of dimensions, the last ones,
// that are normalized together and make up n: 3 for a whole image.
//
// Its parameters are named gain and bias.
//
// Ba et al., Layer Normalization, arXiv:1607.06450.
type LayerNormLayer struct {
	Epsilon float64 `json:",omitempty"` // 0 means 1e-5
	Dims    int     `json:",omitempty"` // 0 means 1

	Gain, Bias *Param `json:"-"` // set by Build

	shape Shape // of what is normalized together
	norm  rowNorm
}

// LayerNorm returns a LayerNormLayer.
func LayerNorm() *LayerNormLayer { return new(LayerNormLayer) }

// WithDims sets Dims and returns l.
func (l *LayerNormLayer) WithDims(dims int) *LayerNormLayer {
	l.Dims = dims
	return l
}

func (l *LayerNormLayer) passesInit() {}

func (l *LayerNormLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := checkNorm("LayerNorm", in, l.Epsilon); err != nil {
		return nil, err
	}
	dims := l.Dims
	if dims == 0 {
		dims = 1
		if len(in) > 2 {
			return nil, fmt.Errorf("LayerNorm: input is %v; WithDims says how many of its dimensions, the last ones, are normalized together", in)
		}
	}
	if dims < 0 || dims > len(in) {
		return nil, fmt.Errorf("LayerNorm: input is %v; it has no %d dimensions to normalize together", in, dims)
	}
	l.shape = slices.Clone(in[len(in)-dims:])
	width := l.shape.Size()
	l.Gain, l.Bias = affine(width, rng)
	l.norm = rowNorm{width: width, area: 1, count: width, eps: or(l.Epsilon, 1e-5), gain: l.Gain, bias: l.Bias}
	return in, nil
}

// checkNorm returns an error if the layer can't take in, or not with such an
// epsilon.
func checkNorm(name string, in Shape, eps float64) error {
	if !(eps >= 0) || math.IsInf(eps, 0) {
		return fmt.Errorf("%s: epsilon is %v; it must be positive, or 0 for the default", name, eps)
	}
	if err := in.check(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// affine returns n gains, all 1, and n biases, all 0.
func affine(n int, rng *rand.Rand) (gain, bias *Param) {
	gain, bias = newParam("gain", 1, n, rng), newParam("bias", 1, n, rng)
	gain.Value.Fill(1)
	gain.NoDecay, bias.NoDecay = true, true
	return gain, bias
}

func (l *LayerNormLayer) Params() []*Param { return []*Param{l.Gain, l.Bias} }

func (l *LayerNormLayer) Forward(p *Pass, x *Matrix) *Matrix { return l.norm.forward(p, x) }

// Backward is that of [BatchNormLayer], with n the values that are normalized
// together, but each has a gain of its own: with gᵢ = γᵢ·dyᵢ
//
//	dγ = Σ dy ⊙ x̂    dβ = Σ dy    dxⱼ = (gⱼ − Σᵢ gᵢ/n − x̂ⱼ·Σᵢ gᵢ·x̂ᵢ/n)/√(σ² + ε)
//
// where the first two sums are over samples and steps.
func (l *LayerNormLayer) Backward(p *Pass, dy *Matrix) *Matrix { return l.norm.backward(p, dy) }

// CanStep returns an error if several dimensions are normalized together.
func (l *LayerNormLayer) CanStep() error {
	if l.Dims > 1 {
		return fmt.Errorf("LayerNorm(Dims=%d) normalizes steps together", l.Dims)
	}
	return nil
}

// Step implements [Stepper].
func (l *LayerNormLayer) Step(p *Pass, _ *State, x *Matrix) *Matrix { return l.Forward(p, x) }

// A GroupNormLayer normalizes groups of channels, every sample by itself:
//
//	y = γ·x̂ + β    x̂ = (x − μ)/√(σ² + Epsilon)
//
// with the mean μ and the variance σ² = Σ(x − μ)²/n of the n values of a group,
// and a gain γ and a bias β for each channel. The channels are the first
// dimension of the input, of an image (channels, h, w) for example; their number
// must be a multiple of Groups. As many groups as channels is instance
// normalization, one group [LayerNorm] of the whole sample but for the number of
// gains.
//
// Its parameters are named gain and bias.
//
// Wu and He, Group Normalization, arXiv:1803.08494; Ulyanov et al., Instance
// Normalization, arXiv:1607.08022.
type GroupNormLayer struct {
	Groups  int     // 0: as many as channels
	Epsilon float64 `json:",omitempty"` // 0 means 1e-5

	Gain, Bias *Param `json:"-"` // set by Build

	norm rowNorm
}

// GroupNorm returns a GroupNormLayer with the given number of groups.
func GroupNorm(groups int) *GroupNormLayer { return &GroupNormLayer{Groups: groups} }

// InstanceNorm returns a GroupNormLayer whose groups are single channels.
func InstanceNorm() *GroupNormLayer { return new(GroupNormLayer) }

func (l *GroupNormLayer) passesInit() {}

func (l *GroupNormLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := checkNorm("GroupNorm", in, l.Epsilon); err != nil {
		return nil, err
	}
	channels, groups := in[0], l.Groups
	if groups == 0 {
		groups = channels
	}
	if groups < 0 || channels%groups != 0 {
		return nil, fmt.Errorf("GroupNorm(%d): input is %v; %d channels can't be divided into so many groups", l.Groups, in, channels)
	}
	l.Gain, l.Bias = affine(channels, rng)
	l.norm = rowNorm{width: in.Size() / groups, area: in[1:].Size(), count: channels, eps: or(l.Epsilon, 1e-5), gain: l.Gain, bias: l.Bias}
	return in, nil
}

func (l *GroupNormLayer) Params() []*Param { return []*Param{l.Gain, l.Bias} }

func (l *GroupNormLayer) Forward(p *Pass, x *Matrix) *Matrix { return l.norm.forward(p, x) }

// Backward is that of [LayerNormLayer] for every group; all values of a channel
// add to its dγ and dβ.
func (l *GroupNormLayer) Backward(p *Pass, dy *Matrix) *Matrix { return l.norm.backward(p, dy) }

// An RMSNormLayer divides every sample, and every step of a sequence, by the root
// of its mean square:
//
//	y = γ ⊙ x̂    x̂ = x/√(Σx²/n + Epsilon)
//
// over the last dimension, n values, of an input (n) or (steps, n). It does what
// [LayerNorm] does, but for the means, in less time. Its parameter is named gain.
//
// Zhang and Sennrich, Root Mean Square Layer Normalization, arXiv:1910.07467.
type RMSNormLayer struct {
	Epsilon float64 `json:",omitempty"` // 0 means 1e-6

	Gain *Param `json:"-"` // set by Build

	norm rowNorm
}

// RMSNorm returns an RMSNormLayer.
func RMSNorm() *RMSNormLayer { return new(RMSNormLayer) }

func (l *RMSNormLayer) passesInit() {}

func (l *RMSNormLayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := checkNorm("RMSNorm", in, l.Epsilon); err != nil {
		return nil, err
	}
	if len(in) > 2 {
		return nil, fmt.Errorf("RMSNorm: input is %v; it must be (n) or (steps, n)", in)
	}
	width, _ := in.last()
	l.Gain = newParam("gain", 1, width, rng)
	l.Gain.Value.Fill(1)
	l.Gain.NoDecay = true
	l.norm = rowNorm{width: width, area: 1, count: width, eps: or(l.Epsilon, 1e-6), gain: l.Gain}
	return in, nil
}

func (l *RMSNormLayer) Params() []*Param { return []*Param{l.Gain} }

func (l *RMSNormLayer) Forward(p *Pass, x *Matrix) *Matrix { return l.norm.forward(p, x) }

// Backward: let s = 1/√(Σx²/n + ε), x̂ = s·x and g = γ ⊙ dy. From
// ∂s/∂xⱼ = −½s³·2xⱼ/n = −s²·x̂ⱼ/n follows
//
//	∂x̂ᵢ/∂xⱼ = s·[i = j] + xᵢ·∂s/∂xⱼ = s·([i = j] − x̂ᵢ·x̂ⱼ/n)
//	∂L/∂xⱼ  = s·(gⱼ − x̂ⱼ·Σᵢ gᵢ·x̂ᵢ/n)    ∂L/∂γ = Σ dy ⊙ x̂
func (l *RMSNormLayer) Backward(p *Pass, dy *Matrix) *Matrix { return l.norm.backward(p, dy) }

// CanStep returns nil.
func (l *RMSNormLayer) CanStep() error { return nil }

// Step implements [Stepper].
func (l *RMSNormLayer) Step(p *Pass, _ *State, x *Matrix) *Matrix { return l.Forward(p, x) }

// A rowNorm normalizes values of one sample together. Every width values are a
// row, of which area values share a gain. The gains go on from row to row, and
// begin again when all are used.
type rowNorm struct {
	width, area int
	count       int // gains
	eps         float64
	gain, bias  *Param // no bias: nor is the mean subtracted
}

// gains returns where the gains of row i begin and end.
func (n *rowNorm) gains(i int) (lo, hi int) {
	k := n.width / n.area
	lo = i * k % n.count
	return lo, lo + k
}

func (n *rowNorm) forward(p *Pass, x *Matrix) *Matrix {
	n.gain.of(1, n.count)
	if n.bias != nil {
		n.bias.of(1, n.count)
	}
	y := p.raw(x.Rows, x.Cols)
	norm, scale := y, p.raw(1, len(x.Data)/n.width)
	if p.Training() {
		norm = p.raw(x.Rows, x.Cols)
		p.Push(norm, scale)
	}
	n.do(rowNormTask{rowNorm: n, x: x.Data, norm: norm.Data, y: y.Data, scale: scale.Data})
	return y
}

func (n *rowNorm) backward(p *Pass, dy *Matrix) *Matrix {
	scale, norm := p.Pop(), p.Pop()
	dx := p.raw(dy.Rows, dy.Cols)
	n.do(rowNormTask{rowNorm: n, back: true, x: dy.Data, norm: norm.Data, y: dx.Data, scale: scale.Data})
	for i := range scale.Data {
		lo, hi := n.gains(i)
		dy, norm := dy.Data[i*n.width:(i+1)*n.width], norm.Data[i*n.width:(i+1)*n.width]
		if n.area == 1 {
			dgain := n.gain.Grad.Data[lo:hi]
			vfma(dgain, dy, norm, dgain)
			if n.bias != nil {
				dbias := n.bias.Grad.Data[lo:hi]
				vadd(dbias, dbias, dy)
			}
			continue
		}
		for c := lo; c < hi; c++ {
			n.gain.Grad.Data[c] += vdot(dy[:n.area], norm[:n.area])
			n.bias.Grad.Data[c] += vsum(dy[:n.area])
			dy, norm = dy[n.area:], norm[n.area:]
		}
	}
	return dx
}

// A rowNormTask is a loop over the rows.
type rowNormTask struct {
	*rowNorm
	back       bool
	x, norm, y []float64 // x, x̂, y; or dy, x̂, dx
	scale      []float64 // 1/√(σ² + ε) of each row
}

var rowNormTasks freelist[rowNormTask]

func (n *rowNorm) do(task rowNormTask) {
	t := rowNormTasks.get()
	*t = task
	parallel(len(t.scale), ceilDiv(normWork, n.width), t)
	*t = rowNormTask{}
	rowNormTasks.put(t)
}

func (t *rowNormTask) run(lo, hi int) {
	w := t.width
	for i := lo; i < hi; i++ {
		x, norm, y := t.x[i*w:(i+1)*w], t.norm[i*w:(i+1)*w], t.y[i*w:(i+1)*w]
		if t.back {
			t.scaleRow(i, y, x, nil)
			mean := vsum(y) / float64(w)
			vaxpy(y, y, -(vdot(y, norm) / float64(w)), norm)
			if t.bias != nil {
				vshift(y, -mean, y)
			}
			vscale(y, t.scale[i], y)
			continue
		}
		t.scale[i] = normalize(norm, x, t.bias != nil, t.eps)
		t.scaleRow(i, y, norm, t.bias)
	}
}

// normalize sets z to x̂ and returns 1/√(σ² + eps); the mean is subtracted only
// if center is set.
func normalize(z, x []float64, center bool, eps float64) (scale float64) {
	n := float64(len(x))
	if center {
		vshift(z, -(vsum(x) / n), x)
		x = z
	}
	scale = 1 / math.Sqrt(vdot(x, x)/n+eps)
	vscale(z, scale, x)
	return scale
}

// scaleRow sets y = γ·x, plus β if bias is not nil, for row i.
func (t *rowNormTask) scaleRow(i int, y, x []float64, bias *Param) {
	lo, hi := t.gains(i)
	gain := t.gain.Value.Data
	switch {
	case t.area == 1 && bias == nil:
		vmul(y, x, gain[lo:hi])
	case t.area == 1:
		vfma(y, x, gain[lo:hi], bias.Value.Data[lo:hi])
	default:
		for c := lo; c < hi; c++ {
			vscale(y[:t.area], gain[c], x[:t.area])
			if bias != nil {
				vshift(y[:t.area], bias.Value.Data[c], y[:t.area])
			}
			y, x = y[t.area:], x[t.area:]
		}
	}
}
