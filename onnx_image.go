package nn

// shape returns the shape of the output of pooling in one or two dimensions.
func (p *pool) shape(dims int) Shape {
	if dims == 1 {
		return Shape{p.channels, p.cols.out}
	}
	return Shape{p.channels, p.rows.out, p.cols.out}
}

// sliding returns the attributes of kernels or windows that slide over axes.
func sliding(axes ...*axis) attrs {
	var kernel, strides, before, after []int
	for _, a := range axes {
		kernel, strides = append(kernel, a.kernel), append(strides, a.stride)
		before, after = append(before, a.before), append(after, a.after)
	}
	return attrs{"kernel_shape": kernel, "strides": strides, "pads": append(before, after...)}
}

// axes returns the axes of one or two dimensions.
func (g *convolution) axes(dims int) []*axis { return []*axis{&g.rows, &g.cols}[2-dims:] }

func (p *pool) axes(dims int) []*axis { return []*axis{&p.rows, &p.cols}[2-dims:] }

// lengths returns a size of each axis.
func lengths(axes []*axis, size func(*axis) int) []int {
	var n []int
	for _, a := range axes {
		n = append(n, size(a))
	}
	return n
}

func axisOut(a *axis) int    { return a.out }
func axisKernel(a *axis) int { return a.kernel }

// convAttrs returns the attributes of Conv and ConvTranspose.
func (g *convolution) convAttrs(dims int) attrs {
	a := sliding(g.axes(dims)...)
	a["group"] = g.groups
	a["dilations"] = lengths(g.axes(dims), func(a *axis) int { return a.dilation })
	return a
}

func (g *ONNXGraph) conv(c *convolution, w, b *Param, x string, dims int) string {
	if !g.Float64() {
		inputs := []string{x, g.Weight(w, append([]int{c.f, c.c / c.groups}, lengths(c.axes(dims), axisKernel)...)...)}
		if b != nil {
			inputs = append(inputs, g.Weight(b, c.f))
		}
		return g.Node("Conv", c.convAttrs(dims), inputs...)
	}
	x = g.patches(x, c.c, c.plane(), c.kernel(), c.positions(), func(k, q int) int {
		i := c.rows.at(q/c.cols.out, k/c.cols.kernel)
		j := c.cols.at(q%c.cols.out, k%c.cols.kernel)
		if i < 0 || i >= c.rows.in || j < 0 || j >= c.cols.in {
			return -1
		}
		return i*c.cols.in + j
	})
	weight := g.Weight(w, c.groups, c.f/c.groups, c.depth())
	return g.product(c.groups, c.depth(), c.positions(), weight, x, b, append([]int{c.f}, lengths(c.axes(dims), axisOut)...))
}

// patches returns what the kernels of a convolution meet, as one matrix product
// needs it: of x (channels, plane), the values at(k, q) for each element k of
// the kernel and each position q. A negative one is 0, outside the plane.
// The result is (channels, kernel, positions).
func (g *ONNXGraph) patches(x string, channels, plane, kernel, positions int, at func(k, q int) int) string {
	index, outside := make([]int, 0, kernel*positions), false
	for k := range kernel {
		for q := range positions {
			i := at(k, q)
			if i < 0 {
				i, outside = plane, true
			}
			index = append(index, i)
		}
	}
	x = g.reshape(x, channels, plane)
	if outside {
		x = g.Node("Pad", nil, x, g.Ints(0, 0, 0, 0, 0, 1)) // a 0 behind each plane
	}
	return g.Node("Gather", attrs{"axis": 2}, x, g.intTensor(index, kernel, positions))
}

// product multiplies patches by the weight of a convolution, a matrix for each
// group, adds a bias, and gives the result the shape out.
func (g *ONNXGraph) product(groups, depth, positions int, weight, patches string, b *Param, out []int) string {
	y := g.Node("MatMul", nil, weight, g.reshape(patches, groups, depth, positions))
	y = g.reshape(y, out...)
	if b == nil {
		return y
	}
	return g.Node("Add", nil, y, g.Weight(b, channelDims(out[0], len(out))...))
}

func (g *ONNXGraph) convTranspose(l *ConvTranspose2DLayer, x string) string {
	c := &l.conv // from output to input
	if !g.Float64() {
		a := c.convAttrs(2)
		a["output_padding"] = []int{l.OutputPadding, l.OutputPadding}
		inputs := []string{x, g.Weight(l.W, c.f, c.c/c.groups, c.rows.kernel, c.cols.kernel)}
		if l.B != nil {
			inputs = append(inputs, g.Weight(l.B, c.c))
		}
		return g.Node("ConvTranspose", a, inputs...)
	}
	// A value of the output is a sum over what comes to it.
	from := func(a *axis, at, u int) int {
		i := at + a.before - u*a.dilation
		if i < 0 || i%a.stride != 0 || i/a.stride >= a.out {
			return -1
		}
		return i / a.stride
	}
	x = g.patches(x, c.f, c.positions(), c.kernel(), c.plane(), func(k, q int) int {
		i := from(&c.rows, q/c.cols.in, k/c.cols.kernel)
		j := from(&c.cols, q%c.cols.in, k%c.cols.kernel)
		if i < 0 || j < 0 {
			return -1
		}
		return i*c.cols.out + j
	})
	// The weight is (channel, filter, kernel); the product needs the filters first.
	channels, filters, kernel := c.f/c.groups, c.c/c.groups, c.kernel()
	w := make([]float64, 0, len(l.W.Value.Data))
	for group := range c.groups {
		for f := range filters {
			for k := range channels {
				w = append(w, l.W.Value.Row(group*channels + k)[f*kernel:][:kernel]...)
			}
		}
	}
	depth := channels * kernel
	return g.product(c.groups, depth, c.plane(), g.constant("weight", w, c.groups, filters, depth), x, l.B, []int{c.c, c.rows.in, c.cols.in})
}

func (g *ONNXGraph) maxPool(p *pool, x string, dims int) string {
	return g.Node("MaxPool", sliding(p.axes(dims)...), x)
}

// meanPool is AveragePool where there is one: for float32, and windows of one
// size. Otherwise it is, for each axis, a product with a matrix: the mean over a
// window is the mean over its columns of the means over its rows.
func (g *ONNXGraph) meanPool(p *pool, x string, dims int) string {
	if !g.Float64() && !p.adaptive {
		a := sliding(p.axes(dims)...)
		if !p.inside {
			a["count_include_pad"] = 1
		}
		return g.Node("AveragePool", a, x)
	}
	cols := make([]float64, p.cols.in*p.cols.out)
	p.means(&p.cols, func(i, at int, v float64) { cols[at*p.cols.out+i] = v })
	y := g.Node("MatMul", nil, x, g.constant("columns", cols, p.cols.in, p.cols.out))
	if dims == 1 {
		return y
	}
	rows := make([]float64, p.rows.in*p.rows.out)
	p.means(&p.rows, func(i, at int, v float64) { rows[i*p.rows.in+at] = v })
	return g.Node("MatMul", nil, g.constant("rows", rows, p.rows.out, p.rows.in), y)
}

// means calls set for each output i of an axis and each input in its window, with
// the part that this has in the mean.
func (p *pool) means(a *axis, set func(i, at int, v float64)) {
	for i := range a.out {
		lo, hi, n := p.span(a, i)
		if p.inside {
			n = hi - lo
		}
		for at := lo; at < hi; at++ {
			set(i, at, 1/float64(n))
		}
	}
}

// overArea reduces each channel to one value.
func (g *ONNXGraph) overArea(op string, x string, in Shape) string {
	return g.Node(op, attrs{"axes": lastAxes(len(in) - 1), "keepdims": 0}, x)
}
