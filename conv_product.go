package nn

// A convolution is the geometry that Conv1D, Conv2D and ConvTranspose2D share:
// kernels that slide over the channels of planes. With
//
//	x (c, rows.in, cols.in)    y (f, rows.out, cols.out)    w (f, c/groups·kernel)
//
// the columns of w in the order channel, kernel row, kernel column, it has three
// operations: correlate takes x to y, spread is its transpose and takes y to x,
// and gradients adds the gradient of w and of a bias of y.
//
// Each is a matrix product with the patches of x that the kernels meet: a matrix
// with a row for each column of w and a column for each position (i, j) of y. It
// would be kernel times as large as x, so only tiles of it are ever made, one for
// each goroutine.
type convolution struct {
	rows, cols   axis
	c, f, groups int
}

// Sizes that the work is cut into. Only those of sums over samples can be seen in
// results.
const (
	tileRows = 256     // the most rows of a tile,
	tileCols = 480     // the most columns,
	tileSize = 1 << 15 // and the most values: 256 KB, a part of the second cache

	convPart   = 1 << 17 // multiply-adds that are worth handing to a goroutine
	gradFilter = 128     // filters of a part of the gradient of w
	gradGroup  = 4       // samples whose gradients are summed before they are added,
	gradSize   = 1 << 17 // unless w is larger than this
)

var convTiles freelist[[tileSize]float64]

// positions returns the number of places where a kernel is applied.
func (g *convolution) positions() int { return g.rows.out * g.cols.out }

// plane returns the size of a channel of x.
func (g *convolution) plane() int { return g.rows.in * g.cols.in }

// kernel returns the size of a kernel in one channel.
func (g *convolution) kernel() int { return g.rows.kernel * g.cols.kernel }

// depth returns the number of values that a kernel meets, the columns of w.
func (g *convolution) depth() int { return g.c / g.groups * g.kernel() }

// direct reports whether the patches of x are x.
func (g *convolution) direct() bool {
	return g.kernel() == 1 && g.plane() == g.positions() && g.rows.stride == 1 && g.cols.stride == 1 && g.rows.before == 0 && g.cols.before == 0
}

// depthwise reports whether each channel has one filter for itself, so that
// there is no product to speak of.
func (g *convolution) depthwise() bool {
	return g.c == g.groups && g.f == g.groups && g.cols.stride == 1
}

// tile returns the width of tiles, and how many they are for all positions.
func (g *convolution) tile() (width, count int) {
	n := g.positions()
	most := min(tileSize/min(g.depth(), tileRows), tileCols) &^ 7
	width = min(n, (ceilDiv(n, ceilDiv(n, most))+7)&^7)
	return width, ceilDiv(n, width)
}

// A convTask is an operation of a convolution as a loop over independent parts.
type convTask struct {
	*convolution
	body       func(t *convTask, lo, hi int)
	x, y, w, b []float64

	// For gradients, where w and b are those that are added to:
	samples int       // of the batch
	group   int       // samples of a part
	first   int       // sample where the parts begin
	parts   []float64 // sums of w, then b, for each part; nil if they go to w and b
}

var convTasks freelist[convTask]

func (t *convTask) run(lo, hi int) { t.body(t, lo, hi) }

// parallel runs n steps of the given number of multiply-adds each.
func (t convTask) parallel(n, work int) {
	s := convTasks.get()
	*s = t
	parallel(n, convPart/max(work, 1)+1, s)
	*s = convTask{}
	convTasks.put(s)
}

// correlate sets y for the given number of samples. With b nil there is no bias.
//
//	y[f,i,j] = b[f] + Σ_{c,u,v} w[f,c,u,v] · x[c, rows.at(i,u), cols.at(j,v)]
//
// Each sum is one chain of fused multiply-adds that starts with b[f].
func (g *convolution) correlate(y, x, w, b []float64, samples int) {
	t := convTask{convolution: g, x: x, y: y, w: w, b: b}
	if g.depthwise() {
		t.body = (*convTask).correlatePlanes
		t.parallel(samples*g.f, g.positions()*g.kernel())
		return
	}
	width, count := g.tile()
	t.body = (*convTask).correlate
	t.parallel(samples*g.groups*count, g.f/g.groups*g.depth()*width)
}

// correlate does the steps of samples, groups and tiles.
func (t *convTask) correlate(lo, hi int) {
	c, f, depth, positions := t.c/t.groups, t.f/t.groups, t.depth(), t.positions()
	width, count := t.tile()
	tile := convTiles.get()
	for u := lo; u < hi; u++ {
		block := u / count // sample·groups + group
		group := block % t.groups
		q := u % count * width
		n := min(width, positions-q)
		x := t.x[block*c*t.plane():][:c*t.plane()]
		y := t.y[block*f*positions+q:]
		w := t.w[group*f*depth:]
		for i := range f {
			start := 0.0
			if t.b != nil {
				start = t.b[group*f+i]
			}
			fill(y[i*positions:][:n], start)
		}
		if t.direct() {
			gemmSerial(false, false, f, n, depth, w, depth, x[q:], positions, y, positions, true)
			continue
		}
		for k := 0; k < depth; k += tileRows {
			m := min(tileRows, depth-k)
			t.gather(tile[:], x, q, n, k, m)
			gemmSerial(false, false, f, n, m, w[k:], depth, tile[:], n, y, positions, true)
		}
	}
	convTiles.put(tile)
}

// spread adds to x what the transpose of correlate gives for y:
//
//	x[c, rows.at(i,u), cols.at(j,v)] += Σ_f w[f,c,u,v] · y[f,i,j]
//
// The sums over f are chains of fused multiply-adds from 0; they are added in
// order of positions (i, j).
func (g *convolution) spread(x, y, w []float64, samples int) {
	t := convTask{convolution: g, x: x, y: y, w: w}
	if g.depthwise() {
		t.body = (*convTask).spreadPlanes
		t.parallel(samples*g.f, g.positions()*g.kernel())
		return
	}
	channels, blocks := g.channelBlocks()
	t.body = (*convTask).spread
	t.parallel(samples*g.groups*blocks, g.f/g.groups*channels*g.kernel()*g.positions())
}

// channelBlocks returns how many channels' patches fit in a tile, at least one,
// and how many such blocks make a group.
func (g *convolution) channelBlocks() (channels, blocks int) {
	channels = max(1, tileRows/g.kernel())
	return channels, ceilDiv(g.c/g.groups, channels)
}

// spread does the steps of samples, groups and blocks of channels.
//
// Positions that reach the same x follow each other in the opposite order of
// (u, v). So, with tiles in order of positions and the rows of each from the
// last to the first, x is added to in order of positions, whatever the tiles.
func (t *convTask) spread(lo, hi int) {
	c, f, depth, positions := t.c/t.groups, t.f/t.groups, t.depth(), t.positions()
	channels, blocks := t.channelBlocks()
	width, _ := t.tile()
	tile := convTiles.get()
	for s := lo; s < hi; s++ {
		block := s / blocks // sample·groups + group
		begin := s % blocks * channels * t.kernel()
		end := min(begin+channels*t.kernel(), depth)
		x := t.x[block*c*t.plane():][:c*t.plane()]
		y := t.y[block*f*positions:]
		w := t.w[block%t.groups*f*depth:]
		if t.direct() {
			gemmSerial(true, false, end-begin, positions, f, w[begin:], depth, y, positions, x[begin*positions:], positions, true)
			continue
		}
		for q := 0; q < positions; q += width {
			n := min(width, positions-q)
			for k := end; k > begin; {
				m := min(tileRows, k-begin)
				k -= m
				gemmSerial(true, false, m, n, f, w[k:], depth, y[q:], positions, tile[:], n, false)
				t.scatter(x, tile[:], q, n, k, m)
			}
		}
	}
	convTiles.put(tile)
}

// gradients adds to dw and, unless it is nil, to db, the gradients of
// correlate's w and b for x and the gradient dy of y:
//
//	dw[f,c,u,v] += Σ_{i,j} dy[f,i,j] · x[c, rows.at(i,u), cols.at(j,v)]
//	db[f]       += Σ_{i,j} dy[f,i,j]
//
// summed over samples. The sums of 4 samples at a time, for w chains of fused
// multiply-adds in order of samples and positions, are added in order; a w of
// more than 2¹⁷ values has just one chain.
func (g *convolution) gradients(p *Pass, dw, db, dy, x []float64, samples int) {
	t := convTask{convolution: g, x: x, y: dy, w: dw, b: db, samples: samples, group: samples}
	t.body = (*convTask).gradients
	steps, work := g.gradSteps(), min(g.f/g.groups, gradFilter)*min(g.depth(), tileRows)*g.positions()
	if g.depthwise() {
		t.body = (*convTask).planeGradients
		steps, work = g.f, g.kernel()*g.positions()
	}
	size := len(dw) + len(db)
	if size > gradSize {
		t.parallel(steps, work*samples)
		return
	}
	if samples == 0 {
		return
	}
	t.group = gradGroup
	groups := ceilDiv(samples, t.group)
	rounds := ceilDiv(groups, 2*gradSize/size) // bounds the memory
	groups = ceilDiv(groups, rounds)
	t.parts = p.raw(groups, size).Data
	for t.first < samples {
		n := min(groups, ceilDiv(samples-t.first, t.group))
		t.parallel(n*steps, work*t.group)
		for i := range n {
			part := t.parts[i*size:][:size]
			vadd(dw, dw, part[:len(dw)])
			if db != nil {
				vadd(db, db, part[len(dw):])
			}
		}
		t.first += n * t.group
	}
}

// gradSteps returns the number of blocks in which the gradient of w is computed.
func (g *convolution) gradSteps() int {
	return g.groups * ceilDiv(g.f/g.groups, gradFilter) * ceilDiv(g.depth(), tileRows)
}

// part returns where the i-th part of the gradients goes, whether it is to be
// added to what is there, and the samples lo ≤ s < hi that it sums.
func (t *convTask) part(i int) (dw, db []float64, add bool, lo, hi int) {
	lo = t.first + i*t.group
	hi = min(lo+t.group, t.samples)
	if t.parts == nil {
		return t.w, t.b, true, lo, hi
	}
	size := len(t.w) + len(t.b)
	part := t.parts[i*size:][:size]
	return part[:len(t.w)], part[len(t.w):], false, lo, hi
}

// gradients does the steps of parts, groups, blocks of filters and blocks of
// columns.
func (t *convTask) gradients(lo, hi int) {
	c, f, depth, positions := t.c/t.groups, t.f/t.groups, t.depth(), t.positions()
	width, _ := t.tile()
	blocks := ceilDiv(depth, tileRows)
	tile := convTiles.get()
	for u := lo; u < hi; u++ {
		dw, db, add, first, end := t.part(u / t.gradSteps())
		k := u % blocks * tileRows
		m := min(tileRows, depth-k)
		i := u / blocks % ceilDiv(f, gradFilter) * gradFilter
		filters := min(gradFilter, f-i)
		group := u % t.gradSteps() / (t.gradSteps() / t.groups)
		i += group * f
		dw = dw[i*depth+k:]
		for s := first; s < end; s++ {
			x := t.x[(s*t.c+group*c)*t.plane():][:c*t.plane()]
			dy := t.y[(s*t.f+i)*positions:]
			acc := add || s > first
			if t.direct() {
				gemmSerial(false, true, filters, m, positions, dy, positions, x[k*positions:], positions, dw, depth, acc)
			} else {
				for q := 0; q < positions; q += width {
					n := min(width, positions-q)
					t.gather(tile[:], x, q, n, k, m)
					gemmSerial(false, true, filters, m, n, dy[q:], positions, tile[:], n, dw, depth, acc || q > 0)
				}
			}
			if k == 0 && t.b != nil {
				addSums(db[i:i+filters], dy, positions, acc)
			}
		}
	}
	convTiles.put(tile)
}

// addSums sets s[i], or adds to it, the sum of row i of x, whose rows have n
// values.
func addSums(s, x []float64, n int, acc bool) {
	for i := range s {
		v := vsum(x[i*n:][:n])
		if acc {
			v = s[i] + v
		}
		s[i] = v
	}
}

// element returns the channel and the place in the kernel that column k of w has.
func (g *convolution) element(k int) (c, u, v int) {
	c, k = k/g.kernel(), k%g.kernel()
	return c, k / g.cols.kernel, k % g.cols.kernel
}

// gather copies the patches of x at the positions q ≤ p < q+n, rows k ≤ r < k+m
// of them, to the m×n matrix tile.
func (g *convolution) gather(tile, x []float64, q, n, k, m int) {
	for r := range m {
		c, u, v := g.element(k + r)
		if g.shifts() {
			g.gatherShifted(tile[r*n:][:n], x[c*g.plane():][:g.plane()], q, u, v)
		} else {
			g.gatherRow(tile[r*n:][:n], x[c*g.plane():][:g.plane()], q, u, v)
		}
	}
}

// scatter is the transpose of gather: it adds the tile to the places in x that
// gather copies. The rows go from the last to the first; see spread.
func (g *convolution) scatter(x, tile []float64, q, n, k, m int) {
	for r := m - 1; r >= 0; r-- {
		c, u, v := g.element(k + r)
		if g.shifts() {
			g.scatterShifted(x[c*g.plane():][:g.plane()], tile[r*n:][:n], q, u, v)
		} else {
			g.scatterRow(x[c*g.plane():][:g.plane()], tile[r*n:][:n], q, u, v)
		}
	}
}

// gatherRow sets z to the values of the plane x that element (u, v) of the kernel
// meets at the positions from q on.
func (g *convolution) gatherRow(z, x []float64, q, u, v int) {
	lo, hi := g.cols.inside(v)
	width, stride, first := g.cols.out, g.cols.stride, g.cols.at(0, v)
	j, r := q%width, g.rows.at(q/width, u)
	for ; len(z) > 0; j, r = 0, r+g.rows.stride {
		row := z[:min(width-j, len(z))]
		z = z[len(row):]
		a, b := max(lo-j, 0), min(hi-j, len(row))
		if r < 0 || r >= g.rows.in || a >= b {
			clear(row)
			continue
		}
		from := x[r*g.cols.in+first+(j+a)*stride:]
		if stride == 1 && b-a == len(row) {
			copy(row, from)
			continue
		}
		clear(row[:a])
		clear(row[b:])
		for t := range row[a:b] {
			row[a+t] = from[t*stride]
		}
	}
}

// scatterRow adds z to the values of the plane x that element (u, v) of the
// kernel meets at the positions from q on.
func (g *convolution) scatterRow(x, z []float64, q, u, v int) {
	lo, hi := g.cols.inside(v)
	width, stride, first := g.cols.out, g.cols.stride, g.cols.at(0, v)
	j, r := q%width, g.rows.at(q/width, u)
	for ; len(z) > 0; j, r = 0, r+g.rows.stride {
		row := z[:min(width-j, len(z))]
		z = z[len(row):]
		a, b := max(lo-j, 0), min(hi-j, len(row))
		if r < 0 || r >= g.rows.in || a >= b {
			continue
		}
		to := x[r*g.cols.in+first+(j+a)*stride:]
		if stride == 1 {
			to = to[:b-a]
			vadd(to, to, row[a:b])
			continue
		}
		for t, d := range row[a:b] {
			to[t*stride] += d
		}
	}
}

// shifts reports whether rows of y are as long as those of x and go along with
// them, as with 3×3 kernels and padding 1. What an element of the kernel meets is
// then the plane x, shifted, but for columns of padding, where the end of one
// row runs into the beginning of the next.
func (g *convolution) shifts() bool {
	return g.rows.stride == 1 && g.cols.stride == 1 && g.cols.in == g.cols.out
}

// shifted returns the part a ≤ t < b of n positions from q on for which t + at is
// in the plane x.
func (g *convolution) shifted(q, n, u, v int) (a, b, at int) {
	at = q + g.rows.at(0, u)*g.cols.in + g.cols.at(0, v)
	b = min(max(g.plane()-at, 0), n)
	return min(max(-at, 0), b), b, at
}

// gatherShifted is gatherRow where all is shifted.
func (g *convolution) gatherShifted(z, x []float64, q, u, v int) {
	a, b, at := g.shifted(q, len(z), u, v)
	clear(z[:a])
	if a < b {
		copy(z[a:b], x[at+a:])
	}
	clear(z[b:])
	g.zeroPadding(z, q, v)
}

// scatterShifted is scatterRow where all is shifted. It changes z.
func (g *convolution) scatterShifted(x, z []float64, q, u, v int) {
	a, b, at := g.shifted(q, len(z), u, v)
	if a < b {
		g.zeroPadding(z, q, v)
		to := x[at+a : at+b]
		vadd(to, to, z[a:b])
	}
}

// zeroPadding sets the values of z, of the positions from q on, to 0 for which
// column v of the kernel meets padding.
func (g *convolution) zeroPadding(z []float64, q, v int) {
	lo, hi := g.cols.inside(v)
	width := g.cols.out
	for j := -(q % width); j < len(z) && (lo > 0 || hi < width); j += width {
		for t := max(j, 0); t < min(j+lo, len(z)); t++ {
			z[t] = 0
		}
		for t := max(j+hi, 0); t < min(j+width, len(z)); t++ {
			z[t] = 0
		}
	}
}

// fill sets all of z to v.
func fill(z []float64, v float64) {
	for i := range z {
		z[i] = v
	}
}
