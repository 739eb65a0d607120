package nn

import "math"

func exp(x float64) float64     { return math.Exp(x) }
func log(x float64) float64     { return math.Log(x) }
func log1p(x float64) float64   { return math.Log1p(x) }
func expm1(x float64) float64   { return math.Expm1(x) }
func tanh(x float64) float64    { return math.Tanh(x) }
func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
func softplus(x float64) float64 {
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}
func erf(x float64) float64         { return math.Erf(x) }
func erfc(x float64) float64        { return math.Erfc(x) }
func sin(x float64) float64         { return math.Sin(x) }
func cos(x float64) float64         { return math.Cos(x) }
func pow(x, y float64) float64      { return math.Pow(x, y) }
func powi(x float64, n int) float64 { return math.Pow(x, float64(n)) }
func normCDF(x float64) float64     { return 0.5 * math.Erfc(-x/math.Sqrt2) }
func normPDF(x float64) float64     { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }

func vmap(z, x []float64, f func(float64) float64) {
	for i, v := range x {
		z[i] = f(v)
	}
}
func vexp(z, x []float64)      { vmap(z, x, exp) }
func vlog(z, x []float64)      { vmap(z, x, log) }
func vtanh(z, x []float64)     { vmap(z, x, tanh) }
func vsigmoid(z, x []float64)  { vmap(z, x, sigmoid) }
func vsoftplus(z, x []float64) { vmap(z, x, softplus) }
func vadd(z, x, y []float64) {
	for i, v := range x {
		z[i] = v + y[i]
	}
}
func vsub(z, x, y []float64) {
	for i, v := range x {
		z[i] = v - y[i]
	}
}
func vmul(z, x, y []float64) {
	for i, v := range x {
		z[i] = v * y[i]
	}
}
func vdiv(z, x, y []float64) {
	for i, v := range x {
		z[i] = v / y[i]
	}
}
func vscale(z []float64, s float64, x []float64) {
	for i, v := range x {
		z[i] = s * v
	}
}
func vaxpy(z, x []float64, s float64, y []float64) {
	for i, v := range x {
		z[i] = math.FMA(s, y[i], v)
	}
}
func vsum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}
func vdot(x, y []float64) (s float64) {
	for i, v := range x {
		s = math.FMA(v, y[i], s)
	}
	return s
}
func vsumrows(s, x []float64) {
	for ; len(x) > 0; x = x[len(s):] {
		vadd(s, s, x[:len(s)])
	}
}
func vaddrow(z, x, b []float64) {
	for ; len(x) > 0; x, z = x[len(b):], z[len(b):] {
		vadd(z[:len(b)], x[:len(b)], b)
	}
}
func softmaxRow(y, x []float64) float64 {
	m := math.Inf(-1)
	for _, v := range x {
		m = max(m, v)
	}
	s := 0.0
	for j, v := range x {
		y[j] = exp(v - m)
		s += y[j]
	}
	for j := range y {
		y[j] /= s
	}
	return m + log(s)
}
