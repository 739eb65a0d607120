package nn

import (
	"math"
	"math/rand/v2"
)

// An Initializer sets the initial values of a weight matrix w that maps fanIn
// values to fanOut.
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
	for _, l := range ls {
		switch l := l.(type) {
		case Activation:
			return l
		case Layers:
			return append(l[:len(l):len(l)], ls[1:]...).activation()
		case initPasser:
		default:
			return Identity
		}
	}
	return Identity
}

// initialize sets w by init or, if that is nil, as suits the activation after it.
func initialize(init Initializer, after Activation, w *Matrix, fanIn, fanOut int, rng *rand.Rand) {
	if rng == nil {
		return
	}
	if init == nil {
		init = GlorotUniform
		if after == ReLU {
			init = HeNormal
		}
	}
	init(w, fanIn, fanOut, rng)
}

// HeNormal draws from the normal distribution with variance 2/fanIn, fit for
// the ReLU family (PyTorch: kaiming_normal). He et al., arXiv:1502.01852.
func HeNormal(w *Matrix, fanIn, _ int, rng *rand.Rand) {
	s := math.Sqrt(2 / float64(fanIn))
	for i := range w.Data {
		w.Data[i] = s * normal(rng)
	}
}

// GlorotUniform draws evenly from ±√(6/(fanIn + fanOut)).
func GlorotUniform(w *Matrix, fanIn, fanOut int, rng *rand.Rand) {
	s := math.Sqrt(6 / float64(fanIn+fanOut))
	for i := range w.Data {
		w.Data[i] = s * (float64(2*uniform(rng)) - 1)
	}
}
