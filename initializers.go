package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// An Initializer sets the initial values of a weight matrix w that maps fanIn
// values to fanOut, for a Dense layer its inputs and outputs.
//
// Good values neither blow up nor wear out a signal on its way through many
// layers, forward or back. A layer whose Initializer is nil chooses by the
// activation that follows it in its list of layers:
//
//	ReLU, LeakyReLU, PReLU, ELU, GELU, SiLU, Mish, HardSwish    [HeNormal]
//	SELU                                                       [LeCunNormal]
//	any other, or none                                         [GlorotUniform]
//
// looking past layers that keep the scale of a signal, such as Dropout. Values
// are drawn from rng row by row.
type Initializer func(w *Matrix, fanIn, fanOut int, rng *rand.Rand)

// initHinter is a layer whose initial values depend on what follows it.
type initHinter interface{ hintInit(after Layers) }

// initPasser is a layer that keeps the scale of its input, so that initial
// values are chosen for the activation after it.
type initPasser interface{ passesInit() }

func (*FlattenLayer) passesInit()       {}
func (*ReshapeLayer) passesInit()       {}
func (*DropoutLayer) passesInit()       {}
func (*GaussianNoiseLayer) passesInit() {}

// activation returns the activation that the list begins with, or Identity.
func (ls Layers) activation() Activation {
	a, _ := ls.firstActivation()
	return a
}

// firstActivation returns the activation that the list begins with, and whether
// anything in the list settles the question: an activation, or a layer that
// isn't an initPasser.
func (ls Layers) firstActivation() (a Activation, settled bool) {
	for _, l := range ls {
		switch l := l.(type) {
		case Activation:
			return l, true
		case *PReLULayer:
			return LeakyReLU, true
		case Layers:
			if a, settled := l.firstActivation(); settled {
				return a, true
			}
		case initPasser:
		default:
			return Identity, true
		}
	}
	return Identity, false
}

// initialize sets w by init or, if that is nil, as suits the activation after
// it. It does nothing if rng is nil.
func initialize(init Initializer, after Activation, w *Matrix, fanIn, fanOut int, rng *rand.Rand) {
	if rng == nil {
		return
	}
	if init == nil {
		init = initializerFor(after)
	}
	init(w, fanIn, fanOut, rng)
}

// initializerFor returns the initializer that suits a layer before after.
func initializerFor(after Activation) Initializer {
	switch after {
	case ReLU, LeakyReLU, ELU, GELU, SiLU, Mish, HardSwish:
		return HeNormal
	case SELU:
		return LeCunNormal
	}
	return GlorotUniform
}

// HeNormal draws from the normal distribution with mean 0 and variance 2/fanIn:
// ReLU halves the mean square of its input, and the 2 makes good for that.
// PyTorch: kaiming_normal_. It panics unless fanIn is positive.
//
// He et al., Delving Deep into Rectifiers, arXiv:1502.01852.
func HeNormal(w *Matrix, fanIn, _ int, rng *rand.Rand) {
	w.FillNormal(rng, 0, math.Sqrt(heVariance("HeNormal", fanIn)))
}

// HeUniform draws evenly from ±√(6/fanIn), with the variance of [HeNormal].
// PyTorch: kaiming_uniform_. It panics unless fanIn is positive.
func HeUniform(w *Matrix, fanIn, _ int, rng *rand.Rand) {
	drawUniform(w, heVariance("HeUniform", fanIn), rng)
}

// GlorotNormal draws from the normal distribution with mean 0 and variance
// 2/(fanIn + fanOut), between 1/fanIn, which keeps the variance of a signal on
// its way forward, and 1/fanOut, which keeps that of its gradient on the way
// back. PyTorch: xavier_normal_. It panics unless fanIn and fanOut are positive.
//
// Glorot and Bengio, Understanding the difficulty of training deep feedforward
// neural networks, AISTATS 2010.
func GlorotNormal(w *Matrix, fanIn, fanOut int, rng *rand.Rand) {
	w.FillNormal(rng, 0, math.Sqrt(glorotVariance("GlorotNormal", fanIn, fanOut)))
}

// GlorotUniform draws evenly from ±√(6/(fanIn + fanOut)), with the variance of
// [GlorotNormal]. PyTorch: xavier_uniform_. It panics unless fanIn and fanOut
// are positive.
func GlorotUniform(w *Matrix, fanIn, fanOut int, rng *rand.Rand) {
	drawUniform(w, glorotVariance("GlorotUniform", fanIn, fanOut), rng)
}

// LeCunNormal draws from the normal distribution with mean 0 and variance
// 1/fanIn, fit for [SELU]. PyTorch: kaiming_normal_ with nonlinearity linear.
// It panics unless fanIn is positive.
//
// LeCun et al., Efficient BackProp, in Neural Networks: Tricks of the Trade,
// 1998; Klambauer et al., arXiv:1706.02515.
func LeCunNormal(w *Matrix, fanIn, _ int, rng *rand.Rand) {
	w.FillNormal(rng, 0, math.Sqrt(lecunVariance("LeCunNormal", fanIn)))
}

// LeCunUniform draws evenly from ±√(3/fanIn), with the variance of
// [LeCunNormal]. PyTorch: kaiming_uniform_ with nonlinearity linear. It panics
// unless fanIn is positive.
func LeCunUniform(w *Matrix, fanIn, _ int, rng *rand.Rand) {
	drawUniform(w, lecunVariance("LeCunUniform", fanIn), rng)
}

// Orthogonal draws a matrix from the standard normal distribution and makes its
// columns orthonormal, wᵀ·w = I, or its rows if they are fewer, w·wᵀ = I. All
// such matrices are equally likely. A square one keeps the length of every
// vector that it multiplies, however often, as a recurrent layer does.
// The fans do not matter. PyTorch: orthogonal_.
//
// Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep
// linear neural networks, arXiv:1312.6120.
func Orthogonal(w *Matrix, _, _ int, rng *rand.Rand) {
	orthonormalize(w.FillNormal(rng, 0, 1))
}

// Constant returns an Initializer that sets every value to v. Units whose
// weights are all equal stay equal, so it is meant for gains and the like.
// PyTorch: constant_.
func Constant(v float64) Initializer {
	return func(w *Matrix, _, _ int, _ *rand.Rand) { w.Fill(v) }
}

func heVariance(op string, fanIn int) float64 {
	checkFan(op, "fanIn", fanIn)
	return 2 / float64(fanIn)
}

func glorotVariance(op string, fanIn, fanOut int) float64 {
	checkFan(op, "fanIn", fanIn)
	checkFan(op, "fanOut", fanOut)
	return 2 / float64(fanIn+fanOut)
}

func lecunVariance(op string, fanIn int) float64 {
	checkFan(op, "fanIn", fanIn)
	return 1 / float64(fanIn)
}

func checkFan(op, name string, n int) {
	if n <= 0 {
		panic(fmt.Sprintf("nn: %s: %s is %d; it must be positive", op, name, n))
	}
}

// uniformBound returns b such that even draws from [−b, b) have the given
// variance, ∫ x² dx/2b = b²/3.
func uniformBound(variance float64) float64 { return math.Sqrt(float64(3 * variance)) }

// drawUniform draws evenly from an interval around 0, with the given variance.
func drawUniform(w *Matrix, variance float64, rng *rand.Rand) {
	b := uniformBound(variance)
	w.FillUniform(rng, -b, b)
}

// orthonormalize replaces w by the Q of its factorisation Q·R, with R upper
// triangular and positive on its diagonal; with fewer rows than columns it does
// so to wᵀ.
//
// It is the method of Gram and Schmidt: from each vector the parts along those
// before it are taken away, one after the other, and what is left is scaled to
// length 1. Where little is left, rounding leaves a part along the others, hence
// a second time, after which none is (Giraud, Langou and Rozložník, 2005).
func orthonormalize(w *Matrix) {
	q := w
	if w.Rows >= w.Cols {
		q = new(Matrix).T(w) // vectors are rows from here on
	}
	for j := range q.Rows {
		v := q.Row(j)
		for range 2 {
			for i := range j {
				u := q.Row(i)
				vaxpy(v, v, -vdot(u, v), u)
			}
		}
		vscale(v, 1/math.Sqrt(vdot(v, v)), v)
	}
	if w.Rows >= w.Cols {
		w.T(q)
	}
}
