//go:build linux && !purego

package nn

import "testing"

// The routines for panels read and write nothing beside their operands.
func TestPanelsGuarded(t *testing.T) {
	for _, end := range []bool{true, false} {
		testPanels(t, func(n int) []float64 { return guarded(t, n, end) })
	}
}
