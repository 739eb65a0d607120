package nn

import (
	"fmt"
	"math"
	"slices"
)

// The operators of the interpreter that do the work of a whole layer.

func (r *runner) norm() *array {
	x, gain, bias := r.in[0], r.in[1], r.in[2]
	y := newArray(x.kind, x.dims...)
	eps := attrOf(r, "epsilon", 1e-5)
	if r.node.op == "LayerNormalization" {
		n := elements(x.dims[len(x.dims)+attrOf(r, "axis", -1):])
		if !slices.Equal(gain.dims, x.dims[len(x.dims)+attrOf(r, "axis", -1):]) || !slices.Equal(gain.dims, bias.dims) {
			panic(fmt.Sprintf("gain is %v", gain.dims))
		}
		for i := 0; i < len(x.data); i += n {
			mean, variance := moments(x.data[i : i+n])
			for j := i; j < i+n; j++ {
				y.data[j] = (x.data[j]-mean)/math.Sqrt(variance+eps)*gain.data[j-i] + bias.data[j-i]
			}
		}
		return y
	}
	channels := x.dims[1]
	if len(gain.data) != channels || len(bias.data) != channels || len(gain.dims) != 1 || r.node.op[0] == 'I' && len(x.dims) < 3 {
		panic("channels")
	}
	n := elements(x.dims[2:])
	for i := range len(x.data) / n {
		c := i % channels
		var mean, variance float64
		if r.node.op == "BatchNormalization" {
			mean, variance = r.in[3].data[c], r.in[4].data[c]
		} else {
			mean, variance = moments(x.data[i*n : (i+1)*n])
		}
		for j := i * n; j < (i+1)*n; j++ {
			y.data[j] = (x.data[j]-mean)/math.Sqrt(variance+eps)*gain.data[c] + bias.data[c]
		}
	}
	return y
}

func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, variance
}

// places are windows that slide over the spatial dimensions, as Conv and pools
// describe them.
type places struct {
	kernel, strides, dilations, pads []int
}

func (r *runner) places(n int) places {
	ones := slices.Repeat([]int{1}, n)
	p := places{
		kernel:  attrOf(r, "kernel_shape", []int(nil)),
		strides: attrOf(r, "strides", ones), pads: attrOf(r, "pads", make([]int, 2*n)),
	}
	p.dilations = ones
	if r.node.op[0] == 'C' {
		p.dilations = attrOf(r, "dilations", ones)
	}
	if len(p.kernel) != n || len(p.strides) != n || len(p.dilations) != n || len(p.pads) != 2*n {
		panic(fmt.Sprintf("%d dimensions and %v", n, p))
	}
	return p
}

// out returns the spatial dimensions of the output for those of the input.
func (p places) out(in []int) []int {
	out := make([]int, len(in))
	for i, d := range in {
		out[i] = (d+p.pads[i]+p.pads[len(in)+i]-p.dilations[i]*(p.kernel[i]-1)-1)/p.strides[i] + 1
	}
	return out
}

// each calls f for all places of a shape.
func each(dims []int, f func(at []int)) {
	at := make([]int, len(dims))
	for range elements(dims) {
		f(at)
		for j := len(at) - 1; j >= 0; j-- {
			if at[j]++; at[j] < dims[j] {
				break
			}
			at[j] = 0
		}
	}
}

// window calls f for each element u of the kernel at the place q, with its index
// in the kernel, and in the input, or −1 if it is outside.
func (p places) window(q, in []int, f func(k, i int)) {
	k := 0
	each(p.kernel, func(u []int) {
		i := 0
		for j := range u {
			at := q[j]*p.strides[j] + u[j]*p.dilations[j] - p.pads[j]
			if at < 0 || at >= in[j] {
				i = -1
				break
			}
			i = i*in[j] + at
		}
		f(k, i)
		k++
	})
}

func (r *runner) conv() *array {
	x, w := r.in[0], r.in[1]
	in := x.dims[2:]
	p, groups := r.places(len(in)), attrOf(r, "group", 1)
	if !slices.Equal(w.dims[2:], p.kernel) || w.dims[1]*groups != x.dims[1] {
		panic(fmt.Sprintf("weight %v, input %v, %d groups", w.dims, x.dims, groups))
	}
	out := p.out(in)
	filters, depth := w.dims[0], w.dims[1]
	y := newArray(x.kind, append([]int{x.dims[0], filters}, out...)...)
	i := 0
	for b := range x.dims[0] {
		for f := range filters {
			each(out, func(q []int) {
				s := 0.0
				if bias := r.arg(2); bias != nil {
					s = bias.data[f]
				}
				p.window(q, in, func(k, at int) {
					for c := 0; c < depth && at >= 0; c++ {
						from := b*x.dims[1] + f/(filters/groups)*depth + c
						s += w.data[(f*depth+c)*elements(p.kernel)+k] * x.data[from*elements(in)+at]
					}
				})
				y.data[i] = s
				i++
			})
		}
	}
	return y
}

func (r *runner) convTranspose() *array {
	x, w := r.in[0], r.in[1]
	in := x.dims[2:]
	p, groups, more := r.places(len(in)), attrOf(r, "group", 1), attrOf(r, "output_padding", make([]int, len(in)))
	if !slices.Equal(w.dims[2:], p.kernel) || w.dims[0] != x.dims[1] {
		panic(fmt.Sprintf("weight %v, input %v", w.dims, x.dims))
	}
	filters, depth := w.dims[1], x.dims[1]/groups
	out := make([]int, len(in))
	for i, d := range in {
		out[i] = (d-1)*p.strides[i] - p.pads[i] - p.pads[len(in)+i] + p.dilations[i]*(p.kernel[i]-1) + 1 + more[i]
	}
	y := newArray(x.kind, append([]int{x.dims[0], filters * groups}, out...)...)
	for i := range y.data {
		if bias := r.arg(2); bias != nil {
			y.data[i] = bias.data[i/elements(out)%(filters*groups)]
		}
	}
	i := 0
	for b := range x.dims[0] {
		for c := range x.dims[1] {
			each(in, func(q []int) {
				p.window(q, out, func(k, at int) {
					for f := 0; f < filters && at >= 0; f++ {
						to := b*filters*groups + c/depth*filters + f
						y.data[to*elements(out)+at] += w.data[(c*filters+f)*elements(p.kernel)+k] * x.data[i]
					}
				})
				i++
			})
		}
	}
	return y
}

func (r *runner) pool() *array {
	x := r.in[0]
	in := x.dims[2:]
	p := r.places(len(in))
	all := r.node.op == "AveragePool" && attrOf(r, "count_include_pad", 0) != 0
	out := p.out(in)
	y := newArray(x.kind, append([]int{x.dims[0], x.dims[1]}, out...)...)
	i := 0
	for c := range x.dims[0] * x.dims[1] {
		each(out, func(q []int) {
			top, sum, count := math.Inf(-1), 0.0, 0
			p.window(q, in, func(_, at int) {
				if at >= 0 {
					v := x.data[c*elements(in)+at]
					top, sum = max(top, v), sum+v
				}
				if at >= 0 || all {
					count++
				}
			})
			if y.data[i] = top; r.node.op == "AveragePool" {
				y.data[i] = sum / float64(count)
			}
			i++
		})
	}
	return y
}

func (r *runner) recurrent() *array {
	x, w, u, b, h0, c0 := r.in[0], r.in[1], r.in[2], r.in[3], r.arg(5), r.arg(6)
	if x.kind != onnxFloat || r.arg(4) != nil {
		panic("float64, or sequences of several lengths")
	}
	steps, batch, in, n := x.dims[0], x.dims[1], x.dims[2], attrOf(r, "hidden_size", 0)
	gates := map[string]int{"RNN": 1, "LSTM": 4, "GRU": 3}[r.node.op]
	if !slices.Equal(w.dims, []int{1, gates * n, in}) || !slices.Equal(u.dims, []int{1, gates * n, n}) || !slices.Equal(b.dims, []int{1, 2 * gates * n}) {
		panic(fmt.Sprintf("weights are %v, %v, %v", w.dims, u.dims, b.dims))
	}
	f := math.Tanh
	if r.node.op == "RNN" && attrOf(r, "activations", []string{"Tanh"})[0] == "Relu" {
		f = func(x float64) float64 { return max(x, 0) }
	}
	if r.node.op == "GRU" && attrOf(r, "linear_before_reset", 0) != 1 {
		panic("linear_before_reset is not 1")
	}
	h, c := newArray(x.kind, 1, batch, n), newArray(x.kind, 1, batch, n)
	for _, s := range []struct{ to, from *array }{{h, h0}, {c, c0}} {
		if s.from != nil {
			if !slices.Equal(s.from.dims, s.to.dims) {
				panic(fmt.Sprintf("initial state is %v", s.from.dims))
			}
			copy(s.to.data, s.from.data)
		}
	}
	y := newArray(x.kind, steps, 1, batch, n)
	for t := range steps {
		for i := range batch {
			xt, ht, ct := x.data[(t*batch+i)*in:][:in], h.data[i*n:][:n], c.data[i*n:][:n]
			// a and s are xₜ·Wᵀ + Wb and hₜ₋₁·Rᵀ + Rb.
			a, s := make([]float64, gates*n), make([]float64, gates*n)
			for j := range a {
				a[j], s[j] = b.data[j], b.data[gates*n+j]
				for k, v := range xt {
					a[j] += v * w.data[j*in+k]
				}
				for k, v := range ht {
					s[j] += v * u.data[j*n+k]
				}
			}
			for j := range n {
				sum := func(gate int) float64 { return a[gate*n+j] + s[gate*n+j] }
				switch r.node.op {
				case "RNN":
					ht[j] = f(sum(0))
				case "LSTM": // i, o, f, c
					ct[j] = sigmoidPlain(sum(2))*ct[j] + sigmoidPlain(sum(0))*math.Tanh(sum(3))
					ht[j] = sigmoidPlain(sum(1)) * math.Tanh(ct[j])
				case "GRU": // z, r, h
					z := sigmoidPlain(sum(0))
					ht[j] = (1-z)*math.Tanh(a[2*n+j]+sigmoidPlain(sum(1))*s[2*n+j]) + z*ht[j]
				}
			}
			copy(y.data[(t*batch+i)*n:], ht)
		}
	}
	return y
}

func (r *runner) scan(values map[string]*array) []*array {
	body, scans := attrOf[*readGraph](r, "body", nil), attrOf(r, "num_scan_inputs", 0)
	inAxes, outAxes := attrOf(r, "scan_input_axes", make([]int, scans)), attrOf(r, "scan_output_axes", []int{0})
	states := slices.Clone(r.in[:len(r.in)-scans])
	var outs [][]*array
	for t := range r.in[len(states)].dims[inAxes[0]] {
		in := slices.Clone(states)
		for i, x := range r.in[len(states):] {
			s := x.cut(inAxes[i], t, t+1)
			s.dims = slices.Delete(slices.Clone(s.dims), inAxes[i], inAxes[i]+1)
			in = append(in, s)
		}
		for i, v := range body.inputs {
			if want := dimsOf(v, in[i].dims[0]); !slices.Equal(in[i].dims, want) {
				panic(fmt.Sprintf("input %s is %v, not %v", v.name, in[i].dims, want))
			}
		}
		out := body.run(values, in)
		states = out[:len(states)]
		for i, y := range out[len(states):] {
			if t == 0 {
				outs = append(outs, nil)
			}
			y = &array{y.kind, slices.Insert(slices.Clone(y.dims), outAxes[i], 1), y.data}
			outs[i] = append(outs[i], y)
		}
	}
	result := slices.Clone(states)
	for i := range outs {
		result = append(result, concat(outs[i], outAxes[i]))
	}
	return result
}
