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
// each goroutine, and with AVX2 not even these (conv_panels_amd64.go).
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

// tiles returns the sizes of a tile of up to most positions, some rows of y or a part
// of one, and how many tiles there are for all positions.
func (g *convolution) tiles(most int) (h, w, count int) {
	most = min(tileSize/min(g.depth(), tileRows), most)
	h, w = g.rows.out, g.cols.out
	if w <= most {
		count = ceilDiv(h, min(most/w, h))
		h = ceilDiv(h, count)
		return h, w, ceilDiv(g.rows.out, h)
	}
	count = ceilDiv(w, most&^7)
	w = (ceilDiv(w, count) + 7) &^ 7
	return 1, w, g.rows.out * ceilDiv(g.cols.out, w)
}

// tile returns where tile t, of h×w, begins, and what is there of it.
func (g *convolution) tile(t, h, w int) patch {
	across := ceilDiv(g.cols.out, w)
	i, j := t/across*h, t%across*w
	return patch{i, j, min(h, g.rows.out-i), min(w, g.cols.out-j)}
}

// A convTask is an operation of a convolution as a loop over independent parts.
type convTask struct {
	*convolution
	body       func(t *convTask, lo, hi int)
	x, y, w, b []float64
	act        func(y, x []float64) // what correlate applies to y, or nil

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
// Each sum is one chain of fused multiply-adds that starts with b[f]. Unless act is
// nil it is then applied to y.
func (g *convolution) correlate(y, x, weight, b []float64, samples int, act func(y, x []float64)) {
	t := convTask{convolution: g, x: x, y: y, w: weight, b: b, act: act}
	if g.depthwise() {
		t.body = (*convTask).correlatePlanes
		t.parallel(samples*g.f, g.positions()*g.kernel())
		return
	}
	h, w, count := g.tiles(tileCols)
	t.body = (*convTask).correlate
	t.parallel(samples*g.groups*count, g.f/g.groups*g.depth()*h*w)
}

// correlate does the steps of samples, groups and tiles.
func (t *convTask) correlate(lo, hi int) {
	c, f, depth, positions := t.c/t.groups, t.f/t.groups, t.depth(), t.positions()
	h, width, count, channels := t.panelTiles(tileCols)
	tile, table := convTiles.get(), newPanelTable()
	for u := lo; u < hi; u++ {
		block := u / count // sample·groups + group
		group := block % t.groups
		at := t.tile(u%count, h, width)
		x := t.x[block*c*t.plane():][:c*t.plane()]
		y := t.y[block*f*positions+t.position(at):]
		w := t.w[group*f*depth:]
		var start []float64
		if t.b != nil {
			start = t.b[group*f:][:f]
		}
		if channels > 0 {
			t.correlatePanels(y, x, w, start, at, channels, tile[:], table)
		} else {
			t.correlateTile(y, x, w, start, at, tile[:])
		}
		if t.act != nil {
			for i := range f {
				row := y[i*positions:][:at.size()]
				t.act(row, row)
			}
		}
	}
	table.free()
	convTiles.put(tile)
}

// correlateTile sets y at p, where rows lie positions apart, by products with
// patches that are gathered in tile.
func (t *convTask) correlateTile(y, x, w, start []float64, p patch, tile []float64) {
	f, depth, positions, n := t.f/t.groups, t.depth(), t.positions(), p.size()
	for i := range f {
		v := 0.0
		if start != nil {
			v = start[i]
		}
		fill(y[i*positions:][:n], v)
	}
	if t.direct() {
		gemmSerial(false, false, f, n, depth, w, depth, x[t.position(p):], positions, y, positions, true)
		return
	}
	for k := 0; k < depth; k += tileRows {
		m := min(tileRows, depth-k)
		t.gather(tile, x, p, k, m)
		gemmSerial(false, false, f, n, m, w[k:], depth, tile, n, y, positions, true)
	}
}

// spread sets x to b, or 0 if b is nil, and adds what the transpose of correlate
// gives for y:
//
//	x[c, rows.at(i,u), cols.at(j,v)] += Σ_f w[f,c,u,v] · y[f,i,j]
//
// The sums over f are chains of fused multiply-adds from 0; they are added in
// order of positions (i, j).
func (g *convolution) spread(x, y, w, b []float64, samples int) {
	t := convTask{convolution: g, x: x, y: y, w: w, b: b}
	if g.depthwise() {
		t.body = (*convTask).spreadPlanes
		t.parallel(samples*g.f, g.positions()*g.kernel())
		return
	}
	channels, blocks, _ := g.channelBlocks()
	t.body = (*convTask).spread
	t.parallel(samples*g.groups*blocks, g.f/g.groups*channels*g.kernel()*g.positions())
}

// channelBlocks returns how many channels spread takes at a time, at least one, and
// how many such blocks make a group. Unless there are panels, the channels' patches
// fit in a tile.
func (g *convolution) channelBlocks() (channels, blocks int, panels bool) {
	channels, panels = g.spreadChannels()
	if !panels {
		channels = max(1, tileRows/g.kernel())
	}
	return channels, ceilDiv(g.c/g.groups, channels), panels
}

// spread does the steps of samples, groups and blocks of channels.
//
// Positions that reach the same x follow each other in the opposite order of
// (u, v). So, with tiles in order of positions and the rows of each from the
// last to the first, x is added to in order of positions, whatever the tiles.
func (t *convTask) spread(lo, hi int) {
	c, f, depth, positions := t.c/t.groups, t.f/t.groups, t.depth(), t.positions()
	channels, blocks, panels := t.channelBlocks()
	h, width, count := t.tiles(tileCols)
	tile, table := convTiles.get(), newPanelTable()
	for s := lo; s < hi; s++ {
		block := s / blocks // sample·groups + group
		begin := s % blocks * channels * t.kernel()
		end := min(begin+channels*t.kernel(), depth)
		x := t.x[block*c*t.plane():][:c*t.plane()]
		y := t.y[block*f*positions:]
		w := t.w[block%t.groups*f*depth:]
		for i := begin / t.kernel(); i < end/t.kernel(); i++ {
			start := 0.0
			if t.b != nil {
				start = t.b[block%t.groups*c+i]
			}
			fill(x[i*t.plane():][:t.plane()], start)
		}
		if t.direct() {
			gemmSerial(true, false, end-begin, positions, f, w[begin:], depth, y, positions, x[begin*positions:], positions, true)
			continue
		}
		if panels {
			table.setWeights(t.convolution, w[begin:], (end-begin)/t.kernel(), s%(t.groups*blocks))
			t.spreadPanels(x[begin/t.kernel()*t.plane():], y, (end-begin)/t.kernel(), tile[:], table)
			continue
		}
		for i := range count {
			at := t.tile(i, h, width)
			q, n := t.position(at), at.size()
			for k := end; k > begin; {
				m := min(tileRows, k-begin)
				k -= m
				gemmSerial(true, false, m, n, f, w[k:], depth, y[q:], positions, tile[:], n, false)
				t.scatter(x, tile[:], at, k, m)
			}
		}
	}
	table.free()
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
//
// Kernels of vectors want dy·Xᵀ or its transpose with the right operand packed,
// which is the smaller one if there are fewer filters than columns: then dwᵀ = X·dyᵀ
// is summed, and transposed at the end. Each sum is the same chain either way.
func (t *convTask) gradients(lo, hi int) {
	c, f, depth, positions := t.c/t.groups, t.f/t.groups, t.depth(), t.positions()
	h, width, count, channels := t.panelTiles(panelTile)
	blocks := ceilDiv(depth, tileRows)
	tile, sums, table := convTiles.get(), convTiles.get(), newPanelTable()
	_, nr, _ := gemmTile()
	for u := lo; u < hi; u++ {
		dw, db, add, first, end := t.part(u / t.gradSteps())
		k := u % blocks * tileRows
		m := min(tileRows, depth-k)
		i := u / blocks % ceilDiv(f, gradFilter) * gradFilter
		filters := min(gradFilter, f-i)
		group := u % t.gradSteps() / (t.gradSteps() / t.groups)
		i += group * f
		dw = dw[i*depth+k:]
		turned, ld := filters < m && nr > 0, filters
		if channels > 0 {
			turned, ld = true, (filters+7)&^7
		}
		if turned && add {
			transpose(sums[:], ld, dw, depth, filters, m)
		}
		for s := first; s < end; s++ {
			x := t.x[(s*t.c+group*c)*t.plane():][:c*t.plane()]
			dy := t.y[(s*t.f+i)*positions:]
			acc := add || s > first
			for j := range count {
				at := t.tile(j, h, width)
				if channels > 0 {
					t.gradPanels(sums[:], ld, dy, x, filters, k, m, at, channels, tile[:], table, acc || j > 0)
					continue
				}
				q, n := t.position(at), at.size()
				from, stride := tile[:], n
				if t.direct() {
					from, stride = x[k*positions+q:], positions
				} else {
					t.gather(tile[:], x, at, k, m)
				}
				if turned {
					gemmSerial(false, true, m, filters, n, from, stride, dy[q:], positions, sums[:], filters, acc || j > 0)
				} else {
					gemmSerial(false, true, filters, m, n, dy[q:], positions, from, stride, dw, depth, acc || j > 0)
				}
			}
			if k == 0 && t.b != nil {
				addSums(db[i:i+filters], dy, positions, acc)
			}
		}
		if turned {
			transpose(dw, depth, sums[:], ld, m, filters)
		}
	}
	table.free()
	convTiles.put(sums)
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

// transpose writes the m×n matrix x, rows xs apart, as n×m to z, rows zs apart.
func transpose(z []float64, zs int, x []float64, xs, m, n int) {
	for i := range n {
		row := z[i*zs:][:m]
		for j := range row {
			row[j] = x[j*xs+i]
		}
	}
}
