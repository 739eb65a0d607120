//go:build !purego

package nn

// With AVX2, unless there is AVX-512, no tile of patches is made. Element e of the
// kernels meets, at position q, the value
//
//	x[offs[e] + at[q]]
//
// of planes that hold zeros wherever a kernel meets padding: a window of x or a
// copy of it. The tiles of the products take their operands from there, and
// those of spread add to it what they have summed in registers. Positions go by
// panels of 12, or 8. Where the positions of a panel do not at least lie side by
// side by twos, correlate gathers the panel, for a few hundred elements at a time.

// correlate12AVX2 adds to y what k elements of the kernels give for m filters, a
// multiple of 4, and so many panels of 12 positions. split is 0 for a panel if
// each of its three vectors of positions lies side by side. Unless start is nil,
// y is set and the sums begin with start.
//
//	for i := range m {
//		for q := range 12 * panels {
//			s := y[i*ldy+q] // or start[i]
//			for e := range k {
//				s = math.FMA(w[i*rsw+e], x[offs[e]+at[q]], s)
//			}
//			y[i*ldy+q] = s
//		}
//	}
//
//go:noescape
func correlate12AVX2(w *float64, rsw int, x *float64, offs *int, k int, at, split *int, y *float64, ldy, m, panels int, start *float64)

// correlate8AVX2 is the same for m a multiple of 6 and panels of 8 positions.
//
//go:noescape
func correlate8AVX2(w *float64, rsw int, x *float64, offs *int, k int, at, split *int, y *float64, ldy, m, panels int, start *float64)

// gatherAVX2 writes four columns of a panel: what k elements of the kernels meet at
// four positions.
//
//	for e := range k {
//		for q := range 4 {
//			dst[e*ldd+q] = x[offs[e]+at[q]]
//		}
//	}
//
//go:noescape
func gatherAVX2(dst *float64, ldd int, x *float64, at, offs *int, k, kind int)

// gradAVX2 adds to c, or sets it if acc is 0, the products of what m elements of the
// kernels meet with a panel of dy, n ≤ 8 filters for each position. It reads 5 more
// of offs than m, 8 values of b at each position, and reads and writes 8 of each
// row of c. rows, 5 or 6, is the height of a tile; it is 6 if n ≤ 4.
//
//	for e := range m {
//		for f := range n {
//			s := c[e*ldc+f] // or 0
//			at := offs[e]
//			for i := range h {
//				for j := range w {
//					s = math.FMA(x[at], b[(i*w+j)*n+f], s)
//					at += right
//				}
//				at += down
//			}
//			c[e*ldc+f] = s
//		}
//	}
//
//go:noescape
func gradAVX2(x *float64, offs *int, m, rows, h, w, right, down int, b *float64, n int, c *float64, ldc, acc int)

// spreadAVX2 adds to x what m elements of the kernels give for a panel of dy with k
// filters and 12 positions, of which the first n count. split is 8, or has a bit
// for each of the three vectors of positions that is split in two, and n is 12. s
// is memory for 48 values.
//
//	for e := range m {
//		for q := range n {
//			sum := 0.0
//			for f := range k {
//				sum = math.FMA(a[(e/4*k+f)*4+e%4], b[f*12+q], sum)
//			}
//			x[offs[e]+at[q]] += sum
//		}
//	}
//
//go:noescape
func spreadAVX2(a *float64, k int, b *float64, m int, x *float64, offs, at *int, n, split int, s *float64)

const (
	panelCols  = 12
	panelRows  = 192     // elements of the kernels that a panel has, unless a channel has more
	panelTile  = 256     // the most positions that gradients takes at a time
	panelDepth = 256     // the most elements of a kernel in a channel,
	panelCall  = 1 << 20 // multiply-adds of a call,

	// and weights of a block of channels and filters that spread has panels for.
	panelWeights = 1 << 16
	panelFilters = 1 << 10
)

// A window holds what kernels meet of some channels for a patch of y.
type window struct {
	x          []float64
	plane, row int // from channel to channel, and from row to row
}

// A panelTable holds where things lie in a window.
type panelTable struct {
	offs  [tileRows + 8]int
	at    [tileCols + panelCols]int
	split [tileCols/8 + 2]int // for each panel, the bits that spreadAVX2 wants

	elements, positions [5]int // what they are for

	pack    *gemmPack // for weights and a panel of dy, or nil
	weights int       // the block of weights that is in it
}

var panelTables freelist[panelTable]

// newPanelTable returns a table of nothing.
func newPanelTable() *panelTable {
	t := panelTables.get()
	t.elements[0], t.positions[0], t.weights = -1, -1, -1
	return t
}

func (t *panelTable) free() {
	if t.pack != nil {
		gemmPacks.put(t.pack)
		t.pack = nil
	}
	panelTables.put(t)
}

// panelTiles returns the sizes of tiles of up to most positions and their number,
// and how many channels' windows fit in memory. If that is 0 there are no panels
// for g, and tiles are what they are without them.
func (g *convolution) panelTiles(most int) (h, w, count, channels int) {
	h, w, count = g.tiles(most)
	if useAVX2 && !useAVX512 && !g.direct() && g.kernel() <= panelDepth {
		rows, cols := g.windowSize(patch{h: h, w: w})
		channels = tileSize / rows / cols
	}
	if channels == 0 {
		h, w, count = g.tiles(tileCols)
	}
	return h, w, count, channels
}

// spreadChannels returns how many channels spread takes at a time, and whether it
// has panels for them. A tile is of neighbouring channels: if they are few, its rows
// overlap in x, and each waits for the one before to be written.
func (g *convolution) spreadChannels() (channels int, panels bool) {
	_, _, _, fit := g.panelTiles(tileCols)
	f := g.f / g.groups
	channels = min(fit, min(tileRows, panelWeights/f)/g.kernel())
	return channels, min(channels, g.c/g.groups) >= 4 && f <= panelFilters
}

// windowSize returns how many rows and columns kernels meet for p.
func (g *convolution) windowSize(p patch) (h, w int) {
	return (p.h-1)*g.rows.stride + g.rows.span(), (p.w-1)*g.cols.stride + g.cols.span()
}

// window returns the window of p on n channels of x, and whether it is a copy, made
// in buf because there is padding.
func (g *convolution) window(buf, x []float64, p patch, n int) (z window, copied bool) {
	r, t := g.rows.at(p.i, 0), g.cols.at(p.j, 0)
	h, w := g.windowSize(p)
	if r >= 0 && t >= 0 && r+h <= g.rows.in && t+w <= g.cols.in {
		return window{x[r*g.cols.in+t:], g.plane(), g.cols.in}, false
	}
	z = window{buf[:n*h*w], h * w, w}
	clear(z.x)
	from, to, h, w := g.inside(p)
	for c := range n {
		copyRows(z.x[c*z.plane:][to:], z.row, x[c*g.plane():][from:], g.cols.in, h, w)
	}
	return z, true
}

// putBack copies what the window holds of x to it.
func (g *convolution) putBack(x []float64, z window, p patch, n int) {
	to, from, h, w := g.inside(p)
	for c := range n {
		copyRows(x[c*g.plane():][to:], g.cols.in, z.x[c*z.plane:][from:], z.row, h, w)
	}
}

// inside returns where the part of p's window that is not padding begins, in the
// plane and in the window, and its rows and columns.
func (g *convolution) inside(p patch) (from, to, h, w int) {
	r, t := g.rows.at(p.i, 0), g.cols.at(p.j, 0)
	h, w = g.windowSize(p)
	top, left := max(r, 0), max(t, 0)
	bottom, right := min(r+h, g.rows.in), min(t+w, g.cols.in)
	if top >= bottom || left >= right {
		return 0, 0, 0, 0
	}
	return top*g.cols.in + left, (top-r)*w + left - t, bottom - top, right - left
}

// setElements sets offs for n elements of the kernels from k on, where z begins
// with the channel of the first.
func (t *panelTable) setElements(g *convolution, z window, k, n int) {
	_, u, v := g.element(k)
	key := [5]int{z.plane, z.row, u*g.cols.kernel + v, n, 0}
	if key == t.elements {
		return
	}
	t.elements = key
	c := 0
	for i := range n {
		t.offs[i] = c*z.plane + u*g.rows.dilation*z.row + v*g.cols.dilation
		if v++; v == g.cols.kernel {
			u, v = u+1, 0
			if u == g.rows.kernel {
				c, u = c+1, 0
			}
		}
	}
	for i := range 5 { // see gradAVX2
		t.offs[n+i] = t.offs[0]
	}
}

// setElementsBack sets offs for the elements of a kernel from the last to the first
// and for each of them n channels.
func (t *panelTable) setElementsBack(g *convolution, z window, n int) {
	key := [5]int{z.plane, z.row, 0, n, 1}
	if key == t.elements {
		return
	}
	t.elements = key
	i := 0
	for k := g.kernel() - 1; k >= 0; k-- {
		u, v := k/g.cols.kernel, k%g.cols.kernel
		for c := range n {
			t.offs[i] = c*z.plane + u*g.rows.dilation*z.row + v*g.cols.dilation
			i++
		}
	}
}

// setPositions sets at and split for the positions of p in panels of so many columns.
// The last panel, if it is not full, is filled with the last position.
func (t *panelTable) setPositions(g *convolution, z window, p patch, cols int) {
	key := [5]int{z.row, p.h, p.w, cols, 0}
	if key == t.positions {
		return
	}
	t.positions = key
	n := 0
	for i := range p.h {
		for j := range p.w {
			t.at[n] = i*g.rows.stride*z.row + j*g.cols.stride
			n++
		}
	}
	for i := range cols {
		t.at[n+i] = t.at[n-1]
	}
	for q := 0; q < n; q += cols {
		s := 0
		for i := 0; i < cols; i += 4 {
			switch placing(t.at[q+i:]) {
			case scattered:
				s |= 8
			case twoAndTwo:
				s |= 1 << (i / 4)
			}
		}
		if q+cols > n || s >= 8 {
			s = 8
		}
		t.split[q/cols] = s
	}
}

// Ways in which four positions lie.
const (
	fourTogether = iota
	twoAndTwo
	scattered
)

// placing returns how the first four positions lie.
func placing(at []int) int {
	switch at = at[:4]; {
	case at[1] != at[0]+1 || at[3] != at[2]+1:
		return scattered
	case at[2] != at[1]+1:
		return twoAndTwo
	}
	return fourTogether
}

// correlatePanels sets y at p, where rows lie positions apart, to what the weights
// w make of x, from start on; see correlate. buf is for windows of so many
// channels.
func (t *convTask) correlatePanels(y, x, w, start []float64, p patch, channels int, buf []float64, table *panelTable) {
	c, f, depth, positions, kernel := t.c/t.groups, t.f/t.groups, t.depth(), t.positions(), t.kernel()
	channels = min(channels, max(1, panelRows/kernel))
	channels = ceilDiv(c, ceilDiv(c, channels))
	cols, rows := panelCols, f&^3
	if f == 5 || f == 6 {
		cols, rows = 8, f/6*6
	}
	if start == nil {
		for i := range f {
			fill(y[i*positions:][:p.size()], 0)
		}
	}
	pack := gemmPacks.get()
	for first := 0; first < c; first += channels {
		n := min(channels, c-first)
		z, _ := t.window(buf, x[first*t.plane():], p, n)
		k := n * kernel
		table.setElements(t.convolution, z, 0, k)
		table.setPositions(t.convolution, z, p, cols)
		atOnce := max(1, panelCall/(f*k*cols))
		for q, v := 0, 0; q < p.size(); q += v {
			v = min(cols, p.size()-q)
			i := q / cols
			done, panels := 0, 1
			if table.split[i] < 8 && rows > 0 {
				done = rows
				for panels < atOnce && q+(panels+1)*cols <= p.size() && table.split[i+panels] < 8 {
					panels++
				}
				v = panels * cols
				var from *float64
				if start != nil {
					from = &start[0]
				}
				tiles := correlate12AVX2
				if cols == 8 {
					tiles = correlate8AVX2
				}
				tiles(&w[first*kernel], depth, &z.x[0], &table.offs[0], k, &table.at[q], &table.split[i], &y[q], positions, rows, panels, from)
			}
			if done == f {
				continue
			}
			for i := done; i < f && start != nil; i++ {
				fill(y[i*positions+q:][:v], start[i])
			}
			for j := 0; j < v; j += cols {
				n := min(cols, v-j)
				for i := 0; i < n; i += 4 {
					at := table.at[q+j+i:]
					gatherAVX2(&pack.a[i], cols, &z.x[0], &at[0], &table.offs[0], k, placing(at))
				}
				gemmPanel(f-done, n, k, w[done*depth+first*kernel:], depth, 1, pack.a[:], cols, y[done*positions+q+j:], positions, true)
			}
		}
		start = nil
	}
	gemmPacks.put(pack)
}

// gradPanels adds to sums, or sets if acc is not set, the products of dy at p, of
// so many filters, with what m elements of the kernels from k on meet of x. Rows of
// sums lie ld apart. buf is for windows of so many channels.
func (t *convTask) gradPanels(sums []float64, ld int, dy, x []float64, filters, k, m int, p patch, channels int, buf []float64, table *panelTable, acc bool) {
	kernel, size := t.kernel(), p.size()
	pack := gemmPacks.get()
	gemmPackT(pack.b[:], 8, 4, filters, size, dy[t.position(p):], t.positions())
	add := 0
	if acc {
		add = 1
	}
	for end := k + m; k < end; k += m {
		c := k / kernel
		m = min(end, (c+channels)*kernel) - k
		z, _ := t.window(buf, x[c*t.plane():], p, ceilDiv(k+m, kernel)-c)
		table.setElements(t.convolution, z, k, m)
		right := t.cols.stride
		down := t.rows.stride*z.row - p.w*right
		for i := 0; i < filters; i += 8 {
			n := min(filters-i, 8)
			rows := 6
			if n > 4 && m <= ceilDiv(m, 6)*5 {
				rows = 5
			}
			gradAVX2(&z.x[0], &table.offs[0], m, rows, p.h, p.w, right, down, &pack.b[i*size], n, &sums[i], ld, add)
		}
		sums = sums[m*ld:]
	}
	gemmPacks.put(pack)
}

// setWeights packs the weights of n channels and all filters of a group, w[0] the
// first, in the order that spreadAVX2 wants, for the elements of a kernel from the
// last to the first and for each of them the channels. block says which they are.
func (t *panelTable) setWeights(g *convolution, w []float64, n, block int) {
	if t.pack == nil {
		t.pack = gemmPacks.get()
	}
	if t.weights == block {
		return
	}
	t.weights = block
	f, depth, kernel := g.f/g.groups, g.depth(), g.kernel()
	a := t.pack.b[:]
	clear(a[(n*kernel&^3)*f:][:4*f])
	for i := range f {
		row := w[i*depth:]
		e := 0
		for k := kernel - 1; k >= 0; k-- {
			for c := range n {
				a[(e/4*f+i)*4+e%4] = row[c*kernel+k]
				e++
			}
		}
	}
}

// spreadPanels adds to n channels of x what y gives by the weights in
// table; see spread. buf is for windows.
func (t *convTask) spreadPanels(x, y []float64, n int, buf []float64, table *panelTable) {
	pack, f, positions := table.pack, t.f/t.groups, t.positions()
	var sums [4 * panelCols]float64
	h, width, count := t.tiles(tileCols)
	for i := range count {
		p := t.tile(i, h, width)
		z, copied := t.window(buf, x, p, n)
		table.setElementsBack(t.convolution, z, n)
		table.setPositions(t.convolution, z, p, panelCols)
		from := y[t.position(p):]
		for q := 0; q < p.size(); q += panelCols {
			v := min(p.size()-q, panelCols)
			copyRows(pack.a[:], panelCols, from[q:], positions, f, v)
			spreadAVX2(&pack.b[0], f, &pack.a[0], n*t.kernel(), &z.x[0], &table.offs[0], &table.at[q], v, table.split[q/panelCols], &sums[0])
		}
		if copied {
			t.putBack(x, z, p, n)
		}
	}
}
