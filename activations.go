package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// An Activation is a layer that applies one function of one number to every
// value of its input, which may have any shape. It has no parameters and no
// state: the same constant serves everywhere. Functions of more than one number
// are layers of their own: [Softmax], [PReLU].
//
//	            f(x)                             f′(x)                           papers
//	Identity    x                                1
//	ReLU        max(0, x)                        1 if x > 0, else 0              Nair and Hinton, ICML 2010
//	LeakyReLU   x if x > 0, else 0.01·x          1 if x > 0, else 0.01           Maas et al., ICML 2013
//	ELU         x if x > 0, else eˣ − 1          1 if x > 0, else eˣ             arXiv:1511.07289
//	SELU        λx if x > 0, else λα(eˣ − 1)     λ if x > 0, else λα·eˣ          arXiv:1706.02515
//	GELU        x·Φ(x)                           Φ(x) + x·φ(x)                   arXiv:1606.08415
//	SiLU        x·σ(x)                           σ(x)·(1 + x·σ(−x))              arXiv:1702.03118, 1710.05941
//	Mish        x·tanh(s), s = ln(1 + eˣ)        tanh(s) + x·σ(x)·(1 − tanh²(s)) arXiv:1908.08681
//	Softplus    ln(1 + eˣ)                       σ(x)                            Dugas et al., NIPS 2000
//	Softsign    x/(1 + |x|)                      1/(1 + |x|)²                    Glorot and Bengio, AISTATS 2010
//	Sigmoid     σ(x) = 1/(1 + e⁻ˣ)               σ(x)·σ(−x)
//	HardSigmoid min(max(x + 3, 0), 6)/6          1/6 if |x| < 3, else 0          arXiv:1905.02244
//	HardSwish   x·HardSigmoid(x)                 x/3 + 1/2 if |x| ≤ 3,           arXiv:1905.02244
//	                                             else 0 below and 1 above
//	Tanh        (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)            1 − tanh²(x)
//
// Here Φ and φ are the distribution function and the density of the standard
// normal distribution (GELU is the exact form, not the approximation by tanh),
// λ = 1.0507…, α = 1.6732…. SiLU is also called swish.
//
// In a kink f′ is the one that the table says, PyTorch's choice too. At ±Inf, f
// and f′ have their limits. NaN gives NaN in both, except that ReLU passes dy.
type Activation uint8

const (
	Identity    Activation = iota // x
	ReLU                          // max(0, x)
	LeakyReLU                     // x if x > 0, else 0.01·x
	ELU                           // x if x > 0, else eˣ − 1
	SELU                          // λx if x > 0, else λα(eˣ − 1); keeps mean 0 and variance 1
	GELU                          // x·Φ(x), Φ the normal distribution function
	SiLU                          // x·σ(x), also called swish
	Mish                          // x·tanh(ln(1 + eˣ))
	Softplus                      // ln(1 + eˣ)
	Softsign                      // x/(1 + |x|)
	Sigmoid                       // σ(x) = 1/(1 + e⁻ˣ)
	HardSigmoid                   // x/6 + ½ clipped to [0, 1]
	HardSwish                     // x·HardSigmoid(x)
	Tanh                          // (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ)
)

// activations has a line for each constant. A derivative is computed from x or
// from y = f(x): Forward saves that one and no other matrix. That of GELU costs
// little beside y, so Forward computes it, and saves it as v.
var activations = [...]struct {
	name     string
	forward  func(y, x []float64)      // y = f(x)
	backward func(dx, v, dy []float64) // dx = dy·f′(x), v is x if fromX, else y
	fromX    bool
}{
	Identity:    {name: "Identity"},
	ReLU:        {"ReLU", vrelu, vreluGrad, false},
	LeakyReLU:   {"LeakyReLU", leakyForward, leakyBackward, false},
	ELU:         {"ELU", eluForward, eluBackward, false},
	SELU:        {"SELU", seluForward, seluBackward, false},
	GELU:        {"GELU", vgelu, vmul, true},
	SiLU:        {"SiLU", siluForward, siluBackward, true},
	Mish:        {"Mish", mishForward, mishBackward, true},
	Softplus:    {"Softplus", vsoftplus, softplusBackward, true},
	Softsign:    {"Softsign", softsignForward, softsignBackward, true},
	Sigmoid:     {"Sigmoid", vsigmoid, vsigmoidGrad, false},
	HardSigmoid: {"HardSigmoid", hardSigmoidForward, hardSigmoidBackward, true},
	HardSwish:   {"HardSwish", hardSwishForward, hardSwishBackward, true},
	Tanh:        {"Tanh", vtanh, vtanhGrad, false},
}

// String returns the name of the constant.
func (a Activation) String() string {
	if int(a) < len(activations) {
		return activations[a].name
	}
	return "Activation(" + strconv.Itoa(int(a)) + ")"
}

// MarshalText returns the name of the constant, or an error if there is none.
func (a Activation) MarshalText() ([]byte, error) {
	if int(a) >= len(activations) {
		return nil, fmt.Errorf("unknown activation %d", a)
	}
	return []byte(a.String()), nil
}

// UnmarshalText sets a to the activation of the given name.
func (a *Activation) UnmarshalText(name []byte) error {
	for i := range activations {
		if activations[i].name == string(name) {
			*a = Activation(i)
			return nil
		}
	}
	return fmt.Errorf("unknown activation %q", name)
}

// Build returns in. It returns an error if a is none of the constants.
func (a Activation) Build(in Shape, _ *rand.Rand) (Shape, error) {
	if int(a) >= len(activations) {
		return nil, fmt.Errorf("unknown activation %d", a)
	}
	return in, nil
}

// Params returns nil.
func (a Activation) Params() []*Param { return nil }

// Forward returns f(x), element by element. That of Identity is x itself.
func (a Activation) Forward(p *Pass, x *Matrix) *Matrix {
	if a == Identity {
		return x
	}
	if int(a) >= len(activations) {
		panic(fmt.Sprintf("nn: Forward: unknown activation %d", a))
	}
	f := &activations[a]
	y := p.raw(x.Rows, x.Cols)
	if a == GELU && p.Training() {
		d := p.raw(x.Rows, x.Cols)
		elementTask{three: vgeluGrad, a: y.Data, b: d.Data, c: x.Data}.parallel()
		p.Push(d)
		return y
	}
	if tooShort(len(x.Data), elementPart) {
		f.forward(y.Data, x.Data)
	} else {
		elementTask{two: f.forward, a: y.Data, b: x.Data}.parallel()
	}
	if f.fromX {
		p.Push(x)
	} else {
		p.Push(y)
	}
	return y
}

// Backward returns dx = dy ⊙ f′(x), since ∂L/∂xᵢ = ∂L/∂yᵢ·∂yᵢ/∂xᵢ. From the
// output y where that gives f′ at once:
//
//	ReLU        y > 0 where x > 0                         f′ = 1, else 0
//	LeakyReLU   y > 0 where x > 0                         f′ = 1, else 0.01
//	ELU         x ≤ 0: y = eˣ − 1                         f′ = eˣ = y + 1
//	SELU        x ≤ 0: y = λα·eˣ − λα                     f′ = λα·eˣ = y + λα
//	Sigmoid     y = (1 + e⁻ˣ)⁻¹, 1 − y = e⁻ˣ·y            f′ = e⁻ˣ·y² = y·(1 − y)
//	Tanh        y = s/c, s′ = c, c′ = s                   f′ = (c² − s²)/c² = 1 − y²
//
// (s and c are eˣ ∓ e⁻ˣ halved). Such an f′ is as exact as y, to about 2⁻⁵² of
// the largest f′. From the input x otherwise, by the product rule where
// f(x) = x·g(x), so that f′ = g + x·g′:
//
//	GELU        g = Φ      g′ = φ(x) = e^(−x²/2)/√2π      f′ = Φ(x) + x·φ(x)
//	SiLU        g = σ      g′ = σ·(1 − σ)                 f′ = σ·(1 + x·(1 − σ))
//	Mish        g = tanh(s), s = ln(1 + e), e = eˣ, n = e·(e + 2):
//	            e²ˢ = (1 + e)² = n + 1                    g = (n + 1 − 1)/(n + 1 + 1) = n/(n + 2)
//	            n′ = 2e·(1 + e), g′ = 2n′/(n + 2)²        f′ = (n + x·4e·(1 + e)/(n + 2))/(n + 2)
//	HardSwish   |x| ≤ 3: g = (x + 3)/6, g′ = 1/6          f′ = (2x + 3)/6 = x/3 + ½
//	Softplus    f = ln(1 + eˣ)                            f′ = eˣ/(1 + eˣ) = σ(x)
//	Softsign    x ≥ 0: f = 1 − 1/(1 + x), f odd           f′ = 1/(1 + |x|)²
//	HardSigmoid |x| < 3: f = x/6 + ½                      f′ = 1/6
func (a Activation) Backward(p *Pass, dy *Matrix) *Matrix {
	if a == Identity {
		return dy
	}
	v, dx := p.Pop(), p.raw(dy.Rows, dy.Cols)
	if f := activations[a].backward; tooShort(len(v.Data), elementPart) {
		f(dx.Data, v.Data, dy.Data)
	} else {
		elementTask{three: f, a: dx.Data, b: v.Data, c: dy.Data}.parallel()
	}
	return dx
}

// An elementTask is a loop over the elements of two or three slices.
type elementTask struct {
	two     func(a, b []float64)
	three   func(a, b, c []float64) // if two is nil
	a, b, c []float64
}

var elementTasks freelist[elementTask]

// elementPart is the number of elements that are worth handing to a goroutine.
const elementPart = 1 << 13

func (t elementTask) parallel() {
	s := elementTasks.get()
	*s = t
	parallel(len(t.a), elementPart, s)
	*s = elementTask{}
	elementTasks.put(s)
}

func (t *elementTask) run(lo, hi int) {
	if t.two != nil {
		t.two(t.a[lo:hi], t.b[lo:hi])
	} else {
		t.three(t.a[lo:hi], t.b[lo:hi], t.c[lo:hi])
	}
}

// inPlace returns f if it can be applied in place, because Backward needs only y;
// nil otherwise.
func (a Activation) inPlace() func(y, x []float64) {
	if int(a) >= len(activations) || activations[a].fromX {
		return nil
	}
	return activations[a].forward // nil for Identity
}

// pick returns above if x > 0, below if x ≤ 0, and NaN if x is NaN. The sign of
// x is hard to predict, so the choice is between integers, for which processors
// have conditional moves.
func pick(x, above, below float64) float64 {
	a, b := math.Float64bits(above), math.Float64bits(below)
	if x > 0 {
		b = a
	}
	if x != x {
		b = math.Float64bits(x)
	}
	return math.Float64frombits(b)
}

const leak = 0.01 // the slope of LeakyReLU below 0

func leakyForward(y, x []float64) {
	for i, v := range x {
		y[i] = max(v, float64(leak*v))
	}
}

func leakyBackward(dx, y, dy []float64) {
	for i, v := range y {
		dx[i] = dy[i] * pick(v, 1, leak)
	}
}

func eluForward(y, x []float64) {
	for i, v := range x {
		y[i] = pick(v, v, expm1(min(v, 0)))
	}
}

func eluBackward(dx, y, dy []float64) {
	for i, v := range y {
		dx[i] = dy[i] * (1 + min(v, 0))
	}
}

// λ and λα of SELU. With them, the fixed point of mean and variance is 0 and 1.
const (
	seluScale = 1.0507009873554804934193349852946
	seluDepth = seluScale * 1.6732632423543772848170429916717
)

func seluForward(y, x []float64) {
	for i, v := range x {
		y[i] = pick(v, float64(seluScale*v), float64(seluDepth*expm1(min(v, 0))))
	}
}

func seluBackward(dx, y, dy []float64) {
	for i, v := range y {
		dx[i] = dy[i] * pick(v, seluScale, v+seluDepth)
	}
}

// Below, x·g(x) and its derivative are taken at x within bounds beyond which g is
// 0 or 1 to the last bit, since Inf·0 is NaN.

const expBound = 1000 // e⁻¹⁰⁰⁰ is 0

func siluForward(y, x []float64) {
	vsigmoid(y, x)
	for i, v := range x {
		y[i] *= max(v, -expBound)
	}
}

func siluBackward(dx, x, dy []float64) {
	vsigmoid(dx, x)
	for i, s := range dx {
		v := max(min(x[i], expBound), -expBound)
		dx[i] = dy[i] * (s * math.FMA(v, 1-s, 1))
	}
}

const mishBound = 40 // n = e·(e + 2) is finite, and n/(n + 2) is 1

func mishForward(y, x []float64) {
	for i, v := range x {
		y[i] = min(v, mishBound)
	}
	vexp(y, y)
	for i, e := range y {
		n := float64(e * (e + 2))
		y[i] = max(x[i], -expBound) * (n / (n + 2))
	}
}

func mishBackward(dx, x, dy []float64) {
	for i, v := range x {
		dx[i] = min(v, mishBound)
	}
	vexp(dx, dx)
	for i, e := range dx {
		v := max(min(x[i], mishBound), -expBound)
		n := float64(e * (e + 2))
		dx[i] = dy[i] * (math.FMA(float64(4*v*e), (1+e)/(n+2), n) / (n + 2))
	}
}

func softplusBackward(dx, x, dy []float64) {
	vsigmoid(dx, x)
	vmul(dx, dx, dy)
}

func softsignForward(y, x []float64) {
	for i, v := range x {
		v = max(min(v, math.MaxFloat64), -math.MaxFloat64) // Inf/Inf is NaN
		y[i] = v / (1 + math.Abs(v))
	}
}

func softsignBackward(dx, x, dy []float64) {
	for i, v := range x {
		q := 1 / (1 + math.Abs(v))
		dx[i] = dy[i] * (q * q)
	}
}

// hardSigmoid is exactly 0 up to −3 and exactly 1 from 3.
func hardSigmoid(x float64) float64 { return min(max(x+3, 0), 6) / 6 }

func hardSigmoidForward(y, x []float64) {
	for i, v := range x {
		y[i] = hardSigmoid(v)
	}
}

func hardSigmoidBackward(dx, x, dy []float64) {
	for i, v := range x {
		switch {
		case math.Abs(v) < 3:
			dx[i] = dy[i] / 6
		case v != v:
			dx[i] = v
		default:
			dx[i] = 0
		}
	}
}

func hardSwishForward(y, x []float64) {
	for i, v := range x {
		y[i] = max(v, -3) * hardSigmoid(v)
	}
}

func hardSwishBackward(dx, x, dy []float64) {
	for i, v := range x {
		switch {
		case v < -3:
			dx[i] = 0
		case v > 3:
			dx[i] = dy[i]
		default: // also NaN
			dx[i] = dy[i] * (v/3 + 0.5)
		}
	}
}

// A PReLULayer is a [LeakyReLU] whose slope a below 0 is learned:
//
//	y = x     dx = dy      da = 0            where x > 0
//	y = a·x   dx = a·dy    da = Σ dy·x       elsewhere
//
// There is one slope for the whole input or, with PerChannel, one for each
// feature of an input (n) or (steps, n) and for each channel of an input
// (channels, h, w); x and y have the same shape. The parameter is named slope,
// is 1×1 or 1×channels, and begins at 0.25. It is exempt from weight decay,
// which would turn the layer into ReLU.
//
// He et al., Delving Deep into Rectifiers, arXiv:1502.01852.
type PReLULayer struct {
	PerChannel bool `json:",omitempty"` // a slope for each channel, not one for all

	Slope *Param `json:"-"` // a; set by Build

	width    int // values of a sample
	channels int // slopes
	run      int // values in a row that share one
}

// PReLU returns a PReLULayer with one slope.
func PReLU() *PReLULayer { return new(PReLULayer) }

// WithPerChannel sets PerChannel and returns l.
func (l *PReLULayer) WithPerChannel() *PReLULayer {
	l.PerChannel = true
	return l
}

// Build returns in.
func (l *PReLULayer) Build(in Shape, rng *rand.Rand) (Shape, error) {
	if err := in.check(); err != nil {
		return nil, fmt.Errorf("PReLU: %w", err)
	}
	l.width, l.channels, l.run = in.Size(), 1, in.Size()
	if l.PerChannel {
		l.channels, _ = in.last()
		l.run = 1
		if len(in) > 2 {
			l.channels, l.run = in[0], in[1:].Size()
		}
	}
	l.Slope = newParam("slope", 1, l.channels, rng)
	l.Slope.Value.Fill(0.25)
	l.Slope.NoDecay = true
	return in, nil
}

// Params returns the slope.
func (l *PReLULayer) Params() []*Param {
	if l.Slope == nil {
		return nil
	}
	return []*Param{l.Slope}
}

func (l *PReLULayer) Forward(p *Pass, x *Matrix) *Matrix {
	if l.Slope == nil {
		panic("nn: PReLU: the layer is not built; give it to New")
	}
	checkWidth("PReLU", x, l.width)
	y := p.raw(x.Rows, x.Cols)
	preluForward(y.Data, x.Data, l.Slope.of(1, l.channels).Data, l.run)
	p.Push(x)
	return y
}

// preluForward gives run values in turn each slope, and begins again when all
// slopes are used.
func preluForward(y, x, slopes []float64, run int) {
	for i := 0; i < len(x); {
		for _, a := range slopes {
			for end := i + run; i < end; i++ {
				v := x[i]
				y[i] = pick(v, v, float64(a*v))
			}
		}
	}
}

// Backward follows from y = max(x, 0) + a·min(x, 0), taken for every value that
// has the slope a:
//
//	∂y/∂x = 1 if x > 0, else a    so dx = dy or a·dy
//	∂y/∂a = min(x, 0)             so da = Σ dy·min(x, 0)
//
// The sum goes over each run of values in memory that share a, then over the
// runs in their order.
func (l *PReLULayer) Backward(p *Pass, dy *Matrix) *Matrix {
	x, dx := p.Pop(), p.raw(dy.Rows, dy.Cols)
	for i, v := range x.Data {
		dx.Data[i] = min(v, 0)
	}
	da := l.Slope.Grad.Data
	for i := 0; i < len(x.Data); {
		for k, a := range l.Slope.Value.Data {
			end := i + l.run
			da[k] += vdot(dy.Data[i:end], dx.Data[i:end])
			for ; i < end; i++ {
				dx.Data[i] = dy.Data[i] * pick(x.Data[i], 1, a)
			}
		}
	}
	return dx
}
