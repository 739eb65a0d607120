//go:build purego || !amd64

package nn

// There are no panels: tiles of patches are gathered.

const panelTile = tileCols

type panelTable struct{}

var panelTables freelist[panelTable]

func newPanelTable() *panelTable { return panelTables.get() }

func (g *convolution) panelTiles(most int) (h, w, count, channels int) {
	h, w, count = g.tiles(most)
	return h, w, count, 0
}

func (g *convolution) spreadChannels() (channels int, panels bool) { return 0, false }

func (t *panelTable) setWeights(g *convolution, w []float64, n, block int) {}

func (t *panelTable) free() { panelTables.put(t) }

func (t *convTask) correlatePanels(y, x, w, start []float64, p patch, channels int, buf []float64, table *panelTable) {
}

func (t *convTask) spreadPanels(x, y []float64, n int, buf []float64, table *panelTable) {
}

func (t *convTask) gradPanels(sums []float64, ld int, dy, x []float64, filters, k, m int, p patch, channels int, buf []float64, table *panelTable, acc bool) {
}
