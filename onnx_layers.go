package nn

import (
	"math"
	"slices"
	"strconv"
)

// How the layers of this package are made of operators. Where ONNX Runtime has
// an operator for float32 only, float64 takes others that compute the same; and
// so it does where an operator has a constant, such as the ε of LayerNormalization,
// that is kept as a float32.

// attrs is short for the attributes of a node.
type attrs = map[string]any

func (g *ONNXGraph) dense(l *DenseLayer, x string, in Shape) string {
	w := g.Weight(l.W)
	switch {
	case l.B == nil:
		return g.Node("MatMul", nil, x, w)
	case len(in) == 1:
		return g.Node("Gemm", nil, x, w, g.Weight(l.B, l.Out))
	}
	return g.Node("Add", nil, g.Node("MatMul", nil, x, w), g.Weight(l.B, l.Out))
}

func (g *ONNXGraph) flatten(x string, in Shape) string {
	if len(in) == 1 {
		return x
	}
	return g.Node("Flatten", nil, x)
}

// reshape gives the samples of x another shape. A 0 leaves the batch as it is.
func (g *ONNXGraph) reshape(x string, dims ...int) string {
	return g.Node("Reshape", nil, x, g.Ints(append([]int{0}, dims...)...))
}

func (g *ONNXGraph) embedding(l *EmbeddingLayer, x string) string {
	return g.Node("Gather", nil, g.Weight(l.Table), g.int64(x))
}

func (g *ONNXGraph) residual(l *ResidualLayer, x string, in Shape) (string, Shape, error) {
	body, out, err := g.list("body", l.Body, x, in)
	if err != nil {
		return "", nil, err
	}
	short, _, err := g.list("shortcut", l.Shortcut, x, in)
	if err != nil {
		return "", nil, err
	}
	return g.Node("Add", nil, g.float(short), g.float(body)), out, nil
}

func (g *ONNXGraph) concat(l *ConcatLayer, x string, in Shape) (string, Shape, error) {
	padding, steps := g.padding, g.steps
	var parts []string
	var sum Shape
	for k, b := range l.Branches {
		y, out, err := g.list(strconv.Itoa(k), b, x, in)
		if err != nil {
			return "", nil, err
		}
		g.padding, g.steps = padding, steps
		parts = append(parts, g.float(y))
		if k == 0 {
			sum = slices.Clone(out)
		} else {
			sum[0] += out[0]
		}
	}
	if len(parts) == 1 {
		return parts[0], sum, nil
	}
	return g.Node("Concat", attrs{"axis": 1}, parts...), sum, nil
}

// activation32 has the operators, if there are some, that are one activation.
// Their attributes are by default those of our functions.
var activation32 = map[Activation]struct {
	op    string
	attrs attrs
}{
	LeakyReLU:   {"LeakyRelu", attrs{"alpha": leak}},
	ELU:         {"Elu", nil},
	SELU:        {"Selu", nil},
	Softplus:    {"Softplus", nil},
	Softsign:    {"Softsign", nil},
	HardSigmoid: {"HardSigmoid", attrs{"alpha": 1. / 6, "beta": 0.5}},
	HardSwish:   {"HardSwish", nil},
}

func (g *ONNXGraph) activation(a Activation, x string) string {
	if f, ok := activation32[a]; ok && !g.Float64() {
		return g.Node(f.op, f.attrs, x)
	}
	switch a {
	case ReLU:
		return g.Node("Relu", nil, x)
	case Sigmoid:
		return g.Node("Sigmoid", nil, x)
	case Tanh:
		return g.Node("Tanh", nil, x)
	case SiLU:
		return g.silu(x)
	case LeakyReLU:
		return g.Node("Max", nil, x, g.Node("Mul", nil, x, g.Scalar(leak)))
	case ELU:
		return g.Node("Add", nil, g.Node("Relu", nil, x), g.expm1(x))
	case SELU:
		above := g.Node("Mul", nil, g.Node("Relu", nil, x), g.Scalar(seluScale))
		return g.Node("Add", nil, above, g.Node("Mul", nil, g.expm1(x), g.Scalar(seluDepth)))
	case GELU:
		return g.gelu(x)
	case Mish:
		return g.mish(x)
	case Softplus:
		return g.softplus(x)
	case Softsign:
		return g.Node("Div", nil, x, g.Node("Add", nil, g.Node("Abs", nil, x), g.Scalar(1)))
	case HardSigmoid:
		return g.hardSigmoid(x)
	case HardSwish:
		return g.Node("Mul", nil, x, g.hardSigmoid(x))
	}
	return x // Identity
}

// silu is x·σ(x). For float64 ONNX Runtime would make an operator of that which
// it does not have; hence x/(1 + e⁻ˣ).
func (g *ONNXGraph) silu(x string) string {
	if !g.Float64() {
		return g.Node("Mul", nil, x, g.Node("Sigmoid", nil, x))
	}
	e := g.Node("Exp", nil, g.Node("Neg", nil, x))
	return g.Node("Div", nil, x, g.Node("Add", nil, e, g.Scalar(1)))
}

// expm1 is eˣ − 1 where x < 0, else 0, without the loss of digits near 0 of
// the subtraction: from tanh(x/2) = (eˣ − 1)/(eˣ + 1).
func (g *ONNXGraph) expm1(x string) string {
	x = g.Node("Min", nil, x, g.Scalar(0))
	sum := g.Node("Add", nil, g.Node("Exp", nil, x), g.Scalar(1))
	return g.Node("Mul", nil, g.Node("Tanh", nil, g.Node("Mul", nil, x, g.Scalar(0.5))), sum)
}

// softplus is ln(1 + eˣ) = max(x, 0) + ln(1 + u), u = e^−|x|. With w = 1 + u as
// rounded, ln(1 + u) = ln(w) + ln(1 + (u − (w − 1))/w), and the last is so near
// to ln(1) that it is its argument.
func (g *ONNXGraph) softplus(x string) string {
	one := g.Scalar(1)
	u := g.Node("Exp", nil, g.Node("Neg", nil, g.Node("Abs", nil, x)))
	w := g.Node("Add", nil, u, one)
	rest := g.Node("Div", nil, g.Node("Sub", nil, u, g.Node("Sub", nil, w, one)), w)
	log := g.Node("Add", nil, g.Node("Log", nil, w), rest)
	return g.Node("Add", nil, g.Node("Relu", nil, x), log)
}

// mish is x·n/(n + 2), n = e·(e + 2), e = eˣ, as in [Activation.Backward]. From 20
// on n/(n + 2) is 1.
func (g *ONNXGraph) mish(x string) string {
	two := g.Scalar(2)
	e := g.Node("Exp", nil, g.Node("Min", nil, x, g.Scalar(20)))
	n := g.Node("Mul", nil, e, g.Node("Add", nil, e, two))
	return g.Node("Mul", nil, x, g.Node("Div", nil, n, g.Node("Add", nil, n, two)))
}

// hardSigmoid is max(min(x + 3, 6)/6, 0). The factor 1/6 stands between others
// because ONNX Runtime makes one operator of a product and a factor before or after
// it that is a single number, and keeps that as a float32.
func (g *ONNXGraph) hardSigmoid(x string) string {
	six := g.Scalar(6)
	y := g.Node("Min", nil, g.Node("Add", nil, x, g.Scalar(3)), six)
	return g.Node("Relu", nil, g.Node("Div", nil, y, six))
}

// gelu is x·Φ(x), with Φ(x) = (1 + erf(x/√2))/2.
//
// For float64, which has no erf, it is max(x, 0) − a·erfc(z)/2 with a = |x| and
// z = a/√2. The rule of midpoints h apart, applied to an integral of erfc, gives
//
//	erfc(z)/2 = h·z/π·e^(−z²)·Σₖ e^(−tₖ²)/(z² + tₖ²) + σ(−2πz/h)    tₖ = (k + ½)·h
//
// where with h = ½ twelve terms are enough: the next is below 2⁻⁵², and so is
// what the rule leaves out, about e^(−π²/h²) (Hunter and Regan, Mathematics of
// Computation 26, 1972).
func (g *ONNXGraph) gelu(x string) string {
	if !g.Float64() {
		phi := g.Node("Add", nil, g.Node("Erf", nil, g.Node("Div", nil, x, g.Scalar(math.Sqrt2))), g.Scalar(1))
		return g.Node("Mul", nil, g.Node("Mul", nil, x, phi), g.Scalar(0.5))
	}
	const h, terms = 0.5, 12
	squares, weights := make([]float64, terms), make([]float64, terms)
	for k := range terms {
		t := (float64(k) + 0.5) * h
		squares[k] = t * t
		weights[k] = h / math.Pi * exp(-squares[k])
	}
	a := g.Node("Min", nil, g.Node("Abs", nil, x), g.Scalar(40)) // where erfc is 0
	z := g.Node("Div", nil, a, g.Scalar(math.Sqrt2))
	zz := g.Node("Mul", nil, z, z)
	last := g.Ints(-1)
	r := g.Node("Add", nil, g.Node("Unsqueeze", nil, zz, last), g.constant("squares", squares, terms))
	sum := g.Node("MatMul", nil, g.Node("Reciprocal", nil, r), g.constant("weights", weights, terms, 1))
	sum = g.Node("Mul", nil, z, g.Node("Squeeze", nil, sum, last))
	sum = g.Node("Mul", nil, sum, g.Node("Exp", nil, g.Node("Neg", nil, zz)))
	sum = g.Node("Add", nil, sum, g.Node("Sigmoid", nil, g.Node("Mul", nil, z, g.Scalar(-2*math.Pi/h))))
	return g.Node("Sub", nil, g.Node("Relu", nil, x), g.Node("Mul", nil, a, sum))
}

func (g *ONNXGraph) prelu(l *PReLULayer, x string, in Shape) string {
	slope := l.Slope.Value
	if len(in) > 2 {
		return g.Node("PRelu", nil, x, g.Weight(l.Slope, channelDims(slope.Cols, len(in))...))
	}
	return g.Node("PRelu", nil, x, g.Weight(l.Slope, slope.Cols))
}

// channelDims returns the shape of numbers for n channels that go with samples of
// the given rank, channels first.
func channelDims(n, rank int) []int {
	dims := []int{n}
	for range rank - 1 {
		dims = append(dims, 1)
	}
	return dims
}

// batchNorm is an operator with running statistics. Its ε is a float32: what
// is missing from float64 is added to the variances.
func (g *ONNXGraph) batchNorm(l *BatchNormLayer, x string, in Shape) string {
	eps, n := or(l.Epsilon, 1e-5), l.channels
	variance := ""
	if g.Float64() {
		v := slices.Clone(l.Var.Value.Data)
		vshift(v, eps-float64(float32(eps)), v)
		variance = g.constant("var", v, n)
	} else {
		variance = g.Weight(l.Var, n)
	}
	weights := []string{g.Weight(l.Gain, n), g.Weight(l.Bias, n), g.Weight(l.Mean, n), variance}
	if l.Steps {
		x = g.Node("Reshape", nil, x, g.Ints(-1, n))
	}
	y := g.Node("BatchNormalization", attrs{"epsilon": eps}, append([]string{x}, weights...)...)
	if l.Steps {
		y = g.Node("Reshape", nil, y, g.Ints(append([]int{-1}, in...)...))
	}
	return y
}

func (g *ONNXGraph) layerNorm(l *LayerNormLayer, x string, in Shape) string {
	n := max(l.Dims, 1)
	dims := in[len(in)-n:]
	gain, bias := g.Weight(l.Gain, dims...), g.Weight(l.Bias, dims...)
	if !g.Float64() {
		return g.Node("LayerNormalization", attrs{"axis": -n, "epsilon": l.norm.eps}, x, gain, bias)
	}
	x = g.center(x, n)
	y := g.Node("Div", nil, x, g.rootMean(x, n, l.norm.eps))
	return g.Node("Add", nil, g.Node("Mul", nil, y, gain), bias)
}

// center subtracts the mean of the last n dimensions.
func (g *ONNXGraph) center(x string, n int) string {
	return g.Node("Sub", nil, x, g.Node("ReduceMean", attrs{"axes": lastAxes(n), "keepdims": 1}, x))
}

// rootMean returns √(Σx²/n + ε), the root of the mean over the last dims dimensions.
func (g *ONNXGraph) rootMean(x string, dims int, eps float64) string {
	mean := g.Node("ReduceMean", attrs{"axes": lastAxes(dims), "keepdims": 1}, g.Node("Mul", nil, x, x))
	return g.Node("Sqrt", nil, g.Node("Add", nil, mean, g.Scalar(eps)))
}

// lastAxes returns −n, …, −1.
func lastAxes(n int) []int {
	axes := make([]int, n)
	for i := range axes {
		axes[i] = i - n
	}
	return axes
}

// groupNorm lays the values of a group into one dimension and normalizes that.
func (g *ONNXGraph) groupNorm(l *GroupNormLayer, x string, in Shape) string {
	groups := in.Size() / l.norm.width
	if !g.Float64() && groups == in[0] && len(in) > 1 {
		return g.Node("InstanceNormalization", attrs{"epsilon": l.norm.eps}, x, g.Weight(l.Gain, groups), g.Weight(l.Bias, groups))
	}
	y := g.reshape(x, groups, l.norm.width)
	if g.Float64() {
		y = g.center(y, 1)
		y = g.Node("Div", nil, y, g.rootMean(y, 1, l.norm.eps))
	} else {
		ones, zeros := make([]float64, groups), make([]float64, groups)
		fill(ones, 1)
		y = g.Node("InstanceNormalization", attrs{"epsilon": l.norm.eps}, y, g.constant("ones", ones, groups), g.constant("zeros", zeros, groups))
	}
	dims := channelDims(in[0], len(in))
	y = g.Node("Mul", nil, g.reshape(y, in...), g.Weight(l.Gain, dims...))
	return g.Node("Add", nil, y, g.Weight(l.Bias, dims...))
}

func (g *ONNXGraph) rmsNorm(l *RMSNormLayer, x string) string {
	y := g.Node("Mul", nil, x, g.Weight(l.Gain, l.norm.width))
	return g.Node("Div", nil, y, g.rootMean(x, 1, l.norm.eps))
}
